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

/** The lines, from 1, of these characters, in their order. The text is walked once, however many they are. */
export function linesOf(text: string, offsets: readonly number[]): number[] {
  const lines = new Array<number>(offsets.length);
  const inOrder = offsets.map((_, index) => index).sort((a, b) => offsets[a]! - offsets[b]!);
  let line = 1;
  let end = text.indexOf("\n");
  for (const index of inOrder) {
    for (; end >= 0 && end < offsets[index]!; end = text.indexOf("\n", end + 1)) line++;
    lines[index] = line;
  }
  return lines;
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
