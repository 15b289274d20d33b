// SPDX-License-Identifier: Apache-2.0
// Globs in tenants.yaml: `*` is any text, `?` one character, everything else itself. The matcher remembers
// one star at a time, so the work is at most pattern times text, whatever name an image has.
/** A pattern as the operator wrote it. Every text is a valid one. */
export type Glob = string;

/** Whether the whole text matches. */
export function globMatches(pattern: Glob, text: string): boolean {
  let p = 0;
  let t = 0;
  let starPattern = -1;
  let starText = 0;
  while (t < text.length) {
    if (pattern[p] === "*") {
      starPattern = ++p;
      starText = t;
    } else if (p < pattern.length && (pattern[p] === "?" || pattern[p] === text[t])) {
      p++;
      t++;
    } else if (starPattern >= 0) {
      p = starPattern;
      t = ++starText;
    } else return false;
  }
  while (pattern[p] === "*") p++;
  return p === pattern.length;
}
