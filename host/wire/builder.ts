// SPDX-License-Identifier: Apache-2.0
// Makes batches by hand, for tests.yaml of policies and for our own tests: processes, descriptors and records
// are given by the names of events.yaml, what is left out has no value. `bytes()` is a frame as the agent
// sends it (without the size in front).
//
//   const b = new BatchBuilder();
//   const sh = b.process({ pid: 7, name: "sh", args: ["-c", "id"] });
//   b.record("openat", { process: sh, result: -2, params: { dirfd: -100, name: "/etc/shadow", flags: 0 } });
//   openBatch(b.bytes());
import {
  DESCRIPTOR_FIELDS,
  DESCRIPTOR_SIZE,
  type EventType,
  type Field,
  HEADER_SIZE,
  LOST,
  PROCESS_FIELDS,
  PROCESS_SIZE,
} from "../../build/generated/events.js";
import { encodeBatch } from "./encode.js";
import { Growing, InternedTexts } from "./interned.js";
import { EVENT_OF_NAME, isSpan, NULL } from "./layout.js";

/** Integers, text, bytes, or a list of texts (a strlist). */
export type SlotValue = number | bigint | boolean | string | Uint8Array | readonly string[] | null | undefined;
/** Values by the names of events.yaml. The builder throws an Error at a name that the table does not have. */
export type Slots = Readonly<Record<string, SlotValue>>;

/**
 * What stands in a record's header and slots. `process` and `descriptor` are indices that BatchBuilder gave
 * out; `time` and `latency` are nanoseconds; what is left out has a fixed value, so that two runs make the
 * same bytes.
 */
export interface RecordOptions {
  readonly process?: number;
  readonly descriptor?: number;
  readonly flags?: number;
  readonly time?: bigint;
  readonly tid?: number;
  readonly result?: number | bigint;
  readonly latency?: number;
  readonly fd?: number;
  readonly params?: Slots;
}

/**
 * The envelope of the batch. `clock` is in nanoseconds since the epoch, `first` is the evt.num of record 0,
 * and another `schema` makes a batch that every reader refuses.
 */
export interface BatchOptions {
  readonly source?: Uint8Array;
  readonly seq?: number;
  readonly clock?: bigint;
  readonly first?: number;
  readonly lost?: readonly number[];
  readonly schema?: bigint;
}

const ABSENT = -(2n ** 63n);

/** Collects processes, descriptors and records, and writes them as one frame. Equal texts are stored once. */
export class BatchBuilder {
  #options: BatchOptions;
  readonly #processes = new Growing();
  readonly #descriptors = new Growing();
  readonly #records = new Growing();
  readonly #strings = new InternedTexts();
  #count = 0;
  readonly #texts = new Map<string, Interned>();

  constructor(options: BatchOptions = {}) {
    this.#options = options;
  }

  /** Adds a process; gives its index. */
  process(slots: Slots): number {
    return this.#entry(this.#processes, PROCESS_FIELDS, PROCESS_SIZE, slots) / PROCESS_SIZE;
  }

  /** Adds a descriptor; `type` may be its letter. */
  descriptor(slots: Slots): number {
    const { type } = slots;
    const numbers = typeof type === "string" ? { ...slots, type: type.charCodeAt(0) } : slots;
    return this.#entry(this.#descriptors, DESCRIPTOR_FIELDS, DESCRIPTOR_SIZE, numbers) / DESCRIPTOR_SIZE;
  }

  /** As descriptor(), of which nothing is known yet: gives where it begins, for putOfDescriptor(). */
  blankDescriptor(): number {
    return this.#descriptors.append(formOf(DESCRIPTOR_FIELDS, DESCRIPTOR_SIZE).empty);
  }

  /** Puts a value at a place of the descriptors; null: it has none there. */
  putOfDescriptor(at: number, value: number | bigint | string | Uint8Array | null): void {
    const { view } = this.#descriptors;
    if (value === null) return;
    if (typeof value === "string" || value instanceof Uint8Array) this.#span(view, at, value);
    else putInteger(view, at, value);
  }

  record(event: string, options: RecordOptions = {}): this {
    const type = EVENT_OF_NAME.get(event);
    if (type === undefined) throw new Error(`no event ${event} in events.yaml`);
    const at = this.blank(type, options);
    this.#fill(this.#records, at, formOfRecord(type), options.params ?? {});
    return this;
  }

  /**
   * As record() without parameters: gives where the record begins, for putNumber() and putBytes(). Slots that
   * are not put have no value.
   */
  blank(type: EventType, options: RecordOptions): number {
    const at = this.bare(type, options.tid ?? 1);
    const { view } = this.#records;
    view.setUint16(at + 2, options.flags ?? 0, true);
    view.setBigUint64(at + 8, options.time ?? 1_700_000_000_000_000_000n, true);
    view.setUint32(at + 20, options.process ?? NULL, true);
    putInteger(view, at + 24, options.result ?? 0);
    view.setUint32(at + 32, options.latency ?? 0, true);
    view.setInt32(at + 36, options.fd ?? -1, true);
    view.setUint32(at + 40, options.descriptor ?? NULL, true);
    return at;
  }

  /** As blank(), of which nothing is known but its thread. */
  bare(type: EventType, tid: number): number {
    const { empty } = formOfRecord(type);
    const at = this.#records.append(empty);
    this.#records.view.setUint32(at + 16, tid, true);
    this.#count++;
    return at;
  }

  /** Puts 64 bits at a place of the records. */
  putNumber(at: number, low: number, high: number): void {
    const { view } = this.#records;
    view.setInt32(at, low, true);
    view.setInt32(at + 4, high, true);
  }

