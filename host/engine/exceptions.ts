// SPDX-License-Identifier: Apache-2.0
// Exceptions: alerts that the person who runs a policy does not want, chosen by values of fields, without a
// change to the policy's code. They have Falco's form: tuples of values, each compared with its field. A
// tuple holds when all of its comparisons do, and an exception holds when one of its tuples does. The engine
// evaluates them only after a rule has matched, so they cost nothing where no rule matches.
//
//   exceptions: [{name: backup, fields: [proc.name, fd.name], comps: ["=", startswith], values: [[borg, /etc/], [restic, /etc/]]}]
import type { Batch } from "../wire/batch.js";
import { type FieldGetter, fieldValue } from "../wire/fields.js";
import { type Value, valueText } from "../wire/value.js";
import { globMatches } from "./glob.js";

/** The comparisons that an exception may ask for. `pmatch` goes by whole components of a path. */
export const COMPARISONS = ["=", "!=", "in", "startswith", "endswith", "contains", "glob", "pmatch"] as const;
/** One of COMPARISONS. */
export type Comparison = (typeof COMPARISONS)[number];

/** One exception. `comps` and each tuple of `values` are as long as `fields`. */
export interface Exception {
  readonly name: string;
  readonly fields: readonly string[];
  readonly comps: readonly Comparison[];
  /** A tuple's value for a field: one text, or, for `in`, a list. */
  readonly values: readonly (readonly (string | readonly string[])[])[];
}

/**
 * Whether the exceptions of a rule hold for the record that begins at byte `recordOffset`: then no alert is
 * raised.
 */
export type ExceptionTest = (batch: Batch, recordOffset: number) => boolean;

/**
 * Whether one of the exceptions holds. Unknown fields were refused when the policy was loaded: they hold for
 * nothing.
 */
export function compileExceptions(exceptions: readonly Exception[]): ExceptionTest {
  const tests = exceptions.map(compileException);
  return (batch, offset) => tests.some((test) => test(batch, offset));
}

function compileException({ fields, comps, values }: Exception): ExceptionTest {
  const getters = fields.map((field) => fieldValue(field));
  return (batch, offset) => {
    const texts = getters.map((get) => textOf(get, batch, offset));
    return values.some((tuple) => tuple.every((value, i) => holds(texts[i] ?? null, comps[i] ?? "=", value)));
  };
}

function textOf(get: FieldGetter | undefined, batch: Batch, offset: number): string | null {
  const value: Value = get?.(batch, offset) ?? null;
  return value === null ? null : valueText(value);
}

/** A field without a value makes every comparison false, as in Falco. */
function holds(text: string | null, comparison: Comparison, value: string | readonly string[]): boolean {
  if (text === null) return false;
  if (typeof value !== "string") return value.some((one) => holds(text, comparison === "in" ? "=" : comparison, one));
  switch (comparison) {
    case "=":
    case "in":
      return text === value;
    case "!=":
      return text !== value;
    case "startswith":
      return text.startsWith(value);
    case "endswith":
      return text.endsWith(value);
    case "contains":
      return text.includes(value);
    case "glob":
      return globMatches(value, text);
    case "pmatch":
      return text === value || text.startsWith(value.endsWith("/") ? value : `${value}/`);
  }
}
