// SPDX-License-Identifier: Apache-2.0
// The tables of one stream of /api/v1/activity: events are counted here, where they are, and a table goes out
// at each turn of its clock. A table has all that the one before it had, so a reader who is slow loses
// nothing when one is not sent.
import type { ServerResponse } from "node:http";
import { Activity, type RowFacts, type Table, type ViewId } from "../activity/activity.js";
import type { Batch } from "../wire/batch.js";

/** Which tables, and how often. */
export interface TablesAsked {
  readonly view: ViewId;
  /** ms */
  readonly interval: number;
  readonly limit: number;
}

/** Whoever reads nothing for so long is gone. */
const STUCK_MS = 30_000;

/** Of one table as JSON: whoever reads takes no more. A control character of a name is six of them. */
const TABLE_CHARS_MAX = 2 << 20;

/** With as many rows as fit: what a program calls its files must not hide all of them. */
function boundedJson(table: Table): string {
  let text = JSON.stringify(table);
  for (let { rows } = table; text.length > TABLE_CHARS_MAX && rows.length > 1; ) {
    rows = rows.slice(0, rows.length >> 1);
    text = JSON.stringify({ ...table, rows });
  }
  return text;
}

/** Counts what it is given, and writes `event: activity` until it is closed. */
export class Tables {
  readonly #response: ServerResponse;
  readonly #limit: number;
  readonly #activity: Activity;
  readonly #timer: NodeJS.Timeout;
  #since = performance.now();
  /** Since when nothing was read; null: all was. */
  #stuckSince: number | null = null;

  constructor(response: ServerResponse, { view, interval, limit }: TablesAsked, facts: RowFacts) {
    this.#response = response;
    this.#limit = limit;
    this.#activity = new Activity(view, false, facts);
    this.#timer = setInterval(() => this.#tell(), interval).unref();
  }

  add(batch: Batch, found: ArrayLike<number>): void {
    this.#activity.add(batch, found);
  }

  /** The last table: nothing more comes. */
  finish(): void {
    this.close();
    this.#tell();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #tell(): void {
    const now = performance.now();
    if (this.#response.writableLength > 0) {
      this.#stuckSince ??= now;
      if (now - this.#stuckSince > STUCK_MS) this.#response.destroy();
      return;
    }
    this.#stuckSince = null;
    const table = this.#activity.table(this.#limit, (now - this.#since) / 1_000);
    this.#since = now;
    this.#response.write(`event: activity\ndata: ${boundedJson(table)}\n\n`);
  }
}
