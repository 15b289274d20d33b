// SPDX-License-Identifier: Apache-2.0
// A value as a tree of named parts, so that two versions of it can be compared part by part. A command is
// parted at its options, a list of named elements by their names:
//
//   ["serve", "--workers", "2", "-o", "a=b"]       ""         -> ["serve"]
//                                                  --workers  -> ["--workers", "2"]
//                                                  -o a=b     -> ["-o", "a=b"]
//   [{name: "A", value: "1"}]                      A          -> {name: "A", value: "1"}, parted further
//
// What only CloudFormation can read (an `Fn::If`, a `Ref`) is one part.
import { createHash } from "node:crypto";
import { parsedValue } from "./plain-value.js";
import { isValueMap, type Value, type ValueMap } from "./value.js";

/** A value, and its parts in their order; null where it has none. */
export interface Tree {
  readonly value: Value;
  readonly parts: ReadonlyMap<string, Tree> | null;
  readonly kind: "leaf" | "map" | "named" | "words";
}

/** Options of the host that may be given again: what follows them tells one from the other. */
const REPEATED =
  /^(--container-secret|--policy|--falco-rules|--option|--tag|--without-tag|--without-rule|-o|-t|-T|-D)$/;
/** The first of these that an element has is what it is called. */
const NAMES = ["name", "containerPath", "containerName", "sourceContainer"];

/** The value in parts. */
export function treeOf(value: Value): Tree {
  const leaf: Tree = { value, parts: null, kind: "leaf" };
  if (isValueMap(value))
    return isFunction(value) ? leaf : { value, kind: "map", parts: partsOf(Object.entries(value)) };
  if (!Array.isArray(value) || value.length === 0) return leaf;
  const items = value as readonly Value[];
  if (items.some((item) => typeof wordOf(item) === "string"))
    return items.some(isNamed) ? leaf : { value, kind: "words", parts: groupsOf(items) };
  const names = items.map(nameOf);
  const isTold = names.every((name) => name !== null) && new Set(names).size === names.length;
  return isTold ? { value, kind: "named", parts: partsOf(items.map((item, at) => [names[at]!, item])) } : leaf;
}

/** The value again, of parts that may be others now. */
export function joined(kind: Tree["kind"], parts: readonly (readonly [string, Value])[]): Value {
  if (kind === "map") return Object.fromEntries(parts);
  const values = parts.map(([, value]) => value);
  return kind === "words" ? values.flatMap((group) => group as readonly Value[]) : values;
}

/** Eight hexadecimal digits that tell one value from another; the order of parts is none of its business. */
export function digestOf(tree: Tree): string {
  if (tree.parts === null) return short(JSON.stringify(sorted(parsedValue(tree.value))));
  return digestOfParts([...tree.parts].map(([key, part]) => [key, digestOf(part)]));
}

/** The same, of the digests of the parts. */
export function digestOfParts(parts: readonly (readonly [string, string])[]): string {
  return short(JSON.stringify(parts.toSorted(([a], [b]) => (a < b ? -1 : 1))));
}

function short(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 8);
}

function partsOf(entries: readonly (readonly [string, Value])[]): Map<string, Tree> {
  return new Map(entries.map(([key, value]) => [key, treeOf(value)]));
}

/** A group is an option and what follows it. It is a leaf: `--drain 5` is another value of `--drain`. */
function groupsOf(words: readonly Value[]): Map<string, Tree> {
  const groups: Value[][] = [];
  for (const word of words) {
    if (groups.length === 0 || String(wordOf(word)).startsWith("-")) groups.push([word]);
    else groups.at(-1)!.push(word);
  }
  const parts = new Map<string, Tree>();
  for (const group of groups) parts.set(keyOf(group, parts), { value: group, parts: null, kind: "leaf" });
  return parts;
}

function keyOf([option, ...rest]: readonly Value[], taken: ReadonlyMap<string, unknown>): string {
  const word = String(wordOf(option!));
  if (!word.startsWith("-")) return "";
  const [name, tied] = word.startsWith("--") ? word.split("=", 2) : [word];
  const values = tied === undefined ? rest.map(parsedValue) : [tied, ...rest.map(parsedValue)];
  const key = REPEATED.test(name!) ? `${name} ${namePart(name!, values)}` : name!;
  if (!taken.has(key)) return key;
  return `${key} ${taken.size}`;
}

/** A secret is called by its container. */
function namePart(option: string, values: readonly unknown[]): string {
  const text = values.map((value) => (typeof value === "string" ? value : JSON.stringify(value))).join(" ");
  return option === "--container-secret" ? text.replace(/=[^=]*$/, "") : text;
}

function nameOf(item: Value): string | null {
  if (!isNamed(item)) return null;
  const key = Object.keys(item).find((key) => NAMES.includes(key.charAt(0).toLowerCase() + key.slice(1)))!;
  const name = parsedValue(item[key]!);
  return typeof name === "string" ? name : JSON.stringify(name);
}

function isNamed(item: Value): item is ValueMap {
  return (
    isValueMap(item) && Object.keys(item).some((key) => NAMES.includes(key.charAt(0).toLowerCase() + key.slice(1)))
  );
}

function wordOf(value: Value): unknown {
  return typeof value === "object" && isValueMap(value) ? value : parsedValue(value);
}

function isFunction(map: ValueMap): boolean {
  const [key, ...more] = Object.keys(map);
  return key !== undefined && more.length === 0 && (key === "Ref" || key.startsWith("Fn::"));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)]),
  );
}
