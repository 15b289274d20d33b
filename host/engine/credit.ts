// SPDX-License-Identifier: Apache-2.0
// A policy's share of time. The watchdog ends a call that takes too long; a policy that stays just below that in every batch
// would still starve the others. So each batch earns a policy time, by its events, and judging spends it: whoever has spent
// more than it earned, and its reserve, has to rest. An honest policy takes a hundredth of what it earns.
const NS_PER_BATCH = 1_000_000;
const NS_PER_EVENT = 5_000;
const RESERVE_NS = 80_000_000;

export class Credit {
  #ns = RESERVE_NS;

  /** Settles one batch; false: all is spent. */
  settle(events: number, spentNs: number): boolean {
    this.#ns = Math.min(this.#ns + NS_PER_BATCH + events * NS_PER_EVENT, RESERVE_NS) - spentNs;
    return this.#ns > 0;
  }
}
