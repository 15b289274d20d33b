// SPDX-License-Identifier: Apache-2.0
// Conditions of Falco's that people ask with. The compiler is loaded only where there is one. Nothing else is
// done on the main thread while one is compiled, and a long one takes a second: so a tenant whose condition
// took long rests before the next one is compiled. The operator does not.
import { VedetteError } from "../errors.js";
import type { Filter } from "../falco/falco.js";
import type { Owner } from "../store/store.js";
import { Problem } from "./problem.js";

/** Characters of one. */
export const CONDITION_MAX = 4_096;
/** Compiling costs no rest up to here, ms; beyond it the rest is so many times as long. */
const FREE_MS = 250;
const REST_TIMES = 4;

/** Compiles conditions of one sensor's viewers. */
export class Conditions {
  readonly #now: () => number;
  readonly #restsUntil = new Map<Owner, number>();

  /** `now`: ms of a clock that is never set. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /**
   * `answered`: the fields that it may read; undefined: all. Throws a Problem where it is wrong, or the owner
   * rests.
   */
  async filterOf(owner: Owner, condition: string, answered?: ReadonlySet<string>): Promise<Filter> {
    const begun = this.#now();
    const rest = (this.#restsUntil.get(owner) ?? 0) - begun;
    if (rest > 0) {
      const seconds = Math.ceil(rest / 1_000);
      throw new Problem(429, `Your last condition took long to compile. Ask with another one in ${seconds} s.`);
    }
    try {
      return await compiled(condition, answered);
    } finally {
      const now = this.#now();
      const took = now - begun;
      if (owner !== null && took > FREE_MS) this.#restsUntil.set(owner, now + REST_TIMES * took);
    }
  }
}

async function compiled(condition: string, answered?: ReadonlySet<string>): Promise<Filter> {
  if (condition.length > CONDITION_MAX) throw new Problem(400, `A condition has at most ${CONDITION_MAX} characters.`);
  const { Filter } = await import("../falco/falco.js");
  try {
    return await Filter.of(condition, answered);
  } catch (error) {
    throw error instanceof VedetteError ? Problem.of(error) : error;
  }
}
