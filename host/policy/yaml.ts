// SPDX-License-Identifier: Apache-2.0
// YAML of an author, read and checked against a schema. Whatever is wrong is told with file, line and column:
// the parser's own errors by its position, a schema's by the node its path leads to. Aliases are bounded, so
// that a file of a kilobyte cannot become a gigabyte.
import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument } from "yaml";
import type * as z from "zod";
import { type ErrorCode, type ErrorValues, VedetteError } from "../errors.js";
import { readPlainFile } from "../plain-file.js";
import { reasonOf } from "../reason.js";
import { issueText, type YamlPath } from "./issue.js";

/** Of the whole file, together: for each alias the parser looks at all that stand before it. */
const ALIASES_MAX = 2_000;
/**
 * Of the whole file, an alias counting as what it stands for; and how many more there may be than characters.
 */
const VALUES_MAX = 1_000_000;
const VALUES_MORE = 100_000;
const TWICE = "this key stands twice";
const TOO_MUCH = "it stands for more than it may: aliases of aliases";
const TOO_MANY = `it has more than ${ALIASES_MAX} anchors and aliases`;
const TOO_DEEP = "it is nested too deep";
// Where the parser's own words speak to a programmer.
const SYNTAX: Readonly<Record<string, string>> = {
  MULTIPLE_DOCS: "it holds more than one document",
};

/** A file that was read and found valid. */
export interface YamlFile<T> {
  readonly value: T;
  /** Makes the error for what stands at `path`. */
  wrong(path: YamlPath, reason: string): VedetteError;
  /** Where that is, for an error of another kind. */
  place(path: YamlPath): { readonly path: string; readonly line: number; readonly column: number };
}

/** The most bytes of a YAML file, 4 MiB. */
export const YAML_BYTES_MAX = 4 << 20;

/**
 * Reads `file`. Throws `code` (with path, line, column, reason) for what is wrong in it, or where it cannot
 * be read.
 */
export function readYaml<T>(file: string, schema: z.ZodType<T>, code: ErrorCode): YamlFile<T> {
  return parseYaml(file, () => readPlainFile(file, { most: YAML_BYTES_MAX }), schema, code);
}

/** The same of what `read` gives. `file`: what messages call it. */
export function parseYaml<T>(file: string, read: () => Uint8Array, schema: z.ZodType<T>, code: ErrorCode): YamlFile<T> {
  const { json, wrong, place } = plainYaml(file, read, code);
  const parsed = schema.safeParse(json);
  if (parsed.success) return { value: parsed.data, wrong, place };
  const { path, reason } = firstIssue(parsed.error.issues);
  throw wrong(path, reason);
}

/** What a file says, not yet held against a schema. */
export interface PlainYaml {
  readonly json: unknown;
  /** Makes the error for what stands at `path`, of `code` unless another is given. */
  wrong(path: YamlPath, reason: string, code?: ErrorCode, more?: ErrorValues): VedetteError;
  place: YamlFile<unknown>["place"];
}

