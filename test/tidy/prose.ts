// SPDX-License-Identifier: Apache-2.0
//
// Prose ends by column 110, so that it can be read in a terminal and compared side by side: in *.md files,
// and in comments that have a line to themselves. In *.md files tables, code and headings may be longer, in
// comments what is drawn: lines that begin with more than one blank. The target of a link and an address do
// not count, because they cannot be broken.
import type { Complaint, Rule } from "./tree.js";

const COLUMNS_MAX = 110;
const FENCE = /^\s*```/;
const TABLE_OR_HEADING = /^(\s*\||#{1,6} )/;
const INDENTED = /^ {4}/;
const TARGET = /(?<=\])\([^)\s]+\)|\bhttps?:\/\/\S+/g;

/** Languages whose comments begin with two slashes. */
const COMMENTED = /\.(ts|tsx|js|cc|h|c|S|go|rs)$/;
const COMMENT = /^\s*(\/\/\/?|\*|\/\*\*) (?! )(?!\s*(biome-ignore|@ts-))/;

export const proseEndsByItsColumn: Rule = (tree) =>
  [...tree].flatMap(([path, text]) => {
    if (path.endsWith(".md")) return tooLong(path, proseOf(text));
    return COMMENTED.test(path) ? tooLong(path, commentsOf(text)) : [];
  });

interface Measured {
  line: number;
  columns: number;
}

function tooLong(path: string, lines: readonly Measured[]): Complaint[] {
  return lines
    .map(({ line, columns }) => ({ path, line, columns }))
    .filter(({ columns }) => columns > COLUMNS_MAX)
    .map(({ columns, ...at }) => ({ ...at, text: `prose of ${columns} columns; break it by column ${COLUMNS_MAX}` }));
}

function commentsOf(text: string): Measured[] {
  return text.split("\n").flatMap((line, index) => (COMMENT.test(line) ? [measured(line, index)] : []));
}

function measured(line: string, index: number): Measured {
  return { line: index + 1, columns: [...line.replace(TARGET, "")].length };
}

function proseOf(text: string): Measured[] {
  let isFenced = false;
  let isCode = false;
  let isAfterBlank = true;
  return text.split("\n").flatMap((line, index) => {
    const isFence = FENCE.test(line);
    if (isFence) isFenced = !isFenced;
    // Indented text is code behind a blank line, and the rest of a list's item behind another line.
    isCode = INDENTED.test(line) && (isCode || isAfterBlank);
    isAfterBlank = line.trim() === "";
    if (isFence || isFenced || isCode || TABLE_OR_HEADING.test(line)) return [];
    return [measured(line, index)];
  });
}
