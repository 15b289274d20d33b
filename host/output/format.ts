// SPDX-License-Identifier: Apache-2.0
// The `output` of a rule: text with %fields in it, compiled once and filled for each alert. `%proc.name`, `%proc.aname[2]`; a
// field that is not there prints as <NA> and is null in output_fields; `%%` is one percent sign.

import { VedetteError } from "../errors.js";
import type { Batch } from "../wire/batch.js";
import { type FieldGetter, fieldValue } from "../wire/fields.js";
import { type Value, valueText } from "../wire/value.js";

export interface Formatted {
  readonly text: string;
  readonly fields: [name: string, value: Value][];
}
export type Format = (batch: Batch, recordOffset: number) => Formatted;

/** Throws VEDETTE_FIELD_UNKNOWN for a %field that there is not. */
export declare function compileFormat(output: string): Format;
