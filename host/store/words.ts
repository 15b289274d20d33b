// SPDX-License-Identifier: Apache-2.0
// What is searched by words: runs of letters and digits, whatever the case of letters and their accents, as
// FTS5's unicode61 parts them too. What is put together of them here has nothing in it that would be syntax.
//
// A tenant's words are also kept with the tenant's number in front, so that a search of the tenant reads what
// is the tenant's alone, however much others have: t12xcat. Digits end at the x, so no number begins another.
import { SEARCH } from "./bounds.js";

const WORD_MAX = 200;

/** In their order. */
export function wordsOf(text: string): string[] {
  const plain = text
    .normalize("NFKD")
    .replace(/\p{M}+/gu, "")
    .toLowerCase();
  return (plain.match(/[\p{L}\p{N}]+/gu) ?? []).map((word) => word.slice(0, WORD_MAX).replace(/\p{Cs}/gu, ""));
}

/** What somebody typed: words that follow each other, for each run without blanks. */
export function phrasesOf(text: string): string[][] {
  return text
    .slice(0, SEARCH.text)
    .split(/[\s\p{C}]+/u)
    .map(wordsOf)
    .filter((words) => words.length > 0)
    .slice(0, SEARCH.words);
}

/** The word as a tenant's own. */
export const ownedWord = (tenant: bigint | string, word: string): string => `t${tenant}x${word}`;
