// SPDX-License-Identifier: Apache-2.0
// Texts as PostgreSQL can have them, and what is searched by words. A text has no character 0 there, and an
// index has a bound for what it holds. Words are parted here, and not by the server's parser, which takes
// "/etc/shadow" for one: they are runs of letters and digits, whatever the case of letters and their accents,
// as with SQLite (FTS5, unicode61). So what is put together here has nothing in it that would be syntax.
//
//   vectorOf("cat /etc/shadow")   cat:1 etc:2 shadow:3
//   queryOf("cat /etc/sha")       cat & etc <-> sha:*

import { phrasesOf, wordsOf } from "../words.js";

const NAME_MAX = 500;
/** Of a tsvector (postgresql.org/docs/17/textsearch-limitations.html). */
const POSITION_MAX = 16_383;

/** Without what the server would not take. */
export function cleanText(text: string): string {
  return text.replace(/\0|\p{Cs}/gu, "\ufffd");
}

/** What is looked up: also bounded. */
export function cleanName(text: string): string {
  return cleanText(text.length > NAME_MAX ? text.slice(0, NAME_MAX) : text);
}

/** The words of a text, each with its places, as a tsvector is written. */
export function vectorOf(text: string): string {
  return wordsOf(text)
    .slice(0, POSITION_MAX)
    .map((word, index) => `${word}:${index + 1}`)
    .join(" ");
}

/** What somebody typed, as a tsquery: all words; the last may be a beginning. Null: there is none. */
export function queryOf(text: string): string | null {
  const phrases = phrasesOf(text);
  if (phrases.length === 0) return null;
  return `${phrases.map((words) => words.join(" <-> ")).join(" & ")}:*`;
}
