// SPDX-License-Identifier: Apache-2.0
// What is told to the store, as lines: they wait in the queue and go to the store's thread as they are. A
// line is a head, which says what the row is found by, then its document, then words to search in:
//
//   F{"id":"8b1c...","time":"1795703412881781397","tenant":"","rule":"Sensitive file read",...}
//   {"alert":{...},"finding":{...}}
//   Sensitive file read cat read /etc/shadow web

/** An incident as the API gives it, and what it is found by. */
export interface StoredIncident {
  readonly id: string;
  /** Empty: the operator's own. */
  readonly tenant: string;
  /** An index in PRIORITIES. */
  readonly severity: number;
  /** More findings may join it. */
  readonly isOpen: boolean;
  /** The incident that it became a part of; null: it is one of its own. */
  readonly into: string | null;
  readonly title: string;
  /** Its name, or its id; empty: none. */
  readonly container: string;
  /** ns since the epoch. */
  readonly first: string;
  readonly last: string;
  readonly tags: readonly string[];
  /** The JSON of what it is besides. */
  readonly doc: string;
}

/** By which a finding is found. */
export interface FindingHead {
  readonly id: string;
  /** ns since the epoch. */
  readonly time: string;
  /** Empty: the operator's own. */
  readonly tenant: string;
  readonly rule: string;
  /** An index in PRIORITIES. */
  readonly priority: number;
  /** Its name where it has one, and its id; empty: none. */
  readonly container: string;
  readonly containerId: string;
  readonly incident: string | null;
  /** It claimed to be of the future, and `time` is when it was told. */
  readonly isBounded?: true;
}

/** A row that was told. */
export type Told =
  | { readonly kind: "finding"; readonly head: FindingHead; readonly doc: string; readonly words: string }
  | { readonly kind: "incident"; readonly head: Omit<StoredIncident, "doc">; readonly doc: string };

/** What a line says. */
export function toldOf(line: string): Told {
  const [head = "", doc = "", words = ""] = line.slice(1).split("\n", 3);
  if (line.startsWith("F")) return { kind: "finding", head: JSON.parse(head) as FindingHead, doc, words };
  return { kind: "incident", head: JSON.parse(head) as Omit<StoredIncident, "doc">, doc };
}
