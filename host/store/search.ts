// SPDX-License-Identifier: Apache-2.0
// What somebody typed, as a query of FTS5 (sqlite.org/fts5.html, 3). FTS5 has a language of its own: columns,
// NEAR, NOT, parentheses. None of it is offered: each word is a string in quotes, which asks for its letters
// and digits one behind the other, and the last may be the beginning of a word.
//
//   cat /etc/sha   ->   "cat" "/etc/sha"*
import { SEARCH } from "./bounds.js";
import { ownedWord, phrasesOf } from "./words.js";

/** The same among words of a tenant's own (words.ts). Null: there is no word in it. */
export function ownedMatchOf(text: string, tenant: bigint): string | null {
  const phrases = phrasesOf(text).map((words) => words.map((word) => ownedWord(tenant, word)).join(" "));
  return phrases.length === 0 ? null : `${phrases.map((phrase) => `"${phrase}"`).join(" ")}*`;
}

/** Null: there is no word in it. */
export function matchOf(text: string): string | null {
  const words = text
    .slice(0, SEARCH.text)
    .split(/[\s\p{C}]+/u)
    .filter((word) => /[\p{L}\p{N}]/u.test(word))
    .slice(0, SEARCH.words);
  if (words.length === 0) return null;
  return `${words.map((word) => `"${word.replaceAll('"', '""')}"`).join(" ")}*`;
}
