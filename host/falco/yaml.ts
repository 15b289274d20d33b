// SPDX-License-Identifier: Apache-2.0
// Rule files are YAML as yaml-cpp reads it, which is looser than YAML 1.2. This file reads a text into nodes
// that know where they stand, and settles the differences:
//   - every scalar is text: `no`, `0.57.0` and `=` mean what the key that reads them says
//   - an unknown tag is dropped: `desc: != x` is the text `x`
//   - a plain scalar may start with `%`
//   - a key given twice: the first one counts
// Null is what yaml-cpp calls null: nothing, `~` or `null`, unquoted.
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments } from "yaml";
import type { Position } from "./location.js";

/** One node of a rule file, with its place. */
export type Node = ScalarNode | SequenceNode | MapNode | NullNode;
interface At {
  readonly at: Position;
}
/** Nothing, `~` or `null`, unquoted. */
export interface NullNode extends At {
  readonly kind: "null";
}
/** Any other scalar, as text. */
export interface ScalarNode extends At {
  readonly kind: "scalar";
  readonly text: string;
}
/** A list. */
export interface SequenceNode extends At {
  readonly kind: "sequence";
  readonly items: Node[];
}
/** Entries in the order of the file, doubled keys included. */
export interface MapNode extends At {
  readonly kind: "map";
  readonly entries: Entry[];
}
/** A key and its value. */
export interface Entry {
  readonly key: ScalarNode;
  readonly value: Node;
}

/** Why the text is no YAML, in one sentence. */
export interface YamlFailure {
  readonly message: string;
  readonly at: Position;
}

/** The value of `key`, or undefined where the map lacks it. */
export function member(map: MapNode, key: string): Node | undefined {
  return map.entries.find((entry) => entry.key.text === key)?.value;
}

/** All documents of a text, or the first mistake. */
export function readYaml(text: string): { documents: Node[] } | { failure: YamlFailure } {
  const lines = new LineCounter();
  if (text.length > SEPARATORS_MAX && hasTooMany(text))
    return { failure: { message: TOO_MANY, at: { line: 0, column: 0, offset: 0 } } };
  const room = { left: VALUES_MAX };
  const parsed = parseAllDocuments(text, {
    schema: "failsafe",
    uniqueKeys: false,
    logLevel: "silent",
    lineCounter: lines,
  });
  const documents = "empty" in parsed ? [] : (parsed as Document.Parsed[]);
  const where = locator(text, lines);
  const out: Node[] = [];
  for (const document of documents) {
    const error = document.errors.find((e) => !isAllowed(e.code, text, e.pos[0]));
    if (error) return { failure: { message: sentence(error.message), at: where(error.pos[0]) } };
    try {
      out.push(
        document.contents
          ? convert(document.contents, { anchors: new Map(), where, room, deepest: 0 }, 0)
          : { kind: "null", at: where(0) },
      );
    } catch (error) {
      return { failure: { message: (error as Error).message, at: where(0) } };
    }
  }
  return { documents: out };
}

// YAML 1.2 forbids a plain scalar that starts with `%`; yaml-cpp only minds it in column 0.
function isAllowed(code: string, text: string, offset: number): boolean {
  return code === "BAD_SCALAR_START" && text[offset] === "%" && offset > 0 && text[offset - 1] !== "\n";
}

const DEPTH_MAX = 128;
const TOO_DEEP = `nested deeper than ${DEPTH_MAX} levels`;
/** A list of 100,000 entries has as many. An alias counts as all that it stands for. */
const VALUES_MAX = 1_000_000;
/** Between two values stands one of these at least, so this bounds what the parser makes. */
const SEPARATORS = new Set([...",:\n[{"].map((character) => character.charCodeAt(0)));
const SEPARATORS_MAX = VALUES_MAX;
const TOO_MANY = `more than ${VALUES_MAX} values, or as many commas, colons and lines`;

function hasTooMany(text: string): boolean {
  let count = 0;
  for (let i = 0; i < text.length; i++) if (SEPARATORS.has(text.charCodeAt(i))) count++;
  return count > SEPARATORS_MAX;
}

/** A node that has an anchor. */
interface Anchored {
  /** Null: it is not all read. */
  node: Node | null;
  /** Its values, and how deep they are nested. */
  size: number;
  height: number;
}

