// SPDX-License-Identifier: Apache-2.0
// Whether a host of the pool is of use: it reaches the bus and the store, and has a partition where one is to
// be had. What lasts no longer than a hand-over or a restart is no reason to replace a host.
import type { Store } from "../store/store.js";
import type { LeasePool } from "./lease-pool.js";

/** How long something may be wrong before it is said, ms. */
export const UNWELL_MS = 10_000;

/** Of one host. */
export class PoolHealth {
  readonly #leases: Pick<LeasePool, "silentMs" | "idleMs">;
  readonly #now: () => number;
  /** Since when the store has taken nothing of what it was given; null: it has. */
  #storeSince: number | null = null;

  constructor(leases: Pick<LeasePool, "silentMs" | "idleMs">, now = (): number => performance.now()) {
    this.#leases = leases;
    this.#now = now;
  }

  /** The store, watched. */
  watched(store: Pick<Store, "write">): Pick<Store, "write"> {
    return {
      write: async (lines) => {
        this.#storeSince ??= this.#now();
        const sent = await store.write(lines);
        if (sent.outcome === "done") this.#storeSince = null;
        return sent;
      },
    };
  }

  /** Null: it is well. Else what is wrong, in a line. */
  get problem(): string | null {
    const { silentMs, idleMs } = this.#leases;
    const storeMs = this.#storeSince === null ? 0 : this.#now() - this.#storeSince;
    const wrong: readonly (readonly [ms: number, what: string])[] = [
      [silentMs, "the bus has not answered"],
      [storeMs, "the store has taken nothing"],
      [idleMs, "this host has had no partition, and one has no owner,"],
    ];
    const said = wrong.filter(([ms]) => ms > UNWELL_MS).map(([ms, what]) => `${what} for ${Math.floor(ms / 1000)} s`);
    return said.length === 0 ? null : said.join("; ");
  }
}
