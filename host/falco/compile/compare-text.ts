// SPDX-License-Identifier: Apache-2.0
// Compares texts that are known when rules are compiled: the name of the event's type, the names of flags.
// Byte strings.
import type { Operator } from "../condition.js";
import { parseRegex } from "../regex.js";
import { foldCase, isMatch, matchTable } from "./automaton.js";
import { globRegex, pathRegex } from "./patterns.js";

/** Whether `text` compares with any of the values: what the compiled rule would find in an event. */
export function compareText(text: string, op: Operator, values: readonly string[]): boolean {
  return op === "pmatch"
    ? isMatch(matchTable(pathRegex(values)), text)
    : values.some((value) => COMPARE[op](text, value));
}

const COMPARE: Record<Exclude<Operator, "pmatch">, (text: string, value: string) => boolean> = {
  "=": (a, b) => a === b,
  "==": (a, b) => a === b,
  in: (a, b) => a === b,
  intersects: (a, b) => a === b,
  "!=": (a, b) => a !== b,
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
  contains: (a, b) => a.includes(b),
  bcontains: (a, b) => a.includes(b),
  icontains: (a, b) => foldCase(a).includes(foldCase(b)),
  startswith: (a, b) => a.startsWith(b),
  bstartswith: (a, b) => a.startsWith(b),
  endswith: (a, b) => a.endsWith(b),
  glob: (a, b) => isMatch(matchTable(globRegex(b, false)), a),
  iglob: (a, b) => isMatch(matchTable(globRegex(b, true)), a),
  regex: (a, b) => isMatch(matchTable(parseRegex(b)), a),
};
