// SPDX-License-Identifier: Apache-2.0
// How many different things were seen within a time: ports that a process tried, files that a user read. Each
// key remembers a fixed number of them: where there are more, the one that was seen longest ago makes room,
// and the answer stays at that number. Times may come in any order: all that count were seen within one
// window, the event among them.
//
//   const PORTS = new Distinct(minutes(1));
//   ... return PORTS.add(e, e.proc.key, e.addr.port) == 20;
import { Event } from "../event";
import { StateTable } from "./table";

const KIND: u32 = 8;
const BYTES: usize = 16; // u64 what, u64 when it was seen last (0: free)
const MOST: u32 = 1024;

/** Counts different things for each key. One policy may have several. */
export class Distinct {
  private readonly table: StateTable;
  private readonly window: u64;
  private readonly most: u32;

  /** `window` in ns; `most`: how far it counts; `capacity`: how many keys are told apart at the same time. */
  constructor(window: u64, most: u32 = 32, capacity: u32 = 128) {
    if (most == 0 || most > MOST) throw new Error("different things are counted up to between 1 and 1,024");
    this.window = window;
    this.most = most;
    this.table = new StateTable(KIND, capacity, <usize>most * BYTES, window);
  }

  /** Adds one, and gives how many different ones there were in the window, this one too. */
  add(e: Event, key: u64, what: u64): u32 {
    const entry = this.table.take(key, e.time), end = entry + <usize>this.most * BYTES;
    let place = entry, others: u32 = 0, isThere = false, isLate = false;
    for (let at = entry; at < end; at += BYTES) {
      const seen = load<u64>(at, 8);
      if (seen != 0 && load<u64>(at) == what) {
        place = at;
        isThere = true;
        continue;
      }
      if (seen > e.time) isLate = true;
      else if (this.isBefore(seen, e.time)) others++;
      if (!isThere && seen < load<u64>(place, 8)) place = at;
    }
    store<u64>(place, what);
    store<u64>(place, isThere ? max(e.time, load<u64>(place, 8)) : e.time, 8);
    return min(isLate ? this.mostAround(entry, what, e.time) : others + 1, this.most);
  }

  /** How many different ones there were in the window. */
  count(e: Event, key: u64): u32 {
    const entry = this.table.find(key, e.time);
    if (entry == 0) return 0;
    let count: u32 = 0;
    for (let i: u32 = 0; i < this.most; i++) {
      if (this.isBefore(load<u64>(entry + <usize>i * BYTES, 8), e.time)) count++;
    }
    return count;
  }

  /** Begins anew: so that twenty ports are told once, not at the next one again. */
  reset(key: u64): void {
    this.table.drop(key);
  }

  /** How many others, and this one, lie in the window that has the most of them and in which `now` lies. */
  private mostAround(entry: usize, what: u64, now: u64): u32 {
    let most: u32 = 0;
    for (let i: u32 = 0; i <= this.most; i++) {
      const begin = i == this.most ? now : load<u64>(entry + <usize>i * BYTES, 8);
      if (begin == 0 || begin > now || now - begin > this.window) continue;
      let count: u32 = 1;
      for (let k: u32 = 0; k < this.most; k++) {
        const at = entry + <usize>k * BYTES, seen = load<u64>(at, 8);
        if (seen >= begin && seen - begin <= this.window && load<u64>(at) != what) count++;
      }
      most = max(most, count);
    }
    return most;
  }

  private isBefore(seen: u64, now: u64): bool {
    return seen != 0 && seen <= now && now - seen <= this.window;
  }
}
