// SPDX-License-Identifier: Apache-2.0
// Texts that somebody changes and has not taken along yet. They are kept in this tab, so that a look at
// another screen costs nothing; who leaves takes them away.
import { type Signal, signal } from "@preact/signals";

const PREFIX = "vedette.draft.";

/** A text, and what it was made from. */
export interface Draft {
  readonly text: Signal<string>;
  /** The loaded text before anybody changed it. */
  base: string;
}

const drafts = new Map<string, Draft & { readonly end: () => void }>();

/**
 * The draft of this name, of one owner (null: the operator). `loaded`: the text that is loaded now. A draft
 * that nobody has changed follows it.
 */
export function draftOf(owner: string | null, name: string, loaded: string): Draft {
  const key = `${PREFIX}${owner ?? ""}.${name}`;
  const draft = drafts.get(key) ?? begin(key, loaded);
  if (draft.base !== loaded && [draft.base, loaded].includes(draft.text.peek())) {
    draft.base = loaded;
    draft.text.value = loaded;
    sessionStorage.removeItem(key);
  }
  return draft;
}

function begin(key: string, loaded: string) {
  const { base, text: first } = read(key) ?? { base: loaded, text: loaded };
  const draft = { base, text: signal(first), end: (): void => undefined };
  draft.end = draft.text.subscribe((text) => {
    if (text !== draft.base) write(key, { base: draft.base, text });
    else sessionStorage.removeItem(key);
  });
  drafts.set(key, draft);
  return draft;
}

/** All of them. */
export function forgetDrafts(): void {
  for (const { end } of drafts.values()) end();
  drafts.clear();
  for (const key of Object.keys(sessionStorage)) if (key.startsWith(PREFIX)) sessionStorage.removeItem(key);
}

interface Kept {
  readonly base: string;
  readonly text: string;
}

/** What this tab has kept; null: nothing, or in the form of another version of this page. */
function read(key: string): Kept | null {
  try {
    return JSON.parse(sessionStorage.getItem(key) ?? "null") as Kept | null;
  } catch {
    return null;
  }
}

function write(key: string, draft: Kept): void {
  try {
    sessionStorage.setItem(key, JSON.stringify(draft));
  } catch {
    // There is no room left in this tab's own: a reload loses it, as it would without.
  }
}
