// SPDX-License-Identifier: Apache-2.0
// What a row of the table of fields (host/wire/fields.ts) is: how a field is read, and how it reads in a
// sentence.
import type { Batch } from "../batch.js";
import type { Value } from "../value.js";

/** Reads one field of the record that begins at recordOffset in batch.records. */
export type FieldGetter = (batch: Batch, recordOffset: number) => Value;

/**
 * A row: a getter, or a maker of getters where the field takes an argument (`[2]`, `.flags`); undefined: not
 * with this one.
 */
export interface FieldRow {
  readonly get?: FieldGetter;
  readonly with?: (argument: string) => FieldGetter | undefined;
  /**
   * How it reads in a sentence, when that is not the value itself: `%evt.time` is a time of day there, and a
   * number in JSON.
   */
  readonly text?: (value: Value) => string;
}
/** Rows by the field's name without an argument: `proc.aname`, not `proc.aname[2]`. */
export type FieldRows = Readonly<Record<string, FieldRow>>;
