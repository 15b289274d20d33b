// SPDX-License-Identifier: Apache-2.0
// Text that an attacker may have chosen, made safe to look at: a file's name can move a terminal's cursor, or
// turn the direction in which a line is read.

/** Control characters and marks of direction, written out: `\x1b`, `\u202e`. */
export function visible(text: string): string {
  return text.replace(/[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, (char) => {
    const code = char.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16)}`;
  });
}
