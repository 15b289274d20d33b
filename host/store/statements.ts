// SPDX-License-Identifier: Apache-2.0
// The statements of one connection, each prepared once. JavaScript's numbers are bound as REAL, and time in
// nanoseconds is beyond 2^53: whole numbers are bigints, both ways.
import type { DatabaseSync, StatementSync } from "node:sqlite";

/** Prepares what it is asked for, and keeps it as long as itself: texts are constants, so there are few. */
export class Statements {
  readonly #db: DatabaseSync;
  readonly #made = new Map<string, StatementSync>();

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  /** The statement of this text, prepared when it is first asked for. Throws where the text is no SQL. */
  of(text: string): StatementSync {
    let made = this.#made.get(text);
    if (made === undefined) {
      made = this.#db.prepare(text);
      made.setReadBigInts(true);
      this.#made.set(text, made);
    }
    return made;
  }
}
