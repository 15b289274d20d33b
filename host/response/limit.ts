// SPDX-License-Identifier: Apache-2.0
// How often a row may act in one container. A rule that is wrong, or that a workload provokes, must not end a
// service process by process: from a number a minute on, the row does nothing there any more.
import type { ResponseRow } from "../policy/respond.js";

const MINUTE_NS = 60_000_000_000n;

/** `ready`: it may. `disarmed`: this one was too many, for the first time. `off`: it is disarmed already. */
export type Allowance = "ready" | "disarmed" | "off";

/** Of one row in one container. */
export class ResponseLimit {
  readonly #limit: ResponseRow["limit"];
  readonly #times: bigint[] = [];
  #isOff = false;

  constructor(limit: ResponseRow["limit"]) {
    this.#limit = limit;
  }

  /** Asks for one at this time (ns), and counts it if it may. */
  take(now: bigint): Allowance {
    while (this.#times.length > 0 && now - this.#times[0]! >= MINUTE_NS) this.#times.shift();
    const isFull = this.#times.length >= this.#limit.perMinute;
    if (this.#isOff && (isFull || this.#limit.after === "off")) return "off";
    if (isFull) {
      this.#isOff = true;
      return "disarmed";
    }
    this.#isOff = false;
    this.#times.push(now);
    return "ready";
  }

  /** Nobody was there to be responded to: what was taken at this time does not count. */
  giveBack(at: bigint): void {
    const index = this.#times.lastIndexOf(at);
    if (index >= 0) this.#times.splice(index, 1);
  }
}
