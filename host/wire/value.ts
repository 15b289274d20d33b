// SPDX-License-Identifier: Apache-2.0
// What a field gives: a string, a number (a bigint beyond 2^53), a truth, a list, or null where the event has
// no such thing.
/** What FieldGetter gives and what outputs and conditions take. */
export type Value = string | number | bigint | boolean | null | readonly Value[];

/** As it stands in an alert's sentence: <NA> for nothing, lists as Falco writes them. */
export function valueText(value: Value): string {
  if (value === null) return "<NA>";
  if (typeof value === "object") return `(${value.map(valueText).join(",")})`;
  return String(value);
}
