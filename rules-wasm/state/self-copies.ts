// SPDX-License-Identifier: Apache-2.0
// Programs that copy themselves into memory and go on from there, as runc does: the copy is no file, so no
// path says what it is. It is known by who executed it, a process that ran the program until then, and by its
// inode, which all have that it forks.
//
//   const COPIES = new SelfCopies(new ProgramSet(["/usr/sbin/runc"]));
//   in a rule that sees all executions:  COPIES.executed(e);  ...  COPIES.has(e)
import { Event } from "../event";
import { Process } from "../process";
import { ProgramSet } from "../program-set";
import { hours } from "../duration";
import { keys } from "./key";
import { Memo } from "./memo";

/** Tells a program's own copy in a memfd from a stranger's. Call executed() at every execution. */
export class SelfCopies {
  private readonly programs: ProgramSet;
  /** Processes that run one of the programs, and inodes of copies. */
  private readonly running: Memo = new Memo(hours(24), 256);
  private readonly copies: Memo = new Memo(hours(24), 256);

  constructor(programs: ProgramSet) {
    this.programs = programs;
  }

  /** A process has executed something. */
  executed(e: Event): void {
    const process = e.proc;
    if (this.programs.has(process)) {
      this.running.set(e, process.key, 1);
      return;
    }
    if (!this.running.has(e, process.key)) return;
    if (process.is_exe_from_memfd) this.copies.set(e, inodeOf(process), 1);
    this.running.delete(process.key);
  }

  /** Whether the event's process runs a copy. */
  has(e: Event): bool {
    return e.proc.is_exe_from_memfd && this.copies.has(e, inodeOf(e.proc));
  }
}

function inodeOf(process: Process): u64 {
  return keys(process.exe_dev, process.exe_ino);
}
