// SPDX-License-Identifier: Apache-2.0
// The condition of Falco's language that a row stands for: what Enter adds to the filter. A value is whatever
// a workload chose, so all but plain characters are written as bytes (`\x22`): nothing in it can end the
// text.
import { TEXT_CUT } from "../activity/activity.js";

const PLAIN = /^[\w./:@%+-]+$/;

/** `proc.pid=41`, `fd.name="/tmp/a\x22b"`; null: the row has no value there. */
export function conditionOf(field: string, value: string | number): string | null {
  const text = String(value);
  if (text === "") return null;
  // Only the beginning is known.
  const isCut = text.endsWith(TEXT_CUT);
  const [whole, compare] = isCut ? [text.slice(0, -TEXT_CUT.length), " startswith "] : [text, "="];
  return `${field}${compare}${PLAIN.test(whole) ? whole : quoted(whole)}`;
}

/** Both must hold. */
export function both(one: string, other: string): string {
  if (one === "" || other === "") return one + other;
  return `${/\bor\b/.test(one) ? `(${one})` : one} and ${other}`;
}

function quoted(text: string): string {
  let written = "";
  for (const byte of Buffer.from(text)) {
    const char = String.fromCharCode(byte);
    written += /[\w ./:@%+-]/.test(char) ? char : `\\x${byte.toString(16).padStart(2, "0")}`;
  }
  return `"${written}"`;
}
