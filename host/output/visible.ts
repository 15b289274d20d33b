// SPDX-License-Identifier: Apache-2.0
// Text that an attacker may have chosen, made safe to look at: a file's name can move a terminal's cursor, or
// turn the direction in which a line is read.

/** What a terminal may obey: control characters, marks of direction, separators of lines. */
const UNSEEN = /[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Control characters and marks of direction, written out: `\x1b`, `\u202e`. */
export function visible(text: string): string {
  return text.replace(UNSEEN, (char) => {
    const code = char.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

/** Format characters: what has no width, turns a direction, or stands for another sign. */
const FORMAT = /\p{Cf}/u;

/** Whether a line of a program has what its reader does not see, or sees otherwise than a compiler. */
export function hasUnseen(line: string): boolean {
  const plain = line.replace(/\t|\r$/g, "");
  return FORMAT.test(plain) || visible(plain) !== plain;
}

/** Without such characters, but for ends of lines and tabulators. */
export function withoutUnseen(text: string): string {
  return text.replace(UNSEEN, (char) => (char === "\n" || char === "\t" ? char : ""));
}

/**
 * What visible() gives, of what has several lines. Each behind the first begins with two blanks: what is
 * anybody's word cannot look like a line of ours.
 */
export function visibleLines(text: string): string {
  const [first = "", ...more] = text.split("\n");
  return [visible(first), ...more.map((line) => visible(/^( {2}|$)/.test(line) ? line : `  ${line}`))].join("\n");
}

/** A line of JSON, or of text in its manner, in which such characters stand as JSON may write them. */
export function escapedUnseen(text: string): string {
  return text.replace(UNSEEN, (char) => {
    const short = JSON.stringify(char).slice(1, -1);
    return short === char ? `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}` : short;
  });
}
