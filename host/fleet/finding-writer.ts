// SPDX-License-Identifier: Apache-2.0
// Writes rows of findings into a store until it has them. A store keeps a row once, so rows may be written
// again after anything that went wrong. Nothing is dropped here: whoever adds rows waits where the store does
// not take them.
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { visible } from "../output/visible.js";
import type { Store } from "../store/store.js";

/** Where rows go. The store is its caller's to close. */
export interface FindingWriterOptions {
  readonly store: Pick<Store, "write">;
  /** Told why the store takes nothing, once until it does; and why it refuses rows, once. */
  readonly say: (line: string) => void;
}

/** What the store has taken and what it has refused, in rows. */
export interface Written {
  readonly kept: number;
  readonly refused: number;
}

const BATCH = 500;
const RETRY_MS = 200;
const RETRY_MS_MAX = 5_000;
const AWAY = "the store takes nothing";
const REFUSES = "the store refuses rows";

/** One store's rows, in their order. */
export class FindingWriter {
  readonly #options: FindingWriterOptions;
  readonly #waiting: string[] = [];
  readonly #told = new Set<string>();
  #writing: Promise<boolean> | null = null;

  constructor(options: FindingWriterOptions) {
    this.#options = options;
  }

  /** Rows that the store does not have yet. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Takes a row, as a line of host/store/rows.ts. It goes to the store with the next flush(). */
  add(line: string): void {
    this.#waiting.push(line);
  }

  /** Until the store has all that was added. False: `signal` came before. */
  flush(signal: AbortSignal): Promise<boolean> {
    this.#writing ??= this.#writeAll(signal).finally(() => {
      this.#writing = null;
    });
    return this.#writing;
  }

  async #writeAll(signal: AbortSignal): Promise<boolean> {
    await turn(); // what comes at once is written at once
    while (this.#waiting.length > 0) {
      const rows = this.#waiting.slice(0, BATCH);
      if ((await this.write(rows, signal)) === null) return false;
      this.#waiting.splice(0, rows.length);
    }
    return true;
  }

  /** Writes these at once. Null: `signal` came before the store had them. */
  async write(lines: readonly string[], signal: AbortSignal): Promise<Written | null> {
    for (let delay = RETRY_MS; !signal.aborted; delay = Math.min(2 * delay, RETRY_MS_MAX)) {
      const sent = await this.#options.store.write(lines);
      if (sent.outcome === "done") {
        const refused = sent.refused?.count ?? 0;
        this.#told.delete(AWAY);
        if (sent.refused !== undefined) this.#tell(REFUSES, sent.refused.error.message);
        return { kept: lines.length - refused, refused };
      }
      if ("error" in sent) this.#tell(AWAY, sent.error.message);
      await sleep(delay, undefined, { signal }).catch(() => undefined);
    }
    return null;
  }

  #tell(what: string, why: string): void {
    if (this.#told.has(what)) return;
    this.#told.add(what);
    this.#options.say(`vedette: ${what}: ${visible(why)}`);
  }
}
