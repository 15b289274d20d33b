// SPDX-License-Identifier: Apache-2.0
// The latest alerts, in memory and bounded, so that somebody who comes later can ask what happened. Whoever
// needs all of them has an output.
import type { Alert } from "../output/alert.js";
import { alertJson } from "../output/alert.js";
import { jsonOf, quoteLarge } from "../output/numbers.js";
import { sees, type Viewer } from "./viewer.js";

const MOST = 10_000;
const BYTES_MAX = 16 << 20;

interface Kept {
  readonly seq: number;
  readonly tenant: string | undefined;
  /**
   * JSON as the API gives it, in UTF-8: a string that was put together keeps its pieces, which take several
   * times as much.
   */
  readonly json: Uint8Array;
}

/** One page of the newest alerts. */
export interface FindingsPage {
  /** JSON of one each, the newest first. */
  readonly items: readonly string[];
  /** What `before` continues with; null: there are no more. */
  readonly next: number | null;
}

/** Keeps the newest alerts, bounded in number and bytes, and forgets the oldest first. */
export class Findings {
  /** The oldest first. */
  #kept: Kept[] = [];
  #first = 0;
  #bytes = 0;
  #seq = 0;

  add(alert: Alert): void {
    const seq = ++this.#seq;
    const { tenant, finding } = alert;
    const own = quoteLarge(alertJson(alert, { isDetailed: true }));
    const json = `{"seq":${seq},"alert":${own},"finding":${finding === undefined ? "null" : jsonOf(finding)}}`;
    const bytes = Buffer.from(json);
    this.#kept.push({ seq, tenant, json: bytes });
    this.#bytes += bytes.length;
    while (this.#bytes > BYTES_MAX || this.#kept.length - this.#first > MOST) this.#drop();
    if (this.#first > MOST) {
      this.#kept = this.#kept.slice(this.#first);
      this.#first = 0;
    }
  }

  /**
   * The newest that `viewer` may see, below `before`: at most `limit`, and so many bytes that an answer stays
   * small.
   */
  page(viewer: Viewer, limit: number, before: number, bytesMax: number): FindingsPage {
    const items: string[] = [];
    let bytes = 0;
    for (let i = this.#kept.length - 1; i >= this.#first; i--) {
      const { seq, tenant, json } = this.#kept[i]!;
      if (seq >= before || !sees(viewer, tenant)) continue;
      if (items.length === limit || (items.length > 0 && bytes + json.length > bytesMax))
        return { items, next: seq + 1 };
      items.push(Buffer.from(json.buffer, json.byteOffset, json.length).toString());
      bytes += json.length;
    }
    return { items, next: null };
  }

  #drop(): void {
    const { json } = this.#kept[this.#first]!;
    this.#bytes -= json.length;
    this.#kept[this.#first] = EMPTY; // its memory goes at once
    this.#first++;
  }
}

const EMPTY: Kept = { seq: 0, tenant: undefined, json: new Uint8Array() };
