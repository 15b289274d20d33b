// SPDX-License-Identifier: Apache-2.0
// How often a row may act in one container. A rule that is wrong, or that a workload provokes, must not end a
// service process by process: from a number a minute on, the row does nothing there any more. What found
// nobody is no response. So where the limit is full only if those count that are still to be answered, what
// comes next waits for their answers.
import type { ResponseRow } from "../policy/respond.js";

const MINUTE_NS = 60_000_000_000n;

/**
 * `ready`: it may. `later`: it may, if one that is under way finds nobody. `disarmed`: this one was too many,
 * for the first time. `off`: it is disarmed already.
 */
export type Allowance = "ready" | "later" | "disarmed" | "off";

/** Of one row in one container. */
export class ResponseLimit {
  readonly #limit: ResponseRow["limit"];
  /** When each was asked for; and those of them that are not answered. */
  readonly #times: bigint[] = [];
  #open = 0;
  #isOff = false;

  constructor(limit: ResponseRow["limit"]) {
    this.#limit = limit;
  }

  /** Asks for one at this time (ns), and counts it if it may. */
  take(now: bigint): Allowance {
    while (this.#times.length > 0 && now - this.#times[0]! >= MINUTE_NS) this.#times.shift();
    const isFull = this.#times.length >= this.#limit.perMinute;
    if (this.#isOff && (isFull || this.#limit.after === "off")) return "off";
    if (isFull && this.#open > 0) return "later";
    if (isFull) return this.disarm();
    this.#isOff = false;
    this.#open++;
    this.#times.push(now);
    return "ready";
  }

  /** What was taken at this time is answered. If it found nobody, it does not count. */
  settle(at: bigint, foundNobody: boolean): void {
    this.#open--;
    const index = foundNobody ? this.#times.lastIndexOf(at) : -1;
    if (index >= 0) this.#times.splice(index, 1);
  }

  /** No more of this row. */
  disarm(): Allowance {
    if (this.#isOff) return "off";
    this.#isOff = true;
    return "disarmed";
  }
}
