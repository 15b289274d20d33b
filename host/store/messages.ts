// SPDX-License-Identifier: Apache-2.0
// What goes between the host's first thread and those of the store: a question with a number, and its answer.
import type { SqliteReads } from "./sqlite-reads.js";
import type { SqliteWrites } from "./sqlite-writes.js";
import type { StoreLimits } from "./store.js";

/** What a thread of the store is started with. */
export interface ThreadData {
  /** The file; null: in memory. */
  readonly path: string | null;
  readonly limits: StoreLimits;
  /** It only reads, beside the one that writes. */
  readonly isReader: boolean;
  /** It shows what another process wrote, which may be writing still. */
  readonly isGuest: boolean;
}

/** What may be asked, by its name, and the answer's type. */
export interface Asks {
  readonly append: SqliteWrites["append"];
  readonly decide: SqliteWrites["decide"];
  readonly page: SqliteReads["page"];
  readonly incidents: SqliteReads["incidents"];
  readonly incident: SqliteReads["incident"];
  readonly audit: SqliteReads["audit"];
  readonly overview: SqliteReads["overview"];
  readonly close: () => void;
}

/** One question. */
export interface Question {
  readonly number: number;
  readonly ask: keyof Asks;
  readonly values: readonly unknown[];
}

/** One answer; `failed`: why there is none, and SQLite's code where it has one. */
export interface Answer {
  readonly number: number;
  readonly value: unknown;
  readonly failed: { readonly reason: string; readonly code: number | null } | null;
}
