// SPDX-License-Identifier: Apache-2.0
// Conditions of Falco's that people ask with. A thread compiles them (condition-compiler.ts), one for the
// operator and one for all tenants, so that no tenant's condition keeps the operator's waiting. A tenant
// whose condition took long rests before the next one is compiled. The operator does not. One that was
// refused is not compiled again for the same owner. One that took too long may be, a minute later: the
// machine may have had much to do.
import type { CompiledFilter, Filter } from "../falco/falco.js";
import type { Owner } from "../store/store.js";
import { Turns } from "../store/turns.js";
import { ConditionCompiler, TookTooLong } from "./condition-compiler.js";
import { Problem } from "./problem.js";

/** Characters of one. */
export const CONDITION_MAX = 4_096;
/** Compiling costs no rest up to here, ms; beyond it the rest is so many times as long. */
const FREE_MS = 250;
const REST_TIMES = 4;
/** Conditions of one owner that are compiled, or wait for it. */
const WAITING_MAX = { operator: 8, tenant: 2 };
const REFUSED_MAX = 100;
/** How long one that took too long is refused, ms. */
const TOO_LONG_MS = 60_000;

interface Refused {
  readonly problem: Problem;
  /** By the same clock as all else. */
  readonly until: number;
}

/** One after another. */
class Line {
  readonly compiler: ConditionCompiler;
  readonly turns = new Turns(1);

  constructor(compileMsMax: number | undefined) {
    this.compiler = new ConditionCompiler(compileMsMax);
  }
}

/** Compiles conditions of one sensor's viewers. Whoever made it must close it. */
export class Conditions {
  readonly #now: () => number;
  readonly #lines: { readonly operator: Line; readonly tenants: Line };
  readonly #restsUntil = new Map<Owner, number>();
  readonly #waiting = new Map<Owner, number>();
  /** Why, by the owner, the condition and what it may read; the one that was refused first stands first. */
  readonly #refused = new Map<string, Refused>();

  /** `now`: ms of a clock that is never set. `compileMsMax`: how long one may take. */
  constructor(now: () => number = () => performance.now(), compileMsMax?: number) {
    this.#now = now;
    this.#lines = { operator: new Line(compileMsMax), tenants: new Line(compileMsMax) };
  }

  /**
   * `answered`: the fields that it may read; undefined: all. Throws a Problem where it is wrong or takes too
   * long, where the owner rests, and where the owner's others wait.
   */
  async filterOf(owner: Owner, condition: string, answered?: ReadonlySet<string>): Promise<Filter> {
    if (condition.length > CONDITION_MAX)
      throw new Problem(400, `A condition has at most ${CONDITION_MAX} characters.`);
    const key = JSON.stringify([owner, condition, answered === undefined ? null : [...answered]]);
    const refused = this.#refused.get(key);
    if (refused !== undefined && this.#now() < refused.until) throw refused.problem;
    const most = owner === null ? WAITING_MAX.operator : WAITING_MAX.tenant;
    const waiting = this.#waiting.get(owner) ?? 0;
    if (waiting >= most) throw new Problem(429, "Your other conditions are being compiled. Try again in a second.");
    this.#waiting.set(owner, waiting + 1);
    try {
      const { compiler, turns } = owner === null ? this.#lines.operator : this.#lines.tenants;
      const compiled = await turns.run(owner, () => this.#compiled(compiler, owner, condition, answered));
      const { Filter } = await import("../falco/falco.js");
      return new Filter(compiled);
    } catch (error) {
      if (error instanceof Problem && error.status === 400) this.#refuse(key, error);
      throw error;
    } finally {
      const left = this.#waiting.get(owner)! - 1;
      if (left === 0) this.#waiting.delete(owner);
      else this.#waiting.set(owner, left);
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#lines.operator.compiler.close(), this.#lines.tenants.compiler.close()]);
  }

  async #compiled(
    compiler: ConditionCompiler,
    owner: Owner,
    condition: string,
    answered: ReadonlySet<string> | undefined,
  ): Promise<CompiledFilter> {
    this.#checkRest(owner);
    await compiler.ready();
    const begun = this.#now();
    try {
      return await compiler.compile(condition, answered);
    } finally {
      const now = this.#now();
      const took = now - begun;
      if (owner !== null && took > FREE_MS) this.#restsUntil.set(owner, now + REST_TIMES * took);
    }
  }

  #checkRest(owner: Owner): void {
    const rest = (this.#restsUntil.get(owner) ?? 0) - this.#now();
    if (rest <= 0) return;
    const seconds = Math.ceil(rest / 1_000);
    throw new Problem(429, `Your last condition took long to compile. Ask with another one in ${seconds} s.`);
  }

  #refuse(key: string, problem: Problem): void {
    const until = problem instanceof TookTooLong ? this.#now() + TOO_LONG_MS : Number.POSITIVE_INFINITY;
    this.#refused.delete(key);
    this.#refused.set(key, { problem, until });
    const [oldest] = this.#refused.keys();
    if (this.#refused.size > REFUSED_MAX) this.#refused.delete(oldest!);
  }
}
