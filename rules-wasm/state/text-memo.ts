// SPDX-License-Identifier: Apache-2.0
// A text for each key: the last address that a process spoke to, the file that it was started from. What was
// not used for the given time is forgotten, and so is what had to make room for others.
//
//   const FETCHED = new TextMemo(minutes(10));
//   ... FETCHED.set(e, e.proc.key, e.fd.name);
//   ... return FETCHED.get(e, e.proc.key).startsWith("/tmp/");
import { Event } from "../event";
import { Str } from "../str";
import { clearSpan, setSpan, textMemory } from "../wire/frame";
import { StateTable } from "./table";

const KIND: u32 = 7;
const HEAD: usize = 8;
const BYTES_MAX: u32 = 4096;

/** A text for each key, for `lifetime` nanoseconds after its last use, for `capacity` keys at most. */
export class TextMemo {
  private readonly table: StateTable;
  private readonly most: u32;
  /** What get() gives lies here, so that asking takes no memory. */
  private readonly copy: usize;
  private readonly span: usize;

  /** `most`: bytes of a text that are kept; what is longer is cut. */
  constructor(lifetime: u64, most: u32 = 128, capacity: u32 = 256) {
    if (most == 0 || most > BYTES_MAX) throw new Error("a text of a state has between 1 and 4,096 bytes");
    this.most = most;
    this.copy = textMemory(most);
    this.span = heap.alloc(8);
    this.table = new StateTable(KIND, capacity, HEAD + <usize>most, lifetime);
  }

  /** A copy, good until the next get(). What is not there has no value (`exists`). */
  get(e: Event, key: u64): Str {
    const entry = this.table.find(key, e.time);
    if (entry == 0 || load<u32>(entry, 4) == 0) return changetype<Str>(clearSpan(this.span));
    const size = load<u32>(entry);
    memory.copy(this.copy, entry + HEAD, size);
    return changetype<Str>(setSpan(this.span, this.copy, size));
  }

  set(e: Event, key: u64, text: Str): void {
    const entry = this.table.take(key, e.time), size = min(text.size, this.most);
    memory.copy(entry + HEAD, text.address, size);
    store<u32>(entry, size);
    store<u32>(entry, u32(text.exists), 4);
  }

  delete(key: u64): void {
    this.table.drop(key);
  }
}
