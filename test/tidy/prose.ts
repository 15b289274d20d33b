// SPDX-License-Identifier: Apache-2.0
//
// Prose in *.md files ends by column 110, so that it can be read in a terminal and compared side by side.
// Tables, code and headings may be longer. The target of a link does not count, because it cannot be broken.
import type { Complaint, Rule } from "./tree.js";

const COLUMNS_MAX = 110;
const FENCE = /^\s*```/;
const TABLE_OR_HEADING = /^(\s*\||#{1,6} )/;
const INDENTED = /^ {4}/;
const TARGET = /(?<=\])\([^)\s]+\)|\bhttps?:\/\/\S+/g;

export const proseEndsByItsColumn: Rule = (tree) =>
  [...tree].flatMap(([path, text]) => (path.endsWith(".md") ? longLines(path, text) : []));

function longLines(path: string, text: string): Complaint[] {
  return proseOf(text)
    .map(({ line, columns }) => ({ path, line, columns }))
    .filter(({ columns }) => columns > COLUMNS_MAX)
    .map(({ columns, ...at }) => ({ ...at, text: `prose of ${columns} columns; break it by column ${COLUMNS_MAX}` }));
}

function proseOf(text: string): { line: number; columns: number }[] {
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
    return [{ line: index + 1, columns: [...line.replace(TARGET, "")].length }];
  });
}
