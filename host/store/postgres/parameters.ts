// SPDX-License-Identifier: Apache-2.0
// The values of one question: a text of SQL has their numbers, and never themselves.

/** Numbers values in the order in which they come. */
export class Parameters {
  readonly values: unknown[] = [];

  /** What stands for the value in the text. `type`: PostgreSQL's, one of a few that our sources name. */
  of(value: unknown, type: "bigint" | "text" | "smallint" | "tsquery"): string {
    this.values.push(value);
    return `$${this.values.length}::${type}`;
  }
}
