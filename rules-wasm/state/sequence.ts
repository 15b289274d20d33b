// SPDX-License-Identifier: Apache-2.0
// One thing after another, within a time, by the same processes: a file is downloaded, then it is run. "The
// same" is a process, those it descends from up to `levels`, and all that descend from any of these: siblings
// under one shell belong together, two services under one init do not.
//
//   const DOWNLOADED = new Sequence(minutes(5));
//   if (e.evt_type == EventId.execve) return isFromTmp(e) && DOWNLOADED.follows(e);
//   if (isDownload(e)) DOWNLOADED.begin(e);
//   return false;
//
// Both in one rule, on the events of both: a rule that never raises an alert fails `policy test`.
import { Event } from "../event";
import { Process } from "../process";
import { StateTable } from "./table";

const KIND: u32 = 4;
const ANCESTORS_MAX = 64;

/** Whether something followed something else. */
export class Sequence {
  private readonly table: StateTable;
  private readonly within: u64;
  private readonly levels: i32;

  /** `within` in ns; `levels`: how far up from the first process the second may descend from. */
  constructor(within: u64, levels: i32 = 1, capacity: u32 = 1024) {
    this.table = new StateTable(KIND, capacity, 8, within);
    this.within = within;
    this.levels = levels;
  }

  /** The first thing happened. */
  begin(e: Event): void {
    let process = e.proc;
    for (let i = 0; i <= this.levels && process.exists && (i == 0 || process.vpid > 1); i++) {
      store<u64>(this.table.take(process.key, e.time), e.time);
      process = process.parent;
    }
  }

  /** Whether it did, within the time before this event. */
  follows(e: Event): bool {
    let process: Process = e.proc;
    for (let i = 0; i < ANCESTORS_MAX && process.exists; i++) {
      const entry = this.table.find(process.key, e.time);
      if (entry != 0 && e.time - min(e.time, load<u64>(entry)) <= this.within) return true;
      process = process.parent;
    }
    return false;
  }
}
