// SPDX-License-Identifier: Apache-2.0
// The one wait of the tests: for something to be so, looking often, never for a time alone. The bound only
// ends what hangs, so it is far longer than anything takes on a busy machine.
import { setTimeout as sleep } from "node:timers/promises";

/** How long and how often, ms; `tell` adds to the failure what was seen last. */
export interface Patience {
  readonly ms?: number;
  readonly everyMs?: number;
  readonly tell?: () => string;
}

type Found<T> = Exclude<T, undefined | null | false>;

const MS_MAX = 180_000;
const EVERY_MS = 10;

/**
 * Waits until `look` gives something that is true, and gives that. Throws where it never does: `what` was
 * expected.
 */
export async function until<T>(what: string, look: () => T | Promise<T>, patience: Patience = {}): Promise<Found<T>> {
  const { ms = MS_MAX, everyMs = EVERY_MS, tell = () => "" } = patience;
  for (const end = performance.now() + ms; ; await sleep(everyMs)) {
    const found = await look();
    if (found) return found as Found<T>;
    if (performance.now() > end)
      throw new Error(`expected: ${what}; got: not within ${ms / 1000} s ${tell()}`.trimEnd());
  }
}
