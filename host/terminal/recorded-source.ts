// SPDX-License-Identifier: Apache-2.0
// Tables of what was recorded. Each view reads the whole again, in turns that leave time for keys, and shows
// how far it is.
import { reasonOf } from "../reason.js";
import type { Batch } from "../wire/batch.js";
import { Counting } from "./counting.js";
import type { Source, Wanted, Watch, Watcher } from "./source.js";
import { isTold, topViewOf } from "./views.js";

/** The batches of a recording, from the first on. */
export type ReadAgain = () => AsyncIterable<Batch>;

const TURN_MS = 20;

/** A recording, which can be read as often as one likes. */
export class RecordedSource implements Source {
  readonly name: string;
  readonly isJudged = false;
  readonly #read: ReadAgain;

  constructor(name: string, read: ReadAgain) {
    this.name = name;
    this.#read = read;
  }

  watch(wanted: Wanted, watcher: Watcher): Watch {
    const reading = { isOpen: true };
    if (!isTold(topViewOf(wanted.view)!)) void this.#count(wanted, watcher, reading);
    return {
      close: () => {
        reading.isOpen = false;
      },
    };
  }

  close(): void {
    // A watch that was closed reads no further.
  }

  async #count(
    { view, filter, intervalMs, limit }: Wanted,
    watcher: Watcher,
    reading: { isOpen: boolean },
  ): Promise<void> {
    let counting: Counting | null = null;
    try {
      counting = await Counting.of(view, filter, true);
      let [turn, told] = [performance.now(), performance.now()];
      for await (const batch of this.#read()) {
        if (!reading.isOpen) return;
        counting.add(batch);
        const now = performance.now();
        if (now - told > intervalMs) {
          watcher.onTable(counting.table(limit));
          told = now;
        }
        if (now - turn < TURN_MS) continue;
        await new Promise(setImmediate);
        turn = performance.now();
      }
      if (!reading.isOpen) return;
      watcher.onTable(counting.table(limit));
      watcher.onLooked({ kind: "ended", how: "All of it was read" });
    } catch (error) {
      if (!reading.isOpen) return;
      if (counting !== null) watcher.onTable(counting.table(limit)); // all that was whole
      watcher.onLooked({ kind: "failed", why: reasonOf(error) });
    }
  }
}
