// SPDX-License-Identifier: Apache-2.0
// What a run of `instrument` wrote, as digests of its parts: the label by which the next run tells an edit
// from a word of ours. Digests and not the values: a template's values may be references to secrets, which
// CloudFormation would resolve in a label.
/** Digests of all parts that were written, by their places. */
export type Wrote = ReadonlyMap<string, string>;

/** Docker label with the digests of what was written. */
export const WROTE_LABEL = "vedette.wrote";
const VERSION = "1";

/** The label's text: `1 vedette/image:0a1b2c3d ...`. */
export function wroteText(wrote: Wrote): string {
  return [VERSION, ...[...wrote].map(([place, digest]) => `${place}:${digest}`)].join(" ");
}

/** Null where the label is missing or of another version. */
export function readWrote(text: string | undefined): Map<string, string> | null {
  const [version, ...words] = text?.split(" ") ?? [];
  if (version !== VERSION) return null;
  return new Map(
    words.map((word): [string, string] => [
      word.slice(0, word.lastIndexOf(":")),
      word.slice(word.lastIndexOf(":") + 1),
    ]),
  );
}
