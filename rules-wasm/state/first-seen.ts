// SPDX-License-Identifier: Apache-2.0
// Whether something is new: the first time a program runs in a container, the first connection to an address.
// What was not seen for the given time is new again, and so is what had to make room for others.
//
//   const PROGRAMS = new FirstSeen(hours(24));
//   ... return PROGRAMS.isNew(e, keyOf(e.proc.exepath));
import { Event } from "../event";
import { StateTable } from "./table";

const KIND: u32 = 2;

/** Remembers keys for `lifetime` nanoseconds after their last use, `capacity` of them at most. */
export class FirstSeen {
  private readonly table: StateTable;

  constructor(lifetime: u64, capacity: u32 = 4096) {
    this.table = new StateTable(KIND, capacity, 8, lifetime);
  }

  /** True the first time, false from then on. */
  isNew(e: Event, key: u64): bool {
    const entry = this.table.take(key, e.time);
    const isKnown = load<u64>(entry) != 0;
    store<u64>(entry, 1);
    return !isKnown;
  }
}
