// SPDX-License-Identifier: Apache-2.0
// What counters, gauges and histograms have in common: values of labels, and the slot that belongs to them.
//
//   REQUESTS.label("GET").label(status).add(1);
//
// Labels are given in the order of their names, all of them, before the number. A value is a text of the
// program, a text or an address of an event or a whole number; of a long one the first 128 bytes count.
// Give labels few values: a slot is taken for each set, and what finds none is counted together, as
// `otel.metric.overflow`.
import { Addr, ADDR_TEXT_MAX, writeAddr } from "../addr";
import { Str } from "../str";
import { utf8Size, writeNumber, writeUtf8 } from "../text";
import { declare, markFull, keepText, measured, metricsDirty, metricsRound, refuse, textAt } from "./region";

const SLOT_HEAD: usize = 8;
const LABEL_MAX: u32 = 128;
const LABELS_MAX: u32 = 8;
/** Slots that are looked at before a set of labels counts among those without one. */
const TRIES: u32 = 32;
/** So many mean that the slots will not do for long. */
const MANY_TRIES: u32 = 8;
/** Sets of labels whose slots are remembered, a power of two, and bytes of each: key 8, round 4, slot 4. */
const KNOWN: usize = 128;
const KNOWN_SIZE: usize = 16;
const FNV: u32 = 16777619;
const FNV_BEGIN: u32 = 2166136261;

/** Values of labels that were given, until the number comes: sizes, then text of 128 bytes each. */
const given: usize = memory.data(4 * 8 + 128 * 8);
/** For what is made into text: nothing is allocated for an event. */
const scratch: usize = memory.data(ADDR_TEXT_MAX);
let givenCount: u32 = 0;
let givenHash: u32 = FNV_BEGIN;
let givenTo: usize = 0;

/** What an instrument is made of. Everything is a constant: the compiler reads it. */
export class InstrumentSpec {
  /** As in `http.server.request.duration`: words of small letters with dots between. */
  name: string = "";
  /** Of UCUM: s, By, 1, {request}. */
  unit: string = "1";
  doc: string = "";
  /** Names of labels: at most eight. */
  labels: string[] = [];
  /** Upper bounds of a histogram's buckets. */
  bounds: f64[] = [];
  /** How many sets of labels may be measured between two looks of the host, and one for the others. */
  slots: i32 = 128;
}

/** Of counter(), gauge(), histogram() and exponential(). */
export abstract class Instrument {
  readonly name: string;
  private readonly count: u32;
  private readonly slots: u32;
  private readonly slotSize: usize;
  /** Bytes of a slot before its value. */
  protected readonly valueAt: usize;
  private base: usize = 0;
  private readonly known: usize;
  /** Where the slot that is found next will be remembered, and by which key. 0: nowhere. */
  private asked: usize = 0;
  private askedKey: u64 = 0;
  /** The slot of the key that was known. 0: labels say which. */
  private found: usize = 0;

  constructor(is: InstrumentSpec, buckets: u32) {
    this.name = is.name;
    this.count = is.labels.length;
    this.slots = is.labels.length == 0 ? 2 : is.slots;
    this.valueAt = SLOT_HEAD + 8 * <usize>this.count;
    this.slotSize = (this.valueAt + 8 + 4 * <usize>buckets + 7) & ~7;
    this.known = this.count == 0 ? 0 : heap.alloc(KNOWN * KNOWN_SIZE);
    if (this.known != 0) memory.fill(this.known, 0, KNOWN * KNOWN_SIZE);
    declare(this);
  }

  /**
   * Whether the labels that belong to `key` are known, so that the number may come at once. If not, give them
   * all, as ever. A key stands for one set of labels: where another one may belong to it, it is another key.
   *
   *   if (!TIMES.labelled(key)) TIMES.label(program).label(status);
   *   TIMES.record(seconds);
   */
  labelled(key: u64): bool {
    const place = this.known + (<usize>(<u32>(key ^ (key >> 32))) & (KNOWN - 1)) * KNOWN_SIZE;
    givenTo = 0;
    this.found = 0;
    if (this.count == 0) return true;
    if (load<u64>(place) == key && load<u32>(place, 8) == metricsRound && metricsDirty != 0) {
      this.found = load<u32>(place, 12);
      return true;
    }
    this.asked = place;
    this.askedKey = key;
    return false;
  }

  /** Takes its slots from `at` on; gives where they end. */
  place(at: usize): usize {
    this.base = at;
    return at + this.slotSize * this.slots;
  }

