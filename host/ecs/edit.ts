// SPDX-License-Identifier: Apache-2.0
// Text put into a document, each piece laid out like what stands beside it; not one byte of what was there is
// changed. Every way of putting something in has its opposite in removal.ts, and both follow these rules:
//
//   flow, appended    right behind the last element: `, X`         X begins on a line of its own where its
// siblings do
//   flow, put first   right before the first one:    `X, `
//   flow, was empty   right behind the bracket:      `[X]`, or over lines where the document is spread and
// nothing stood inside
//   block, appended   whole lines, behind the last line of the last element (its comment included)
//   block, put first  before the first key or dash:  `X`, line end, indentation
//   null              replaced, in flow style
import { columnOf, type Document, indentAt, type ListNode, type MapNode, type Node } from "./node.js";
import { blockEntry, blockItems, flow, type Look, spread } from "./render.js";
import type { Value } from "./value.js";

interface Piece {
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly depth: number;
}

/**
 * Pieces of text and where they go. At one place the deeper goes first; those of one depth keep the order
 * they came in.
 */
export class Edits {
  readonly #pieces: Piece[] = [];

  replace(start: number, end: number, text: string): void {
    this.#pieces.push({ start, end, text, depth: 0 });
  }

  insert(at: number, text: string, depth = 0): void {
    this.#pieces.push({ start: at, end: at, text, depth });
  }

  apply(text: string): string {
    const pieces = this.#pieces.toSorted((a, b) => a.start - b.start || a.end - b.end || b.depth - a.depth);
    let done = 0;
    let result = "";
    for (const { start, end, text: put } of pieces) {
      result += text.slice(done, Math.max(done, start)) + put;
      done = Math.max(done, end);
    }
    return result + text.slice(done);
  }
}

/** Collects edits of one document. The result has them all; the document stays as it was read. */
export class Editor {
  readonly edits = new Edits();
  readonly #look: Look;

  constructor(readonly document: Document) {
    this.#look = lookOf(document);
  }

  /** Puts `key: value` behind the last entry; "first" says that it had to go before the first one. */
  appendEntry(map: MapNode, key: string, value: Value): "appended" | "first" {
    const first = map.entries[0]!;
    if (!map.flow)
      return this.#appendBlock(map, first.keyStart, blockEntry(key, value, this.#column(first.keyStart), this.#look));
    const own = isSpread(this.document, map.inside, first.keyStart);
    const indent = indentAt(this.document.text, first.keyStart);
    const entry = this.#flowEntry(key, value, own, indent);
    this.edits.insert(map.entries.at(-1)!.node.end, `,${this.#gap(own, indent)}${entry}`);
    return "appended";
  }

