// SPDX-License-Identifier: Apache-2.0
// How often something happened within a time: failed logins of a user, connections of a process. The window
// slides in eight steps, so a count may hold up to an eighth of the window more than was asked for, never
// less.
//
//   const FAILURES = new Counter(minutes(1));
//   ... return FAILURES.hit(e, keyOf(e.proc.user)) == 10;
import { Event } from "../event";
import { StateTable } from "./table";

const STEPS: u64 = 8;
const STEP_BYTES: usize = 4;
const KIND: u32 = 1;

/** Counts for each key. One policy may have several. */
export class Counter {
  private readonly table: StateTable;
  private readonly step: u64;

  /** `window` in ns (seconds(), minutes() ...); `capacity`: how many keys are told apart at the same time. */
  constructor(window: u64, capacity: u32 = 1024) {
    const step = max<u64>(window / STEPS, 1);
    this.step = step;
    this.table = new StateTable(KIND, capacity, 8 + <usize>(STEPS + 1) * STEP_BYTES, window + step);
  }

  /** Counts one, and gives how many there were in the window, this one too. */
  hit(e: Event, key: u64): u32 {
    const entry = this.table.take(key, e.time);
    this.turn(entry, e.time);
    const place = entry + 8 + <usize>((e.time / this.step) % (STEPS + 1)) * STEP_BYTES;
    store<u32>(place, load<u32>(place) + 1);
    return this.sum(entry);
  }

  /** How many there were in the window. */
  count(e: Event, key: u64): u32 {
    const entry = this.table.find(key, e.time);
    if (entry == 0) return 0;
    this.table.touch();
    this.turn(entry, e.time);
    return this.sum(entry);
  }

  /** Begins anew: so that ten failures are told once, not at the eleventh again. */
  reset(key: u64): void {
    this.table.drop(key);
  }

  /** Empties the steps that have left the window. An event that comes late counts in the newest step. */
  private turn(entry: usize, now: u64): void {
    const step = now / this.step, last = load<u64>(entry);
    if (step <= last) return;
    const gone = last == 0 ? STEPS + 1 : min(step - last, STEPS + 1);
    for (let i: u64 = 0; i < gone; i++) store<u32>(entry + 8 + <usize>((step - i) % (STEPS + 1)) * STEP_BYTES, 0);
    store<u64>(entry, step);
  }

  private sum(entry: usize): u32 {
    let sum: u32 = 0;
    for (let i: usize = 0; i <= <usize>STEPS; i++) sum += load<u32>(entry + 8 + i * STEP_BYTES);
    return sum;
  }
}
