// SPDX-License-Identifier: Apache-2.0
// What all incidents may hold together of one thing (rows, keys, processes). Each has a small share that
// nobody can take from it; beyond that it may have more while there is room. So a flood in one container
// leaves every other incident its own.

/** `total`: beyond the shares. `own`: the share of each. `most`: of one. */
export interface BudgetLimits {
  readonly total: number;
  readonly own: number;
  readonly most: number;
}

/** Counts what is held beyond the shares. */
export class Budget {
  readonly #limits: BudgetLimits;
  #held = 0;

  constructor(limits: BudgetLimits) {
    this.#limits = limits;
  }

  /** One more for who has `count`; false: there is no room. */
  take(count: number): boolean {
    const { total, own, most } = this.#limits;
    if (count < own) return true;
    if (count >= most || this.#held >= total) return false;
    this.#held++;
    return true;
  }

  /** Who had `count` has so many fewer. */
  give(count: number, fewer: number): void {
    const beyond = (had: number): number => Math.max(0, had - this.#limits.own);
    this.#held -= beyond(count) - beyond(count - fewer);
  }

  /** Beyond the shares. */
  get held(): number {
    return this.#held;
  }
}
