// SPDX-License-Identifier: Apache-2.0
//
// A page of docs/, taken apart for tests that walk it: its code blocks, fenced or indented, and the names
// that stand in code in its prose.
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";

const DOCS = resolve(import.meta.dirname, "../docs");

export interface Block {
  readonly page: string;
  /** Of its fence; "" where it has none, or is indented: what is typed. */
  readonly language: string;
  readonly text: string;
}

const FENCE = /^```(\w*)\n([\s\S]*?)^```$/gm;
const INDENTED = /(?:^ {4}.*\n)+/gm;

function textOf(page: string): string {
  return readFileSync(join(DOCS, page), "utf8");
}

/** In the page's order. */
export function blocksOf(page: string): Block[] {
  const text = textOf(page);
  const fenced = [...text.matchAll(FENCE)].map(({ index, 1: language, 2: inner }) => ({ index, language, inner }));
  const blank = text.replace(FENCE, (all) => all.replace(/[^\n]/g, "."));
  const indented = [...blank.matchAll(INDENTED)].map(({ index, 0: lines }) => ({
    index,
    language: "",
    inner: lines.replace(/^ {4}/gm, ""),
  }));
  return [...fenced, ...indented]
    .toSorted((one, other) => one.index - other.index)
    .map(({ language, inner }) => ({ page, language: language!, text: inner! }));
}

/** What is typed, a line each, comments taken off. */
export function commandsOf(page: string): string[] {
  const typed = blocksOf(page).filter(({ language }) => language === "");
  return typed.flatMap(({ text }) => text.split("\n").filter((line) => line !== ""));
}

/** The page without its blocks. */
export function proseOf(page: string): string {
  return textOf(page).replace(FENCE, "").replace(INDENTED, "");
}

/** What stands between single back quotes. */
export function namesOf(page: string): string[] {
  return [...new Set([...proseOf(page).matchAll(/`([^`\n]+)`/g)].map(([, name]) => name!))];
}
