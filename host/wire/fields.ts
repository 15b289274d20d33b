// SPDX-License-Identifier: Apache-2.0
import type { Batch } from "./batch.js";
import type { Value } from "./value.js";

/** Reads one field of the record that begins at recordOffset in batch.records. */
export type FieldGetter = (batch: Batch, recordOffset: number) => Value;

/** The getter of a Falco field (`proc.name`, `proc.aname[2]`, `evt.arg.flags`, `evt.arg[1]`), undefined if there is none. */
export declare function fieldValue(name: string): FieldGetter | undefined;
