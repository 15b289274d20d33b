// SPDX-License-Identifier: Apache-2.0
// Several things one after another, within a time, in the order in which they happened and not in that in
// which they are judged: facts of several tasks come late and early. Of each step the last four times are
// remembered.
//
//   const MOVE = new Steps(minutes(10), 2);
//   ... return MOVE.happen(e, keyOf(e.key), e.kind == "key made" ? 0 : 1);
//
// For processes that descend from one another there is Sequence.
import { Event } from "../event";
import { StateTable } from "./table";

const KIND: u32 = 9;
const MOST: u32 = 8;
/** Times of a step, and bytes of a time (ns since the epoch; 0: free). */
const TIMES: u32 = 4;
const BYTES: usize = 8;

/** Whether steps have happened in their order. */
export class Steps {
  private readonly table: StateTable;
  private readonly within: u64;
  private readonly steps: u32;

  /** `within` in ns, from the first step to the last; `steps`: 2 to 8 of them. */
  constructor(within: u64, steps: u32 = 2, capacity: u32 = 256) {
    if (steps < 2 || steps > MOST) throw new Error("there are two to eight steps");
    this.within = within;
    this.steps = steps;
    this.table = new StateTable(KIND, capacity, <usize>(steps * TIMES) * BYTES, within);
  }

  /**
   * Step number `step`, from 0, has happened. Gives whether all have, in their order, this one among them.
   */
  happen(e: Event, key: u64, step: u32): bool {
    if (step >= this.steps) throw new Error(`there is no step ${step}: steps are numbered from 0`);
    const entry = this.table.take(key, e.time);
    remember(placeOf(entry, step), e.time);
    let first = e.time, last = e.time;
    for (let i = step; i > 0; i--) {
      first = latestUntil(placeOf(entry, i - 1), first);
      if (first == 0) return false;
    }
    for (let i = step + 1; i < this.steps; i++) {
      last = earliestFrom(placeOf(entry, i), last);
      if (last == 0) return false;
    }
    return last - first <= this.within;
  }

  /** Begins anew: so that what happened is told once. */
  reset(key: u64): void {
    this.table.drop(key);
  }
}

// @ts-ignore: decorator
@inline function placeOf(entry: usize, step: u32): usize { return entry + <usize>(step * TIMES) * BYTES; }

/** In the place of the oldest, if it is later than that. */
function remember(times: usize, time: u64): void {
  let oldest = times;
  for (let i: u32 = 0; i < TIMES; i++) {
    const at = times + <usize>i * BYTES, is = load<u64>(at);
    if (is == time) return;
    if (is < load<u64>(oldest)) oldest = at;
  }
  if (load<u64>(oldest) < time) store<u64>(oldest, time);
}

/** The last of a step's times that is not after `time`; 0: there is none. */
function latestUntil(times: usize, time: u64): u64 {
  let found: u64 = 0;
  for (let i: u32 = 0; i < TIMES; i++) {
    const is = load<u64>(times + <usize>i * BYTES);
    if (is <= time) found = max(found, is);
  }
  return found;
}

/** The first of a step's times that is not before `time`; 0: there is none. */
function earliestFrom(times: usize, time: u64): u64 {
  let found = u64.MAX_VALUE;
  for (let i: u32 = 0; i < TIMES; i++) {
    const is = load<u64>(times + <usize>i * BYTES);
    if (is >= time) found = min(found, is);
  }
  return found == u64.MAX_VALUE ? 0 : found;
}