interface Reading {
  /** What stands before, by its anchor: the latest of that name. */
  readonly anchors: Map<string, Anchored>;
  readonly where: (offset: number) => Position;
  /** For how many more values. */
  readonly room: { left: number };
  /** The deepest level so far. */
  deepest: number;
}

function convert(node: unknown, reading: Reading, depth: number): Node {
  enter(1, depth, reading);
  if (isAlias(node)) return again(node.source, reading, depth + 1);
  const { anchor } = (node ?? {}) as { readonly anchor?: string };
  if (anchor === undefined) return convertOwn(node, reading, depth);
  const anchored: Anchored = { node: null, size: 0, height: 0 };
  reading.anchors.set(anchor, anchored);
  const { deepest } = reading;
  const { left } = reading.room;
  reading.deepest = depth;
  anchored.node = convertOwn(node, reading, depth);
  anchored.size = left - reading.room.left + 1;
  anchored.height = reading.deepest - depth;
  reading.deepest = Math.max(deepest, reading.deepest);
  return anchored.node;
}

/** What an alias stands for: the same node, which counts again. */
function again(name: string, reading: Reading, depth: number): Node {
  const anchored = reading.anchors.get(name);
  if (anchored === undefined) throw new Error(`the alias '*${name}' names no anchor`);
  if (anchored.node === null) throw new Error(TOO_DEEP); // it is a part of what it stands for
  enter(anchored.size, depth + anchored.height, reading);
  return anchored.node;
}

/** So many values more, down to this level. */
function enter(values: number, depth: number, reading: Reading): void {
  reading.room.left -= values;
  if (reading.room.left < 0) throw new Error(TOO_MANY);
  if (depth > DEPTH_MAX) throw new Error(TOO_DEEP);
  reading.deepest = Math.max(reading.deepest, depth);
}

function convertOwn(node: unknown, reading: Reading, depth: number): Node {
  const { where } = reading;
  const at = where((node as { range?: [number, number, number] | null } | null)?.range?.[0] ?? 0);
  if (isSeq(node)) return { kind: "sequence", at, items: node.items.map((item) => convert(item, reading, depth + 1)) };
  if (isMap(node)) {
    const entries = node.items.map((pair) => {
      const key = convert(pair.key, reading, depth + 1);
      const text = key.kind === "scalar" ? key.text : "";
      return {
        key: { kind: "scalar" as const, at: key.at, text },
        value: convert(pair.value, reading, depth + 1),
      };
    });
    return { kind: "map", at, entries };
  }
  if (!isScalar(node)) return { kind: "null", at };
  const text = String(node.value ?? "");
  const isPlain = node.type === "PLAIN" || node.type === undefined;
  if (isPlain && !node.tag && NULLS.has(text)) return { kind: "null", at };
  return { kind: "scalar", at, text };
}

/** What an unquoted text is that is none. */
export const NULLS = new Set(["", "~", "null", "Null", "NULL"]);

// Falco counts lines and columns from 0, and bytes rather than characters.
function locator(text: string, lines: LineCounter): (offset: number) => Position {
  const bytesBefore = Buffer.byteLength(text) === text.length ? (offset: number) => offset : byteCounter(text);
  return (offset) => {
    const { line, col } = lines.linePos(offset);
    return {
      line: Math.max(line - 1, 0),
      column: Math.max(col - 1, 0),
      offset: bytesBefore(offset),
    };
  };
}

const STRIDE = 1024;

// Counts from the nearest place that was counted once: a long text has many values.
function byteCounter(text: string): (offset: number) => number {
  const counted = [0];
  for (let at = STRIDE; at < text.length; at += STRIDE)
    counted.push(counted.at(-1)! + Buffer.byteLength(text.slice(startOf(text, at - STRIDE), startOf(text, at))));
  return (offset) => {
    const block = Math.floor(offset / STRIDE);
    const known = counted[block] ?? 0;
    return known + Buffer.byteLength(text.slice(startOf(text, block * STRIDE), offset));
  };
}

// Two halves of one character stay together.
function startOf(text: string, at: number): number {
  return /[\udc00-\udfff]/.test(text[at] ?? "") ? at - 1 : at;
}

// The parser's messages carry a picture of the place; the snippet shows that here.
function sentence(message: string): string {
  return message.split("\n")[0]!.replace(/:$/, "");
}