  /** The slot of the labels that were given, used from now on. */
  protected slot(): usize {
    if (this.found == 0) return this.remember(this.search());
    const at = this.found;
    this.found = 0;
    return at;
  }

  private remember(at: usize): usize {
    const place = this.asked;
    if (place == 0) return at;
    this.asked = 0;
    if (at == this.base) return at; // another look may find a slot
    store<u64>(place, this.askedKey);
    store<u32>(place, metricsRound, 8);
    store<u32>(place, <u32>at, 12);
    return at;
  }

  private search(): usize {
    const count = givenTo == changetype<usize>(this) ? givenCount : 0, hash = givenHash;
    if (count != this.count) throw new Error(`"${this.name}" was given ${count} labels, and has ${this.count}`);
    givenTo = 0;
    measured();
    const mask = this.slots - 1;
    let place = count == 0 ? 0 : hash % mask;
    for (let tries: u32 = 0, most = min(TRIES, mask); tries < most; tries++) {
      const at = this.base + this.slotSize * (1 + place);
      if (load<u32>(at) == 0) {
        if (tries >= MANY_TRIES) markFull();
        return this.claim(at, hash) ? at : this.other();
      }
      if (count == 0 || (load<u32>(at, 4) == hash && this.isOf(at))) return at;
      place = place + 1 == mask ? 0 : place + 1;
    }
    return this.other();
  }

  /** It was given what is no number: counts that, and takes no slot. */
  protected refuse(): void {
    givenTo = 0;
    this.found = 0;
    this.asked = 0;
    refuse();
  }

  /** The slot of all that have none. */
  private other(): usize {
    markFull();
    store<u32>(this.base, 1);
    return this.base;
  }

  private claim(at: usize, hash: u32): bool {
    for (let i: u32 = 0; i < this.count; i++) {
      const size = load<u32>(given + 4 * i), offset = keepText(textOf(i), size);
      if (offset < 0) return false;
      store<u32>(at + SLOT_HEAD + 8 * i, offset);
      store<u32>(at + SLOT_HEAD + 8 * i, size, 4);
    }
    store<u32>(at, hash, 4);
    store<u32>(at, 1);
    return true;
  }

  private isOf(at: usize): bool {
    for (let i: u32 = 0; i < this.count; i++) {
      const size = load<u32>(at + SLOT_HEAD + 8 * i, 4);
      if (size != load<u32>(given + 4 * i)) return false;
      if (memory.compare(textAt(load<u32>(at + SLOT_HEAD + 8 * i)), textOf(i), size) != 0) return false;
    }
    return true;
  }
}

/** Gives an instrument the value of its next label: a string, a Str, an Addr or a whole number. */
export function giveLabel<T>(to: usize, value: T): void {
  if (givenTo != to) {
    givenTo = to;
    givenCount = 0;
    givenHash = FNV_BEGIN;
  }
  if (isString<T>()) giveString(changetype<string>(value));
  else if (isInteger<T>()) giveNumber(<i64>value);
  else if (value instanceof Addr) giveBytes(scratch, writeAddr(changetype<Addr>(value), scratch));
  else giveStr(changetype<Str>(value));
}

/** The wire's integer without a value is an empty label. */
function giveNumber(value: i64): void {
  if (value == i64.MIN_VALUE) return giveBytes(scratch, 0);
  const isNegative = value < 0;
  if (isNegative) store<u8>(scratch, 0x2d);
  const end = writeNumber(isNegative ? 0 - <u64>value : <u64>value, 10, scratch + usize(isNegative));
  giveBytes(scratch, <u32>(end - scratch));
}

function giveString(value: string): void {
  const size = utf8Size(value), copy = heap.alloc(<usize>size + 8);
  writeUtf8(value, copy);
  giveBytes(copy, size);
  heap.free(copy);
}

function giveStr(value: Str): void {
  giveBytes(value.address, value.size);
}

/** The same, of bytes in UTF-8. */
function giveBytes(from: usize, size: u32): void {
  if (givenCount == LABELS_MAX) throw new Error("an instrument has at most eight labels");
  const kept = min(size, LABEL_MAX), at = textOf(givenCount);
  memory.copy(at, from, kept);
  store<u32>(given + 4 * givenCount, kept);
  let hash = (givenHash ^ kept) * FNV;
  for (let i: u32 = 0; i < kept; i++) hash = (hash ^ load<u8>(at + i)) * FNV;
  givenHash = hash;
  givenCount++;
}

// @ts-ignore: decorator
@inline function textOf(label: u32): usize { return given + 32 + <usize>LABEL_MAX * label; }
