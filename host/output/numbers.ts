// SPDX-License-Identifier: Apache-2.0
// JSON for readers that take every number for a double: whole numbers beyond 2^53 (times in nanoseconds,
// addresses) become strings. Our own lines and Falco's carry them bare, and stay as they are elsewhere.

/** A string, or a bare whole number of so many digits that a double may not hold it. */
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d{16,}(?![\d.eE])/g;

/** Quotes each whole number of 16 digits or more. Texts inside the JSON stay as they are. */
export function quoteLarge(json: string): string {
  return json.replace(TOKEN, (token) => (token.startsWith('"') ? token : `"${token}"`));
}

/** JSON of plain data, whose bigints become strings. */
export function jsonOf(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) => (typeof one === "bigint" ? String(one) : one));
}