  appendItem(list: ListNode, value: Value): "appended" | "first" {
    if (!list.flow)
      return this.#appendBlock(list, list.dashes[0]!, blockItems([value], this.#column(list.dashes[0]!), this.#look));
    const last = list.items.at(-1)!;
    const own = isSpread(this.document, list.inside, list.items[0]!.start);
    const indent = indentAt(this.document.text, own ? list.items[0]!.start : last.end);
    const isTall = last.kind === "map" && isSpread(this.document, last.start, last.end);
    const text = isTall ? spread(value, indent, this.#look) : flow(value, this.#look);
    this.edits.insert(last.end, `,${this.#gap(own, indent)}${text}`);
    return "appended";
  }

  prependItems(list: ListNode, values: readonly Value[]): void {
    const { newline } = this.document;
    if (list.flow) {
      const at = list.items[0]!.start;
      const gap = this.#gap(isSpread(this.document, list.inside, at), indentAt(this.document.text, at));
      this.edits.insert(at, values.map((value) => `${flow(value, this.#look)},${gap}`).join(""));
    } else {
      const column = this.#column(list.dashes[0]!);
      this.edits.insert(list.dashes[0]!, blockItems(values, column, this.#look) + newline + " ".repeat(column));
    }
  }

  /** Fills a list that was empty. */
  fillList(list: ListNode, values: readonly Value[]): void {
    this.#fill(list, (indent) =>
      values.map((value) => (indent === null ? flow(value, this.#look) : spread(value, indent, this.#look))),
    );
  }

  /** Fills a map that was empty. */
  fillMap(map: MapNode, key: string, value: Value): void {
    this.#fill(map, (indent) => [this.#flowEntry(key, value, indent !== null, indent ?? "")]);
  }

  /** Puts a value in the place of another, which may be the nothing behind a YAML key. */
  replace(node: Node, value: Value): void {
    const isNothing = node.start === node.end;
    this.edits.replace(node.start, node.end, `${isNothing ? " " : ""}${flow(value, this.#look)}`);
  }

  #fill(collection: MapNode | ListNode, parts: (indent: string | null) => string[]): void {
    const isBare = collection.inside === collection.close;
    if (
      !isBare ||
      this.document.format === "yaml" ||
      this.#look.tight ||
      !isSpread(this.document, 0, collection.start)
    ) {
      this.edits.insert(collection.inside, parts(null).join(this.#look.tight ? "," : ", "));
      return;
    }
    const outer = indentAt(this.document.text, collection.start);
    const inner = this.document.newline + outer + this.#look.unit;
    const text = parts(outer + this.#look.unit).join(`,${inner}`);
    this.edits.insert(collection.inside, inner + text + this.document.newline + outer);
  }

  #appendBlock(collection: MapNode | ListNode, first: number, lines: string): "appended" | "first" {
    const { text, newline } = this.document;
    const indent = " ".repeat(this.#column(first));
    const at = lineAfter(text, collection.end);
    // A list may stand at its key's own column: an element then belongs before the next key.
    const depth = 2 * indent.length + (collection.kind === "list" ? 1 : 0);
    if (at !== null) {
      this.edits.insert(at, indent + lines + newline, depth);
    } else if (endsInBlockScalar(collection)) {
      // The text ends inside a `|` value without a line end; one more would become part of that value.
      this.edits.insert(first, lines + newline + indent);
      return "first";
    } else {
      this.edits.insert(text.length, newline + indent + lines, depth);
    }
    return "appended";
  }

  #flowEntry(key: string, value: Value, own: boolean, indent: string): string {
    const name = flow(key, this.#look);
    const colon = this.#look.tight ? ":" : ": ";
    return name + colon + (own ? spread(value, indent, this.#look) : flow(value, this.#look));
  }

  #gap(own: boolean, indent: string): string {
    if (own) return this.document.newline + indent;
    return this.#look.tight ? "" : " ";
  }

  #column(offset: number): number {
    return columnOf(this.document.text, offset);
  }
}

/** Where the line after `offset` begins; null where there is none. */
export function lineAfter(text: string, offset: number): number | null {
  if (offset > 0 && text[offset - 1] === "\n") return offset;
  const end = text.indexOf("\n", offset);
  return end < 0 ? null : end + 1;
}

function lookOf({ format, newline, unit, text, root }: Document): Look {
  const tight =
    format === "json" &&
    !text.slice(root.start, root.end).includes("\n") &&
    !/[,:]\s/.test(text.replace(/"(?:[^"\\]|\\.)*"/g, ""));
  return { format, newline, unit: format === "yaml" ? "  " : unit, tight };
}

function isSpread(document: Document, from: number, to: number): boolean {
  return document.text.slice(from, to).includes("\n");
}

function endsInBlockScalar(node: Node): boolean {
  if (node.kind === "scalar") return node.block;
  if (node.kind === "map") return !node.flow && endsInBlockScalar(node.entries.at(-1)!.node);
  return node.kind === "list" && !node.flow && endsInBlockScalar(node.items.at(-1)!);
}

/** True for a list or map without elements. A scalar is never empty. */
export function isEmpty(node: Node): boolean {
  return (node.kind === "list" && node.items.length === 0) || (node.kind === "map" && node.entries.length === 0);
}
