// SPDX-License-Identifier: Apache-2.0
// What `instrument` puts into a document: plain values, and copies of what stands there already. A copy keeps
// its words (quotes, tags, intrinsics) and takes the layout of its new place.
import type { Document, Node } from "./node.js";

/** A scalar as it is written somewhere in the document, tag included. */
export class Written {
  constructor(readonly text: string) {}
}

/** A YAML tag on a value: `!If [...]`. */
export class Tagged {
  constructor(
    readonly tag: string,
    readonly value: Value,
  ) {}
}

/** What an editor can write. */
export type Value = string | number | boolean | null | Written | Tagged | readonly Value[] | ValueMap;
/** A map, entries in order. */
export interface ValueMap {
  readonly [key: string]: Value;
}

/** True for a map that is no copy of a node. */
export function isValueMap(value: Value): value is ValueMap {
  const leaf = typeof value !== "object" || value === null || value instanceof Written || value instanceof Tagged;
  return !leaf && !Array.isArray(value);
}

/** The node as a value that keeps its words. */
export function copyOf(document: Document, node: Node): Value {
  const value = copyWithoutTag(document, node);
  return node.tag === "" || value instanceof Written ? value : new Tagged(node.tag, value);
}

function copyWithoutTag(document: Document, node: Node): Value {
  switch (node.kind) {
    case "alias":
      return new Written(`*${node.name}`);
    case "list":
      return node.items.map((item) => copyOf(document, item));
    case "map":
      return Object.fromEntries(node.entries.map((entry) => [entry.key, copyOf(document, entry.node)]));
    case "scalar": {
      const text = document.text.slice(node.start, node.end).replace(/&\S+\s+/, "");
      // Without quotes, YAML's brackets and commas are text in a block, and none between brackets.
      const isBare = typeof node.value === "string" && !/^(!\S+\s+)?["']/.test(text);
      if (isBare && /[[\]{},]/.test(text)) return node.value;
      // What spans lines has the indentation of its old place within it: its value is written anew.
      if (!node.block && !text.includes("\n")) return new Written(text === "" ? "null" : text);
      return typeof node.value === "bigint" ? node.value.toString() : node.value;
    }
  }
}
