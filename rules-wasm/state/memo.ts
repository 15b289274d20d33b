// SPDX-License-Identifier: Apache-2.0
// A number for each key: what a process did so far, how much a container sent. What was not used for the
// given time is forgotten, and so is what had to make room for others.
//
//   const SENT = new Memo(minutes(10));
//   ... return SENT.add(e, e.proc.key, e.res) > 100_000_000;
import { Event } from "../event";
import { StateTable } from "./table";

const KIND: u32 = 3;

/** A number for each key, for `lifetime` nanoseconds after its last use, for `capacity` keys at most. */
export class Memo {
  private readonly table: StateTable;

  constructor(lifetime: u64, capacity: u32 = 1024) {
    this.table = new StateTable(KIND, capacity, 16, lifetime);
  }

  has(e: Event, key: u64): bool {
    const entry = this.table.find(key, e.time);
    return entry != 0 && load<u64>(entry, 8) != 0;
  }

  /** 0 for what is not there. */
  get(e: Event, key: u64): i64 {
    const entry = this.table.find(key, e.time);
    return entry == 0 ? 0 : load<i64>(entry);
  }

  set(e: Event, key: u64, value: i64): void {
    const entry = this.table.take(key, e.time);
    store<i64>(entry, value);
    store<u64>(entry, 1, 8);
  }

  /** Adds, and gives the sum. */
  add(e: Event, key: u64, value: i64): i64 {
    const sum = this.get(e, key) + value;
    this.set(e, key, sum);
    return sum;
  }

  delete(key: u64): void {
    this.table.drop(key);
  }
}
