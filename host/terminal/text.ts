// SPDX-License-Identifier: Apache-2.0
// Text in cells of a terminal. Who is watched chooses names and arguments: here they lose whatever a terminal
// could obey, and whatever takes no cell or turns the direction of a line. What is cut is cut at a cell.
import { visible } from "../output/visible.js";

/** Marks that stand above one letter; more of them would cover the lines around it. */
const MARKS_MAX = 2;
const PLAIN = /^[\x20-\x7e]*$/;
// Format characters (U+200B, tags), separators of lines, halves of pairs, characters that nobody has defined.
const UNSEEN = /[\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}]/gu;
const MARK = /^[\p{Mn}\p{Me}]$/u;
// East Asian wide and full width (UAX 11), and what is drawn as a picture.
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}\p{Emoji_Presentation}]$/u;

/** The text with nothing in it that a terminal obeys. `isAscii`: it shows no other characters. */
export function harmless(text: string, isAscii = false): string {
  if (PLAIN.test(text)) return text;
  const shown = visible(text).replace(UNSEEN, written);
  return isAscii ? shown.replace(/[^\x20-\x7e]/gu, (char) => (char === "…" ? "~" : "?")) : shown;
}

function written(char: string): string {
  const code = char.codePointAt(0) as number;
  return code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, "0")}`;
}

/** Cells that a character takes: 0, 1 or 2. */
export function cellsOf(char: string): number {
  if (char <= "\x7e") return 1;
  return MARK.test(char) ? 0 : WIDE.test(char) ? 2 : 1;
}

/** Cells that a harmless text takes. */
export function widthOf(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const char of text) width += cellsOf(char);
  return width;
}

/** The text in exactly so many cells: cut, or filled up with blanks. */
export function fit(text: string, width: number, side: "left" | "right" = "left"): string {
  if (width <= 0) return "";
  const [part, taken] = PLAIN.test(text) ? [text.slice(0, width), Math.min(text.length, width)] : begin(text, width);
  const blanks = " ".repeat(width - taken);
  return side === "left" ? part + blanks : blanks + part;
}

function begin(text: string, width: number): readonly [part: string, taken: number] {
  let [part, taken, marks] = ["", 0, 0];
  for (const char of text) {
    const cells = cellsOf(char);
    if (taken + cells > width) break;
    marks = cells === 0 ? marks + 1 : 0;
    // A mark without a letter would stand above what is to the left of this cell.
    if (cells === 0 && (taken === 0 || marks > MARKS_MAX)) continue;
    part += char;
    taken += cells;
  }
  return [part, taken];
}

/** The text broken into lines of so many cells. */
export function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let [line, taken] = ["", 0];
  for (const char of text) {
    const cells = cellsOf(char);
    if (taken + cells > width) {
      lines.push(line);
      [line, taken] = ["", 0];
    }
    line += char;
    taken += cells;
  }
  return line === "" && lines.length > 0 ? lines : [...lines, line];
}
