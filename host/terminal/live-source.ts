// SPDX-License-Identifier: Apache-2.0
// Tables of the batches that somebody gives us as they come: of the command that `vedette top -- CMD` runs.
import { reasonOf } from "../reason.js";
import type { Batch } from "../wire/batch.js";
import { Counting } from "./counting.js";
import type { Source, Wanted, Watch, Watcher } from "./source.js";
import { isTold, topViewOf } from "./views.js";

/** Batches go in by add(). */
export class LiveSource implements Source {
  readonly name: string;
  readonly isJudged = false;
  #looking: Looking | null = null;
  #end: string | null = null;

  constructor(name: string) {
    this.name = name;
  }

  add(batch: Batch): void {
    this.#looking?.add(batch);
  }

  /** Nothing more comes. `how`: a sentence without its full stop. */
  end(how: string): void {
    this.#end = how;
    this.#looking?.end(how);
  }

  watch(wanted: Wanted, watcher: Watcher): Watch {
    if (isTold(topViewOf(wanted.view)!)) return { close: () => undefined };
    const looking = new Looking(wanted, watcher, this.#end);
    this.#looking = looking;
    return looking;
  }

  close(): void {
    this.#looking?.close();
  }
}

class Looking implements Watch {
  readonly #watcher: Watcher;
  readonly #limit: number;
  #counting: Counting | null = null;
  #timer: NodeJS.Timeout | null = null;
  #since = performance.now();
  #end: string | null;
  #isOpen = true;

  constructor({ view, filter, intervalMs, limit }: Wanted, watcher: Watcher, end: string | null) {
    this.#watcher = watcher;
    this.#limit = limit;
    this.#end = end;
    void Counting.of(view, filter, false).then(
      (counting) => this.#begin(counting, intervalMs),
      (error) => this.#isOpen && watcher.onLooked({ kind: "failed", why: reasonOf(error) }),
    );
  }

  add(batch: Batch): void {
    try {
      this.#counting?.add(batch);
    } catch (error) {
      this.close();
      this.#watcher.onLooked({ kind: "failed", why: reasonOf(error) });
    }
  }

  end(how: string): void {
    this.#end = how;
    if (this.#counting === null) return;
    this.#tell();
    this.close();
    this.#watcher.onLooked({ kind: "ended", how });
  }

  close(): void {
    this.#isOpen = false;
    this.#counting = null;
    clearInterval(this.#timer ?? undefined);
  }

  #begin(counting: Counting, intervalMs: number): void {
    if (!this.#isOpen) return;
    this.#counting = counting;
    this.#since = performance.now();
    if (this.#end !== null) {
      this.end(this.#end);
      return;
    }
    this.#watcher.onLooked({ kind: "live" });
    this.#timer = setInterval(() => this.#tell(), intervalMs);
  }

  #tell(): void {
    const now = performance.now();
    const table = this.#counting?.table(this.#limit, (now - this.#since) / 1_000);
    this.#since = now;
    if (table !== undefined) this.#watcher.onTable(table);
  }
}
