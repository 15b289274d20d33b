// SPDX-License-Identifier: Apache-2.0
// What somebody chose of how the console looks and listens, kept in this browser for the next time. A browser
// that keeps nothing forgets it with the tab.
import { type Signal, signal } from "@preact/signals";

/** One of these words; the first of them until somebody chooses another. */
export function keptChoice<T extends string>(name: string, words: readonly [T, ...T[]]): Signal<T> {
  const key = `vedette.${name}`;
  const choice = signal<T>(words.find((word) => word === read(key)) ?? words[0]);
  choice.subscribe((word) => {
    if (word !== read(key)) write(key, word);
  });
  return choice;
}

function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // the browser keeps nothing
  }
}

function write(key: string, word: string): void {
  try {
    localStorage.setItem(key, word);
  } catch {
    // as above
  }
}
