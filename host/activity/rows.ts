// SPDX-License-Identifier: Apache-2.0
// Counters by key, with a bound: whatever names a workload makes up, there are at most ROWS_MAX rows. When
// there are more, the half with fewest events goes, and is counted. A row that has many events so stays; one
// that comes back after it went begins at nothing.

/** Rows that one table keeps. */
export const ROWS_MAX = 2_000;

/** What is counted for one row. */
export class Row {
  readonly key: string;
  /** What the row's text columns show; the subject fills and renews it. */
  texts: readonly string[];
  events = 0;
  /** Since the last table. */
  recent = 0;
  bytesIn = 0;
  bytesOut = 0;
  opens = 0;
  errors = 0;
  ns = 0;
  /** The process is gone. */
  hasEnded = false;

  constructor(key: string, texts: readonly string[]) {
    this.key = key;
    this.texts = texts;
  }
}

/** All rows of one view. */
export class Rows {
  readonly #rows = new Map<string, Row>();
  #droppedEvents = 0;

  get size(): number {
    return this.#rows.size;
  }

  /** Events of rows that had to go. */
  get droppedEvents(): number {
    return this.#droppedEvents;
  }

  /** The row of this key, with these texts from now on. */
  of(key: string, texts: readonly string[]): Row {
    let row = this.#rows.get(key);
    if (row === undefined) {
      row = new Row(key, texts);
      this.#rows.set(key, row);
    } else row.texts = texts;
    return row;
  }

  /** Keeps the bound. Called between batches, so that a row stays while its batch is counted. */
  trim(): void {
    if (this.#rows.size <= ROWS_MAX) return;
    const all = [...this.#rows.values()].sort((a, b) => b.events - a.events);
    for (const row of all.slice(ROWS_MAX / 2)) {
      this.#rows.delete(row.key);
      this.#droppedEvents += row.events;
    }
  }

  forget({ key }: Row): void {
    this.#rows.delete(key);
  }

  values(): Row[] {
    return [...this.#rows.values()];
  }
}
