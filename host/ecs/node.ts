// SPDX-License-Identifier: Apache-2.0
// A document as it was written: every node knows where in the text it stands, so that `instrument` can put
// text in between and leave every other byte alone. read-json.ts and read-yaml.ts make these trees; edit.ts
// and removal.ts work on them.
//
//   Environment: !If [HasKey, [{Name: KEY, Value: !Ref Key}], !Ref AWS::NoValue]
//   ^keyStart    ^start                                                        ^end   a list, tag "!If", flow
//
// "flow" is the style with brackets (all of JSON, some of YAML); "block" is YAML's style of lines and
// indentation.

interface NodeBase {
  /** The first byte of the value, its YAML tag and anchor included. */
  readonly start: number;
  /** Just after the last byte of the value; a block collection ends where its last entry does. */
  readonly end: number;
  /** "!Ref", "!If" ...; empty where there is none. */
  readonly tag: string;
  /** A YAML alias elsewhere stands for this very node. */
  readonly shared: boolean;
}

/** A value without parts. */
export interface Scalar extends NodeBase {
  readonly kind: "scalar";
  readonly value: string | number | bigint | boolean | null;
  /** A YAML block scalar (`|`, `>`): it ends at the start of a line. */
  readonly block: boolean;
}

/** A YAML alias (`*name`): what it says stands elsewhere. */
export interface Alias extends NodeBase {
  readonly kind: "alias";
  readonly name: string;
}

/** One entry of a map. `keyStart` is an offset in the document's text. */
export interface Entry {
  readonly key: string;
  readonly keyStart: number;
  readonly node: Node;
}

interface Collection extends NodeBase {
  readonly flow: boolean;
  /**
   * Flow: just after the opening bracket, and the closing one. Block: where the first entry or dash stands,
   * and the end.
   */
  readonly inside: number;
  readonly close: number;
}

/** A map, entries in the order of the file. */
export interface MapNode extends Collection {
  readonly kind: "map";
  readonly entries: readonly Entry[];
}

/** A list, items in the order of the file. */
export interface ListNode extends Collection {
  readonly kind: "list";
  readonly items: readonly Node[];
  /** Block style: where each item's dash stands. */
  readonly dashes: readonly number[];
}

/** One step on the way to a node: a key or an index. */
export type Step = string | number;

/** One node of a document. All places are offsets in the document's text, in UTF-16 units. */
export type Node = Scalar | Alias | MapNode | ListNode;

/** A file, its text and its tree. */
export interface Document {
  /** What messages call it: a path, or "standard input". */
  readonly path: string;
  readonly text: string;
  readonly format: "json" | "yaml";
  /** The line ending and the step of indentation (blanks or a tab) that the text uses. */
  readonly newline: string;
  readonly unit: string;
  readonly root: Node;
}

/** The entry at `key`; undefined where the node is no map or lacks it. It does not look into an `Fn::If`. */
export function entryOf(node: Node | undefined, key: string): Entry | undefined {
  return node?.kind === "map" ? node.entries.find((entry) => entry.key === key) : undefined;
}

/** The node behind these keys, one after the other. */
export function get(node: Node | undefined, ...keys: string[]): Node | undefined {
  return keys.reduce((at: Node | undefined, key) => entryOf(at, key)?.node, node);
}

/** The node's text; undefined for anything but a plain string. */
export function textOf(node: Node | undefined): string | undefined {
  return node?.kind === "scalar" && typeof node.value === "string" && node.tag === "" ? node.value : undefined;
}

/** True for a plain null. */
export function isNull(node: Node): boolean {
  return node.kind === "scalar" && node.value === null && node.tag === "";
}

/** Line of the offset, from 1. */
export function lineOf(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at >= 0 && at < offset; at = text.indexOf("\n", at + 1)) line++;
  return line;
}

/** Column of the offset, from 0. */
export function columnOf(text: string, offset: number): number {
  return offset - (text.lastIndexOf("\n", offset - 1) + 1);
}

/** The blanks that the line of `offset` begins with. */
export function indentAt(text: string, offset: number): string {
  const line = text.lastIndexOf("\n", offset - 1) + 1;
  return /^[ \t]*/.exec(text.slice(line, offset))![0];
}
