// SPDX-License-Identifier: Apache-2.0
// Tables of the batches that somebody gives us as they come: of the command that `vedette top -- CMD` runs.
import { reasonOf } from "../reason.js";
import type { Batch } from "../wire/batch.js";
import { Counting, unjudged } from "./counting.js";
import type { Source, Wanted, Watch, Watcher } from "./source.js";
import { isTold, topViewOf } from "./views.js";

/** Batches go in by add(). */
export class LiveSource implements Source {
  readonly name: string;
  readonly isJudged = false;
  #looking: Looking | null = null;
  #end: string | null = null;
  /** Counts what comes before anybody looks; taken over by the first who does. */
  #first: Counting | null;

  /** `first`: of the view that is looked at first; a short command is over before there is a screen. */
  constructor(name: string, first: Counting | null) {
    this.name = name;
    this.#first = first;
  }

  add(batch: Batch): void {
    try {
      this.#first?.add(batch);
    } catch {
      this.#first = null; // whoever looks then is told why
    }
    this.#looking?.add(batch);
  }

  /** Nothing more comes. `how`: a sentence without its full stop. */
  end(how: string): void {
    this.#end = how;
    this.#looking?.end(how);
  }

  watch(wanted: Wanted, watcher: Watcher): Watch {
    if (isTold(topViewOf(wanted.view)!)) return { close: () => undefined };
    const first = this.#first;
    this.#first = null;
    const looking = new Looking(wanted, watcher, this.#end, first);
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

  constructor(
    { view, filter, intervalMs, limit }: Wanted,
    watcher: Watcher,
    end: string | null,
    first: Counting | null,
  ) {
    this.#watcher = watcher;
    this.#limit = limit;
    this.#end = end;
    if (first !== null) this.#begin(first, intervalMs);
    // A table of what is counted from now on, when nothing more comes, would say that nothing was.
    else if (end !== null) watcher.onLooked({ kind: "ended", how: end });
    else
      void Counting.of(view, filter, false, unjudged()).then(
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
