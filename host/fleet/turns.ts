// SPDX-License-Identifier: Apache-2.0
// Who of a host's partitions judges together, and who alone. A death is the whole process's. So a message
// that may be its cause is judged while no other partition judges: else an innocent one that was begun at
// the same moment would be taken for the cause.
import { once } from "node:events";

/** One for all partitions of a host. */
export class Turns {
  /** How each partition waits until what it was given is judged. */
  readonly #settling = new Set<() => Promise<unknown>>();
  #together = 0;
  /** Resolves when nobody is alone any more; null: nobody is. */
  #alone: Promise<void> | null = null;
  #onEmpty: () => void = () => undefined;

  /** From here on whoever is alone waits for this one, too. What it gives ends that. */
  join(settled: () => Promise<unknown>): () => void {
    this.#settling.add(settled);
    return () => void this.#settling.delete(settled);
  }

  /** Does the work when nobody is alone. It is not done where the signal comes first. */
  async together(work: () => Promise<void>, signal: AbortSignal): Promise<void> {
    while (this.#alone !== null && !signal.aborted) await before(this.#alone, signal);
    if (signal.aborted) return;
    this.#together++;
    try {
      await work();
    } finally {
      if (--this.#together === 0) this.#onEmpty();
    }
  }

  /** Does the work when nobody else judges, and nobody else begins meanwhile. */
  async alone(work: () => Promise<void>, signal: AbortSignal): Promise<void> {
    while (this.#alone !== null && !signal.aborted) await before(this.#alone, signal);
    if (signal.aborted) return;
    let end = (): void => undefined;
    this.#alone = new Promise((resolve) => {
      end = resolve;
    });
    try {
      if (await this.#emptied(signal)) await work();
    } finally {
      this.#alone = null;
      end();
    }
  }

  /** What others were given is judged. False: the signal came. */
  async #emptied(signal: AbortSignal): Promise<boolean> {
    const empty = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    if (this.#together > 0) await before(empty, signal);
    await before(Promise.all([...this.#settling].map((settled) => settled())), signal);
    return !signal.aborted;
  }
}

/** Until something is done, or the signal comes. */
async function before(done: Promise<unknown>, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  const aborted = once(signal, "abort", { signal: over.signal }).catch(() => undefined);
  try {
    if (!signal.aborted) await Promise.race([done, aborted]);
  } finally {
    over.abort();
  }
}