  /** Puts a text, or other bytes, at a place of the records. */
  putBytes(at: number, bytes: Uint8Array, start: number, end: number): void {
    const { view } = this.#records;
    view.setUint32(at, this.#strings.add(bytes, start, end), true);
    view.setUint32(at + 4, end - start, true);
  }

  /** `room`: gives the memory for so many bytes; by default it is new. */
  bytes(room?: (size: number) => Uint8Array): Uint8Array {
    const {
      source = new Uint8Array(16).fill(0xab),
      seq = 1,
      clock = 1_700_000_000_000_000_000n,
      first = 1,
    } = this.#options;
    const { schema, lost = LOST.map(() => 0) } = this.#options;
    const parts = {
      source,
      seq,
      clock,
      first,
      count: this.#count,
      lost,
      processes: this.#processes.whole(),
      descriptors: this.#descriptors.whole(),
      strings: this.#strings.whole(),
      records: this.#records.whole(),
      ...(schema === undefined ? {} : { schema }),
    };
    return encodeBatch(parts, room);
  }

  /** Begins another batch: with nothing in it, in the memory of this one. */
  restart(options: BatchOptions): void {
    this.#options = options;
    for (const section of [this.#processes, this.#descriptors, this.#records, this.#strings]) section.clear();
    this.#texts.clear();
    this.#count = 0;
  }

  /** Gives where it begins. */
  #entry(section: Growing, fields: readonly Field[], size: number, slots: Slots): number {
    const form = formOf(fields, size);
    const begin = section.append(form.empty);
    this.#fill(section, begin, form, slots);
    return begin;
  }

  #fill({ view }: Growing, begin: number, form: Form, slots: Slots): void {
    let i = 0;
    for (const name in slots) {
      const value = slots[name];
      const place = placeIn(form, name, i++);
      if (value === undefined || value === null) continue;
      const at = begin + place.at;
      if (place.isSpan) this.#span(view, at, value);
      else putInteger(view, at, value as number | bigint | boolean);
    }
  }

  #span(view: DataView, at: number, value: NonNullable<SlotValue>): void {
    const text = Array.isArray(value) ? value.map((one) => `${one}\0`).join("") : value;
    const { offset, size } = text instanceof Uint8Array ? this.#intern(text) : this.#internText(String(text));
    view.setUint32(at, offset, true);
    view.setUint32(at + 4, size, true);
  }

  #internText(text: string): Interned {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    const made = this.#intern(Buffer.from(text));
    this.#texts.set(text, made);
    return made;
  }

  #intern(bytes: Uint8Array): Interned {
    return { offset: this.#strings.add(bytes), size: bytes.length };
  }
}

/** `i`: how many names came before. Who fills in one entry after the other does so in the same order. */
function placeIn({ places, lastNames, lastPlaces }: Form, name: string, i: number): Place {
  if (lastNames[i] === name) return lastPlaces[i]!;
  const place = places.get(name);
  if (place === undefined) throw new Error(`no slot named ${name}; there are ${[...places.keys()].join(" ")}`);
  lastNames[i] = name;
  lastPlaces[i] = place;
  return place;
}

function putInteger(view: DataView, at: number, value: number | bigint | boolean): void {
  if (typeof value === "number" && (value | 0) === value) {
    // Most are small, and a bigint is an object.
    view.setInt32(at, value, true);
    view.setInt32(at + 4, value < 0 ? -1 : 0, true);
  } else view.setBigInt64(at, BigInt.asIntN(64, BigInt(value)), true);
}

interface Interned {
  readonly offset: number;
  readonly size: number;
}

interface Place {
  readonly at: number;
  readonly isSpan: boolean;
}

/** Where each slot of a kind of entry lies, and an entry of which nothing is known. */
interface Form {
  readonly places: ReadonlyMap<string, Place>;
  /** As the last entry was filled in. */
  readonly lastNames: string[];
  readonly lastPlaces: Place[];
  readonly empty: Uint8Array<ArrayBuffer>;
}

const FORMS = new Map<readonly Field[], Form>();
const RECORD_FORMS: (Form | undefined)[] = []; // by id of the event

function formOfRecord(type: EventType): Form {
  let form = RECORD_FORMS[type.id];
  if (form === undefined) {
    form = makeForm(type.params, HEADER_SIZE + 8 * type.slots, HEADER_SIZE);
    const view = new DataView(form.empty.buffer);
    view.setUint16(0, type.id, true);
    view.setUint32(4, form.empty.length, true);
    view.setUint32(20, NULL, true);
    view.setInt32(36, -1, true);
    view.setUint32(40, NULL, true);
    RECORD_FORMS[type.id] = form;
  }
  return form;
}

function formOf(fields: readonly Field[], size: number): Form {
  let form = FORMS.get(fields);
  if (form === undefined) {
    form = makeForm(fields, size, 0);
    FORMS.set(fields, form);
  }
  return form;
}

function makeForm(fields: readonly Field[], size: number, base: number): Form {
  const empty = new Uint8Array(size);
  const view = new DataView(empty.buffer);
  const slots = fields.filter((field) => field.slot >= 0);
  const places = new Map(slots.map((field) => [field.name, { at: base + 8 * field.slot, isSpan: isSpan(field) }]));
  for (const { at, isSpan } of places.values())
    if (isSpan) view.setUint32(at, NULL, true);
    else view.setBigInt64(at, ABSENT, true);
  return { places, lastNames: [], lastPlaces: [], empty };
}
