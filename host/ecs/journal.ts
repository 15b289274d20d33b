// SPDX-License-Identifier: Apache-2.0
// What `instrument` did to a task definition, kept inside it: three Docker labels on the sidecar's container.
// `--undo` and a second `instrument` read them. They are words that a reviewer can read in a diff:
//
//   vedette.undo      1 6b86b273ff34fce1 +volumes/vedette ^containerDefinitions/app/entryPoint:8 ...
//   vedette.options   container=app&start=security
//   vedette.wrote     1 vedette/image:0a1b2c3d ...        what was written, so that the next run knows what
// was edited (kept.ts)
//
//   1             version of this form
//   6b86...       SHA-256 of the whole file before, 16 digits: says whether --undo gave it back exactly
//   +P            the entry or element P was appended
//   <P            the entry or element P was put before the next one
//   ^P:n          n elements were put first in the list P
//   *P            the list or map P was empty
//   =P:text       P read `text` (encoded as in a URL)
import { createHash } from "node:crypto";
import { entryOf, type Node, textOf } from "./node.js";
import { readWrote, WROTE_LABEL, wroteText } from "./wrote.js";

/** What one note says was done. */
export type Mark = "+" | "<" | "^" | "*" | "=";

/** One change. `pointer` leads to its place (path.ts). */
export interface Note {
  readonly mark: Mark;
  readonly pointer: string;
  /** How many elements (`^`), what stood there (`=`). */
  readonly detail: string;
}

/** What one run did to a task definition. */
export interface Journal {
  readonly digest: string;
  readonly notes: readonly Note[];
  readonly options: URLSearchParams;
  /** Null: version 0.1 left none. */
  readonly wrote: ReadonlyMap<string, string> | null;
}

/** Docker label with the digest and the notes. */
export const UNDO_LABEL = "vedette.undo";
/** Docker label with the options; not there when all were left out. */
export const OPTIONS_LABEL = "vedette.options";
/** Labels that are ours, and not part of what somebody may edit. */
export const OWN_LABELS: readonly string[] = [UNDO_LABEL, OPTIONS_LABEL, WROTE_LABEL];
const VERSION = "1";

/** 16 hexadecimal digits. */
export function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

/** The journal as Docker labels. */
export function labels({ digest, notes, options, wrote }: Journal): Record<string, string> {
  const lines = notes.map(
    ({ mark, pointer, detail }) => mark + pointer + (detail === "" ? "" : `:${encodeURIComponent(detail)}`),
  );
  const told = options.toString();
  return {
    [UNDO_LABEL]: [VERSION, digest, ...lines].join(" "),
    ...(told === "" ? {} : { [OPTIONS_LABEL]: told }),
    [WROTE_LABEL]: wroteText(wrote ?? new Map()),
  };
}

/**
 * The form of a journal that a later version of Vedette left; null: there is none, or this version knows it.
 */
export function newerForm(definition: Node): string | null {
  const [form = VERSION] = textOf(entryOf(findLabels(definition), UNDO_LABEL)?.node)?.split(" ") ?? [];
  return /^\d+$/.test(form) && form !== VERSION ? form : null;
}

/** The journal in a task definition, in whichever container it stands; null when Vedette is not in it. */
export function journalIn(definition: Node): Journal | null {
  const found = findLabels(definition);
  const [version, digest, ...lines] = textOf(entryOf(found, UNDO_LABEL)?.node)?.split(" ") ?? [];
  if (version !== VERSION || digest === undefined) return null;
  const options = new URLSearchParams(textOf(entryOf(found, OPTIONS_LABEL)?.node) ?? "");
  const wrote = readWrote(textOf(entryOf(found, WROTE_LABEL)?.node));
  return { digest, notes: lines.map(readNote), options, wrote };
}

function readNote(line: string): Note {
  const [pointer, detail = ""] = line.slice(1).split(":");
  return { mark: line[0] as Mark, pointer: pointer!, detail: decodeURIComponent(detail) };
}

function findLabels(node: Node): Node | undefined {
  if (entryOf(node, UNDO_LABEL) !== undefined) return node;
  const children =
    node.kind === "map" ? node.entries.map((entry) => entry.node) : node.kind === "list" ? node.items : [];
  for (const child of children) {
    const found = findLabels(child);
    if (found !== undefined) return found;
  }
  return undefined;
}
