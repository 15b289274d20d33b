// SPDX-License-Identifier: Apache-2.0
// Those that wait for an answer of the store, by who asked: served in turn, whoever asks, so that a tenant
// that asks a lot waits for itself.
import { VedetteError } from "../errors.js";

/** Whose turn it is: a tenant's name, null for the operator, and what the store itself does. */
export type Lane = string | null | undefined;

/** Of one tenant, and of the operator, who has more doors. */
const WAITING_MAX = { tenant: 4, operator: 32 };

/** Of each lane those that wait, in the order in which they came. */
export class Lanes<T> {
  /** Each with one that waits at least; the first is the next. */
  readonly #lanes = new Map<Lane, T[]>();

  /** Throws VEDETTE_STORE_BUSY. */
  put(lane: Lane, item: T): void {
    const waiting = this.#lanes.get(lane) ?? [];
    const most = lane === null ? WAITING_MAX.operator : WAITING_MAX.tenant;
    if (waiting.length >= most) throw new VedetteError("VEDETTE_STORE_BUSY", { count: most });
    this.#lanes.set(lane, [...waiting, item]);
  }

  /** The next one, of a lane for which `may` holds; its lane is behind all others then. */
  take(may: (lane: Lane) => boolean = () => true): { readonly lane: Lane; readonly item: T } | undefined {
    for (const [lane, [item, ...others]] of this.#lanes as Map<Lane, [T, ...T[]]>) {
      if (!may(lane)) continue;
      this.#lanes.delete(lane);
      if (others.length > 0) this.#lanes.set(lane, others);
      return { lane, item };
    }
    return undefined;
  }

  /** Nobody waits any more; gives those that did. */
  clear(): T[] {
    const waiting = [...this.#lanes.values()].flat();
    this.#lanes.clear();
    return waiting;
  }

  get isEmpty(): boolean {
    return this.#lanes.size === 0;
  }
}
