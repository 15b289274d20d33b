// SPDX-License-Identifier: Apache-2.0
// Draws the place of an error in a text:
//
//      12 |   return e.proc.nam == "sh";
//         |                 ^^^

const WIDTH_MAX = 160;
/** What is shown behind the place in a line that is longer. */
const AROUND = 40;

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

/** The column, from 1, of a character in its line. */
export function columnOf(text: string, offset: number): number {
  return offset - startOfLine(text, offset) + 1;
}

/**
 * The line at `start`, with its number, and carets under the part up to `end`. Of a long line what stands
 * around it.
 */
export function excerptOf(text: string, start: number, end: number, line: number): string {
  const begin = startOfLine(text, start);
  const lineEnd = text.indexOf("\n", start);
  const from = Math.max(begin, start - WIDTH_MAX + AROUND);
  const stop = Math.min(lineEnd < 0 ? text.length : lineEnd, from + WIDTH_MAX);
  const shown = text.slice(from, stop).replaceAll("\t", " ");
  const number = String(line).padStart(5);
  const width = Math.max(1, Math.min(end, stop) - start);
  return `${number} | ${shown}\n${" ".repeat(number.length)} | ${" ".repeat(start - from)}${"^".repeat(width)}`;
}

function startOfLine(text: string, offset: number): number {
  return offset === 0 ? 0 : text.lastIndexOf("\n", offset - 1) + 1;
}
