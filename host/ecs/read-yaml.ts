// SPDX-License-Identifier: Apache-2.0
// YAML into a tree that knows its places. The `yaml` package parses; we keep its ranges and turn its nodes
// into ours. Tags (`!Ref`, `!Sub`, `!GetAtt a.b` ...) are kept as they are, resolved by nobody: that
// CloudFormation may add one tomorrow is no concern of ours.
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  parseAllDocuments,
  type YAMLMap,
  type YAMLSeq,
  type Alias as YamlAlias,
  type Node as YamlNode,
} from "yaml";
import { VedetteError } from "../errors.js";
import { type Entry, lineOf, type Node, type Scalar } from "./node.js";

/** Reads one YAML document. Throws VEDETTE_DEFINITION_INVALID with the line. */
export function readYaml(path: string, text: string): Node {
  const fail = (at: number, reason: string): never => {
    throw new VedetteError("VEDETTE_DEFINITION_INVALID", { path, line: lineOf(text, at), place: "YAML", reason });
  };
  const documents = parseAllDocuments(text, { keepSourceTokens: true, logLevel: "silent", prettyErrors: false });
  if (!Array.isArray(documents) || documents.length === 0) return fail(0, "the document is empty");
  if (documents.length > 1) return fail(documents[1]!.range[0], "there is more than one document");
  const error = documents[0]!.errors[0];
  if (error !== undefined) return fail(error.pos[0], error.message.replace(/\.$/, ""));
  return new Reader(text, aliasNames(text, documents[0]!.contents), fail).node(documents[0]!.contents as YamlNode, 0);
}

class Reader {
  readonly #text: string;
  readonly #aliased: ReadonlySet<string>;
  readonly #fail: (at: number, reason: string) => never;

  constructor(text: string, aliased: ReadonlySet<string>, fail: (at: number, reason: string) => never) {
    this.#text = text;
    this.#aliased = aliased;
    this.#fail = fail;
  }

  /** `after` is where the value would stand if it is empty: behind its colon or dash. */
  node(node: YamlNode | null, after: number): Node {
    if (node === null || node.range == null) return emptyScalar(after);
    if (isAlias(node)) return { kind: "alias", name: node.source, ...this.#base(node, node.range[1]) };
    if (isScalar(node)) return this.#scalar(node, after);
    if (isMap(node)) return this.#map(node);
    return isSeq(node) ? this.#list(node) : this.#fail(after, "this is neither a value, a list nor a map");
  }

  #scalar(node: YamlNode & { value?: unknown; type?: string }, after: number): Scalar {
    const [start, end] = node.range!;
    if (start === end && !node.tag && !node.anchor) return emptyScalar(after);
    const block = node.type === "BLOCK_LITERAL" || node.type === "BLOCK_FOLDED";
    return { kind: "scalar", ...this.#base(node, end), block, value: node.value as Scalar["value"] };
  }

  #map(map: YAMLMap): Node {
    const entries = map.items.map((pair): Entry => {
      const key: unknown = pair.key;
      if (!isScalar(key) || !Array.isArray(key.range))
        return this.#fail(map.range![0], "a key of this map is not a plain word");
      const colon = this.#text.indexOf(":", key.range[1]) + 1;
      return { key: String(key.value), keyStart: key.range[0], node: this.node(pair.value as YamlNode | null, colon) };
    });
    if (map.flow) return { kind: "map", ...this.#flow(map), entries };
    const last = entries.at(-1)!.node;
    return { kind: "map", ...this.#base(map, last.end), flow: false, inside: map.range![0], close: last.end, entries };
  }

  #list(list: YAMLSeq): Node {
    if (list.flow)
      return {
        kind: "list",
        ...this.#flow(list),
        dashes: [],
        items: list.items.map((item) => this.node(item as YamlNode, 0)),
      };
    const dashes = dashesOf(list);
    const items = list.items.map((item, index) => this.node(item as YamlNode, dashes[index]! + 1));
    const { end } = items.at(-1)!;
    return { kind: "list", ...this.#base(list, end), flow: false, inside: list.range![0], close: end, items, dashes };
  }

  #flow(node: YamlNode) {
    const [start, end] = node.range!;
    return { ...this.#base(node, end), flow: true, inside: start + 1, close: end - 1 };
  }

  /** A node's own place begins at its tag or anchor, which `yaml` leaves out of the range. */
  #base(node: YamlNode, end: number) {
    const tag = writtenTag(node);
    const anchor = isAlias(node) ? undefined : (node as { anchor?: string }).anchor;
    let start = node.range![0];
    const marks = [tag, anchor === undefined ? "" : `&${anchor}`].filter((mark) => mark !== "");
    for (const mark of marks.length === 2 ? [...marks, ...marks] : marks) {
      const before = this.#text.slice(0, start).trimEnd();
      if (before.endsWith(mark)) start = before.length - mark.length;
    }
    return { start, end, tag, shared: anchor !== undefined && this.#aliased.has(anchor) };
  }
}

function emptyScalar(at: number): Scalar {
  return { kind: "scalar", start: at, end: at, tag: "", shared: false, block: false, value: null };
}

/** "!Ref", but not the tags that `yaml` gives to what has none. */
function writtenTag(node: YamlNode): string {
  const { tag } = node as { tag?: string };
  return tag?.startsWith("!") ? tag : "";
}

function dashesOf(list: YAMLSeq): number[] {
  const token = list.srcToken;
  if (token?.type !== "block-seq") return [];
  const marks = token.items.map((item) => item.start.find((part) => part.type === "seq-item-ind")?.offset);
  return marks.filter((offset) => offset !== undefined);
}

function aliasNames(text: string, root: unknown): ReadonlySet<string> {
  const names = new Set<string>();
  const visit = (node: unknown): void => {
    if (isAlias(node)) names.add((node as YamlAlias).source);
    else if (isMap(node)) for (const pair of node.items) visit(pair.value);
    else if (isSeq(node)) for (const item of node.items) visit(item);
  };
  if (text.includes("*")) visit(root);
  return names;
}
