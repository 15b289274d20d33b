// SPDX-License-Identifier: Apache-2.0
// Conditions that stay compiled: whoever asks with one goes on with it. Each owner has a number of his own,
// so that tenants' questions do not push out the operator's.
import type { Filter } from "../falco/falco.js";
import type { Owner } from "../store/store.js";

/** Of the operator, and of one tenant. */
const MOST = { operator: 8, tenant: 2 };
/** Of all tenants together. */
const TENANTS_MOST = 16;

interface Kept {
  readonly owner: Owner;
  readonly filter: Promise<Filter>;
}

/** By who asks and for what. */
export class KeptFilters {
  readonly #make: (owner: Owner, condition: string) => Promise<Filter>;
  /** What was asked for last stands last. */
  readonly #kept = new Map<string, Kept>();

  /** `make` compiles one. One that it throws for is not kept. */
  constructor(make: (owner: Owner, condition: string) => Promise<Filter>) {
    this.#make = make;
  }

  /** Two that ask for the same at once wait for the same. Throws what `make` throws. */
  async of(owner: Owner, condition: string): Promise<Filter> {
    const key = keyOf(owner, condition);
    const kept = this.#kept.get(key) ?? { owner, filter: this.#make(owner, condition) };
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    this.#trim(owner);
    try {
      return await kept.filter;
    } catch (error) {
      if (this.#kept.get(key) === kept) this.#kept.delete(key);
      throw error;
    }
  }

  /** It failed: whoever asks next has it compiled again. */
  forget(owner: Owner, condition: string): void {
    this.#kept.delete(keyOf(owner, condition));
  }

  #trim(owner: Owner): void {
    const most = owner === null ? MOST.operator : MOST.tenant;
    this.#keepNewest(most, (one) => one.owner === owner);
    this.#keepNewest(TENANTS_MOST, (one) => one.owner !== null);
  }

  #keepNewest(most: number, isOne: (kept: Kept) => boolean): void {
    const ones = [...this.#kept].filter(([, kept]) => isOne(kept));
    for (const [key] of ones.slice(0, -most)) this.#kept.delete(key);
  }
}

function keyOf(owner: Owner, condition: string): string {
  return JSON.stringify([owner, condition]);
}