/** Reads YAML without a schema. Throws `code` where it cannot be read, or is no YAML. */
export function plainYaml(file: string, read: () => Uint8Array, code: ErrorCode): PlainYaml {
  const lines = new LineCounter();
  const placeAt = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { path: file, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const fail = (offset: number, reason: string, as = code, more: ErrorValues = {}): VedetteError =>
    new VedetteError(as, { ...placeAt(offset), reason: sentence(reason), ...more });
  let text: string;
  try {
    text = Buffer.from(read()).toString();
  } catch (error) {
    throw fail(0, `it cannot be read: ${reasonOf(error)}`);
  }
  const parse = (): ReturnType<typeof parseDocument> => {
    const document = documentOf(text, lines);
    if (document === null) throw fail(0, TOO_DEEP);
    const syntax = document.errors[0];
    if (syntax !== undefined) throw fail(syntax.pos[0], SYNTAX[syntax.code] ?? syntax.message);
    const { twice, aliases } = walked(document.contents);
    if (twice !== null) throw fail(twice, TWICE);
    if (aliases > ALIASES_MAX) throw fail(0, TOO_MANY);
    return document;
  };
  let document: ReturnType<typeof parseDocument> | undefined;
  const contents = (): Node | null => {
    document ??= parse();
    return document.contents;
  };
  const wrong: PlainYaml["wrong"] = (path, reason, as, more) => fail(offsetOf(contents(), path), reason, as, more);
  const place = (path: YamlPath) => placeAt(offsetOf(contents(), path));
  let json = readPlainJson(text);
  if (json === undefined) {
    document = parse();
    const { value, isSmall } = standsFor(document, Math.min(VALUES_MAX, VALUES_MORE + text.length));
    if (!isSmall) throw fail(0, TOO_MUCH);
    json = value;
  }
  return { json, wrong, place };
}

/**
 * Null: it is nested deeper than the parser can follow. Doubled keys are looked for behind it: the parser
 * compares each with all before it, which takes minutes where there are many.
 */
function documentOf(text: string, lineCounter: LineCounter): ReturnType<typeof parseDocument> | null {
  try {
    return parseDocument(text, { lineCounter, prettyErrors: false, uniqueKeys: false });
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/**
 * Where the first key begins that its map has had before, null: there is none; and how many anchors and
 * aliases there are.
 */
function walked(root: unknown): { readonly twice: number | null; readonly aliases: number } {
  const left: unknown[] = [root];
  let first: number | null = null;
  let aliases = 0;
  for (let node = left.pop(); node !== undefined; node = left.pop()) {
    const seen = new Set<unknown>();
    for (const item of isMap(node) || isSeq(node) ? node.items : []) {
      const { key = null, value = item } = (isMap(node) ? item : {}) as Partial<Pair>;
      const word = isScalar(key) ? key.value : key;
      const at = (key as Node | null)?.range?.[0] ?? 0;
      if (isMap(node) && seen.has(word) && (first === null || at < first)) first = at;
      seen.add(word);
      for (const one of [key, value]) {
        if (isMap(one) || isSeq(one)) left.push(one);
        if (isAlias(one) || (isNode(one) && "anchor" in one && one.anchor !== undefined)) aliases++;
      }
    }
  }
  return { twice: first, aliases };
}

/**
 * What the document stands for, and whether that is at most `left` values. Its aliases are counted before:
 * the parser would walk all of it for each (`maxAliasCount`). A chain of them is deeper than the text, and
 * what is deeper than our stack is too large.
 */
function standsFor(
  document: ReturnType<typeof parseDocument>,
  left: number,
): { readonly value: unknown; readonly isSmall: boolean } {
  try {
    const value: unknown = document.toJS({ maxAliasCount: -1 });
    return { value, isSmall: isWithin({ left }, value) };
  } catch (error) {
    // The parser's words for an alias that has no anchor before it are of this kind.
    if (error instanceof RangeError || error instanceof ReferenceError) return { value: null, isSmall: false };
    throw error;
  }
}

/**
 * Whether it has no more values than are left, which what has an alias is counted for each time. `around`:
 * what it stands in, which an alias may lead back to.
 */
function isWithin(room: { left: number }, value: unknown, around = new Set<unknown>()): boolean {
  if (--room.left < 0) return false;
  if (typeof value !== "object" || value === null || around.has(value)) return true;
  around.add(value);
  for (const one of Array.isArray(value) ? value : Object.values(value)) if (!isWithin(room, one, around)) return false;
  around.delete(value);
  return true;
}

/** YAML that is read by JSON's parser, in a tenth of the time: the way the package's policies are written. */
export function plainJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** Undefined where a person wrote it, in JSON too: the long way knows of doubled keys. */
function readPlainJson(text: string): unknown {
  if (!text.startsWith("{")) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return plainJson(value) === text ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The error to report. An unknown key comes first, because a missing key may be that key misspelt. `key`: the
 * one that is not known.
 */
export function firstIssue(issues: readonly z.core.$ZodIssue[]): { path: YamlPath; reason: string; key?: string } {
  const issue = issues.find(({ code }) => code === "unrecognized_keys") ?? issues[0];
  if (issue === undefined) return { path: [], reason: "it is not as expected" };
  const path = issue.path.filter((step): step is string | number => typeof step !== "symbol");
  if (issue.code === "unrecognized_keys")
    return { path: [...path, issue.keys[0]!], reason: `"${issue.keys[0]}" is not known here`, key: issue.keys[0]! };
  return { path, reason: issueText(issue, path) };
}

/** Where the node at `path` begins: of a key that stands there, the key; else the nearest around it. */
function offsetOf(root: Node | null, path: YamlPath): number {
  let offset = root?.range?.[0] ?? 0;
  let node: unknown = root;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
      if (pair === undefined) return offset;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value;
    } else {
      node = (node as { items?: unknown[] } | null)?.items?.[Number(step)];
      if (node === undefined) return offset;
      offset = (node as Node | null)?.range?.[0] ?? offset;
    }
  }
  return offset;
}

/** The catalogue's sentence ends with a full stop. */
function sentence(text: string): string {
  return text.replace(/\s*\n\s*/g, " ").replace(/\.$/, "");
}
