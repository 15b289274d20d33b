// SPDX-License-Identifier: Apache-2.0
// JSON text for values that JSON.stringify cannot write: a bigint becomes a bare integer, however long.
// Everything else is left to JSON.stringify, which escapes control characters as Falco's writer does.
import type { Value } from "../wire/value.js";

/** The value as JSON, without blanks. */
export function jsonText(value: Value): string {
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "object" && value !== null) return `[${value.map(jsonText).join(",")}]`;
  return JSON.stringify(value);
}

/** An object of the members in the order they come. */
export function jsonObject(members: Iterable<readonly [name: string, value: Value]>): string {
  const parts: string[] = [];
  for (const [name, value] of members) parts.push(`${JSON.stringify(name)}:${jsonText(value)}`);
  return `{${parts.join(",")}}`;
}
