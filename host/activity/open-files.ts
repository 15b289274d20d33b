// SPDX-License-Identifier: Apache-2.0
// How many descriptors a process has open, as the kernel has it now (proc(5), /proc/PID/fd). That is known
// where the process is one of ours to see: on this machine, in this pid namespace. A number of another
// namespace means another process here, so the two must have begun at the same moment.
import { opendirSync, readFileSync, statSync } from "node:fs";

/** Before Linux 6.2 the size of /proc/PID/fd is 0, and each entry is counted, up to here. */
const ENTRIES_MAX = 4_096;
/** The kernel says when a process began in hundredths of a second since the machine's start. */
const TICK_MS = 10;
const SAME_MS = 100;
/** Of /proc/PID/stat, behind the name, which may have any character: field 22; the first one is 3. */
const START_FIELD = 22 - 3;
const VERIFIED_MAX = 4_096;
const NS_PER_MS = 1_000_000n;

/** Remembers which processes are ours, so that of each the beginning is asked for once. */
export class OpenFiles {
  readonly #verified = new Map<string, boolean>();

  /** `pid` and `start` (ns since the epoch) as events have them; null: it is not known. */
  of(pid: string, start: string): number | null {
    const key = `${pid}@${start}`;
    let isOurs = this.#verified.get(key);
    if (isOurs === undefined) {
      if (this.#verified.size >= VERIFIED_MAX) this.#verified.clear();
      isOurs = isSame(pid, start);
      this.#verified.set(key, isOurs);
    }
    return isOurs ? countOf(pid) : null;
  }
}

function isSame(pid: string, start: string): boolean {
  if (!/^\d+$/.test(pid) || !/^\d+$/.test(start)) return false;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const ticks = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[START_FIELD]);
    const upMs = Number(readFileSync("/proc/uptime", "latin1").split(" ")[0]) * 1_000;
    const begunMs = Date.now() - upMs + ticks * TICK_MS;
    return Math.abs(begunMs - Number(BigInt(start) / NS_PER_MS)) <= SAME_MS;
  } catch {
    return false; // it is gone, or was never here
  }
}

function countOf(pid: string): number | null {
  try {
    const { size } = statSync(`/proc/${pid}/fd`);
    if (size > 0) return size;
    const folder = opendirSync(`/proc/${pid}/fd`);
    try {
      let count = 0;
      while (count < ENTRIES_MAX && folder.readSync() !== null) count++;
      return count;
    } finally {
      folder.closeSync();
    }
  } catch {
    return null;
  }
}
