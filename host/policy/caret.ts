// SPDX-License-Identifier: Apache-2.0
// Draws the place of an error in a text:
//
//      12 |   return e.proc.nam == "sh";
//         |                 ^^^

const WIDTH_MAX = 160;

/** Line and column, from 1, of a character. */
export function placeOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf("\n") + 1;
  return { line: before.split("\n").length, column: offset - lineStart + 1 };
}

/** The line at `start`, and carets under the part up to `end`. */
export function excerptOf(text: string, start: number, end: number): string {
  const { line, column } = placeOf(text, start);
  const whole = (text.split("\n")[line - 1] ?? "").replaceAll("\t", " ");
  const shown = whole.slice(0, WIDTH_MAX);
  const number = String(line).padStart(5);
  const width = Math.max(1, Math.min(end - start, shown.length - column + 1));
  return `${number} | ${shown}\n${" ".repeat(number.length)} | ${" ".repeat(column - 1)}${"^".repeat(width)}`;
}
