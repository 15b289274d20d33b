// SPDX-License-Identifier: Apache-2.0
//
// The time of a whole run, and what of the processor each of its jobs took. Whoever runs CI ends it at some
// hour without a word; so a run ends itself before, and says which jobs it did not come to.
import { readFileSync } from "node:fs";

/** How long a whole run in CI may take, from the first step of `.ci/run`. */
export const WHOLE_MS = 80 * 60_000;

/** When a run is over. */
export class RunClock {
  readonly #endMs: number;
  readonly #now: () => number;

  /** `beganMs` and `now`: milliseconds since 1970; `wholeMs` is infinite for a run that nobody cuts off. */
  constructor(wholeMs: number, beganMs: number, now: () => number = Date.now) {
    this.#endMs = beganMs + wholeMs;
    this.#now = now;
  }

  /** Milliseconds that are left; none: nothing begins any more. */
  leftMs(): number {
    return Math.max(0, this.#endMs - this.#now());
  }
}

/** A tick of /proc/*\/stat, on every processor. */
const TICK_MS = 10;
/** Where cutime stands behind the name (proc_pid_stat(5)); cstime is next. */
const CUTIME = 13;

/**
 * The processor time, in ms, of the children that this process started and has waited for, and of those that
 * they waited for in turn. A daemon that nobody waits for is not in it.
 */
export function endedCpuMs(): number {
  const stat = readFileSync("/proc/self/stat", "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[CUTIME]) + Number(fields[CUTIME + 1])) * TICK_MS;
}
