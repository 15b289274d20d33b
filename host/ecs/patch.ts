// SPDX-License-Identifier: Apache-2.0
// What `instrument` changes, as a JSON Patch (RFC 6902): for tools that make the template anew each time and
// then apply changes to it, as AWS Copilot does with overrides/cfn.patches.yml. It knows `add`, `remove` and
// `replace`. JSON is YAML, so one text is right for both.
//
// Elements that were added to the end of a list are added to its end. A list of words that changed in another
// way is replaced as a whole.
// https://aws.github.io/copilot-cli/docs/developing/overrides/yamlpatch/
import type { Document, Node } from "./node.js";
import { parsedValue } from "./plain-value.js";
import { copyOf } from "./value.js";

/** One change. `path` is a JSON Pointer (RFC 6901). */
export interface Operation {
  readonly op: "add" | "remove" | "replace";
  readonly path: string;
  readonly value?: unknown;
}

type Map = Readonly<Record<string, unknown>>;

/** What makes `before` into `after`; functions are written out (`{"Ref": ...}`). */
export function patchOf(before: Document, after: Document): Operation[] {
  const [from, to] = [before, after].map(plainValueOf);
  return changes(from, to, "");
}

/** An operation a line. */
export function patchText(operations: readonly Operation[]): string {
  return `[\n${operations.map((one) => `  ${JSON.stringify(one)}`).join(",\n")}\n]\n`;
}

/** With what YAML's aliases stand for: a patch is a file of its own. */
function plainValueOf(document: Document): unknown {
  const anchors = new Map<string, unknown>();
  const find = (node: Node): void => {
    const name = /^(?:!\S*\s+)?&(\S+)/.exec(document.text.slice(node.start, node.end))?.[1];
    if (name !== undefined) anchors.set(name, parsedValue(copyOf(document, node)));
    if (node.kind === "map") for (const entry of node.entries) find(entry.node);
    if (node.kind === "list") for (const item of node.items) find(item);
  };
  if (document.format === "yaml") find(document.root);
  return withoutAliases(parsedValue(copyOf(document, document.root)), anchors);
}

function withoutAliases(value: unknown, anchors: ReadonlyMap<string, unknown>): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutAliases(item, anchors));
  if (!isMap(value)) return value;
  const { "*": alias, ...others } = value;
  if (typeof alias === "string" && Object.keys(others).length === 0 && anchors.has(alias))
    return withoutAliases(anchors.get(alias), anchors);
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, withoutAliases(written(key, item), anchors)]),
  );
}

/** `!GetAtt A.B.C` is a list where it is written out: `["A", "B.C"]`. */
function written(key: string, value: unknown): unknown {
  if (key !== "Fn::GetAtt" || typeof value !== "string") return value;
  const [resource = "", ...attribute] = value.split(".");
  return [resource, attribute.join(".")];
}

function changes(before: unknown, after: unknown, path: string): Operation[] {
  if (isSame(before, after)) return [];
  if (isMap(before) && isMap(after)) return inMap(before, after, path);
  if (isGrown(before, after)) return inList(before as unknown[], after as unknown[], path);
  return [{ op: "replace", path, value: after }];
}

function inMap(before: Map, after: Map, path: string): Operation[] {
  const at = (key: string) => `${path}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
  const gone = Object.keys(before).filter((key) => !(key in after));
  return [
    ...gone.map((key): Operation => ({ op: "remove", path: at(key) })),
    ...Object.entries(after).flatMap(([key, value]): Operation[] =>
      key in before ? changes(before[key], value, at(key)) : [{ op: "add", path: at(key), value }],
    ),
  ];
}

function inList(before: readonly unknown[], after: readonly unknown[], path: string): Operation[] {
  return after.flatMap((value, index): Operation[] =>
    index < before.length
      ? changes(before[index], value, `${path}/${index}`)
      : [{ op: "add", path: `${path}/-`, value }],
  );
}

/** A list of things, none of which went; words are told by their places, so a list of them is one thing. */
function isGrown(before: unknown, after: unknown): boolean {
  if (!Array.isArray(before) || !Array.isArray(after) || after.length < before.length) return false;
  const hasWords = [...before, ...after].some((item) => typeof item !== "object" || item === null);
  return !hasWords || before.every((item, index) => isSame(item, after[index]));
}

function isMap(value: unknown): value is Map {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
