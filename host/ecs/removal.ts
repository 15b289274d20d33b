// SPDX-License-Identifier: Apache-2.0
// Takes out of a document what edit.ts put in, by the opposite of each of its rules, so that every byte of
// before is back.

import { Edits, lineAfter } from "./edit.js";
import { columnOf, type Document, type ListNode, type MapNode, type Node } from "./node.js";

type Collection = MapNode | ListNode;

/** Collects removals of one document. result() gives the text without what was put in. */
export class Remover {
  readonly #edits = new Edits();
  readonly #lines: Range[] = [];
  /** Elements that were appended to a flow collection, wherever somebody moved them since. */
  readonly #appended = new Map<Collection, Set<number>>();
  readonly #document: Document;

  constructor(document: Document) {
    this.#document = document;
  }

  /** An element that was appended: `, X` or its lines. */
  appended(collection: Collection, index: number): void {
    const end = endOf(collection, index);
    if (!collection.flow) this.#removeLines(startOf(collection, index), end);
    else this.#appended.set(collection, (this.#appended.get(collection) ?? new Set()).add(index));
  }

  /** `count` elements that were put before the one that follows them. */
  first(collection: Collection, index: number, count: number): void {
    const to =
      index + count < sizeOf(collection) ? startOf(collection, index + count) : endOf(collection, index + count - 1);
    this.#edits.replace(startOf(collection, index), to, "");
  }

  /** Everything in a collection that was empty; blanks that stood in it stay. */
  filled(collection: Collection): void {
    if (!collection.flow) {
      this.#emptied(collection);
      return;
    }
    const wasSpread = /^\s*\n/.test(this.#document.text.slice(collection.inside, startOf(collection, 0)));
    const to = wasSpread ? collection.close : endOf(collection, sizeOf(collection) - 1);
    this.#edits.replace(collection.inside, to, "");
  }

  /** Somebody laid it out in lines since: without them its key would have no value. */
  #emptied(collection: Collection): void {
    const { text } = this.#document;
    const start = startOf(collection, 0);
    const lines = text.slice(0, start - columnOf(text, start)).split("\n");
    let at = 0;
    let end = -1;
    for (const line of lines) {
      const key = /^(.*:)\s*(#.*)?$/.exec(line)?.[1];
      if (key !== undefined && !/^\s*#/.test(line)) end = at + key.length;
      at += line.length + 1;
    }
    this.#removeLines(start, endOf(collection, sizeOf(collection) - 1));
    if (end >= 0) this.#edits.insert(end, collection.kind === "list" ? " []" : " {}");
  }

  replaced(node: Node, was: string): void {
    const blank = was === "" ? 1 : 0;
    this.#edits.replace(node.start - blank, node.end, was);
  }

  /** The document without all that was named. */
  result(): string {
    const { text, newline } = this.#document;
    for (const [collection, indices] of this.#appended) this.#removeItems(collection, indices);
    for (const { start, end } of merged(this.#lines)) {
      // The text had no line end at its end: the one that parts these lines from those before came with them.
      const isLast = end === text.length && !text.endsWith("\n");
      this.#edits.replace(isLast ? start - newline.length : start, end, "");
    }
    return this.#edits.apply(text);
  }

  /** With the comma before it; those that stand first now go with the comma behind them. */
  #removeItems(collection: Collection, indices: ReadonlySet<number>): void {
    let leading = 0;
    while (indices.has(leading)) leading++;
    if (leading > 0) this.first(collection, 0, leading);
    for (const index of indices)
      if (index >= leading) this.#edits.replace(endOf(collection, index - 1), endOf(collection, index), "");
  }

  #removeLines(start: number, end: number): void {
    const { text } = this.#document;
    this.#lines.push({ start: start - columnOf(text, start), end: lineAfter(text, end) ?? text.length });
  }
}

interface Range {
  readonly start: number;
  readonly end: number;
}

/** Ranges that touch become one. */
function merged(ranges: readonly Range[]): Range[] {
  const result: Range[] = [];
  for (const range of ranges.toSorted((a, b) => a.start - b.start)) {
    const last = result.at(-1);
    if (last?.end === range.start) result[result.length - 1] = { start: last.start, end: range.end };
    else result.push(range);
  }
  return result;
}

function sizeOf(collection: Collection): number {
  return collection.kind === "map" ? collection.entries.length : collection.items.length;
}

function startOf(collection: Collection, index: number): number {
  if (collection.kind === "map") return collection.entries[index]!.keyStart;
  return collection.flow ? collection.items[index]!.start : collection.dashes[index]!;
}

function endOf(collection: Collection, index: number): number {
  return collection.kind === "map" ? collection.entries[index]!.node.end : collection.items[index]!.end;
}
