// SPDX-License-Identifier: Apache-2.0
// Texts that somebody changes and has not taken along yet. They are kept in this tab, so that a look at
// another screen costs nothing; who leaves takes them away.
import { type Signal, signal } from "@preact/signals";

const PREFIX = "vedette.draft.";
const drafts = new Map<string, Signal<string>>();

/** The draft of this name, of one owner (null: the operator); `first`: its text before anybody changes it. */
export function draftOf(owner: string | null, name: string, first: string): Signal<string> {
  const key = `${PREFIX}${owner ?? ""}.${name}`;
  const known = drafts.get(key);
  if (known !== undefined) return known;
  const draft = signal(read(key) ?? first);
  drafts.set(key, draft);
  draft.subscribe((text) => {
    if (text !== first) write(key, text);
    else sessionStorage.removeItem(key);
  });
  return draft;
}

/** All of them. */
export function forgetDrafts(): void {
  drafts.clear();
  for (const key of Object.keys(sessionStorage)) if (key.startsWith(PREFIX)) sessionStorage.removeItem(key);
}

const read = (key: string): string | null => sessionStorage.getItem(key);

function write(key: string, text: string): void {
  try {
    sessionStorage.setItem(key, text);
  } catch {
    // There is no room left in this tab's own: a reload loses it, as it would without.
  }
}
