// SPDX-License-Identifier: Apache-2.0
// JSON into a tree that knows its places. JSON.parse judges every token, so that what we accept is what AWS
// accepts; this file only finds where tokens stand. A mistake is answered with its line and column.
import { VedetteError } from "../errors.js";
import { columnOf, type Entry, type ListNode, lineOf, type MapNode, type Node, type Scalar } from "./node.js";

const TOKEN = /"(?:[^"\\]|\\.)*"|[-+.\w]+/y;
const BLANK = /[ \t\r\n]*/y;

/** Reads from offset `from` on. Throws VEDETTE_DEFINITION_INVALID with line and column. */
export function readJson(path: string, text: string, from = 0): Node {
  const reader = new Reader(path, text, from);
  const root = reader.value();
  reader.end();
  return root;
}

class Reader {
  readonly #path: string;
  readonly #text: string;
  #at: number;

  constructor(path: string, text: string, at: number) {
    this.#path = path;
    this.#text = text;
    this.#at = at;
  }

  value(): Node {
    this.#skipBlank();
    const first = this.#text[this.#at];
    if (first === "{") return this.#map();
    return first === "[" ? this.#list() : this.#scalar();
  }

  end(): void {
    this.#skipBlank();
    if (this.#at < this.#text.length) this.#fail("something stands after the end of the document");
  }

  #map(): MapNode {
    const start = this.#at++;
    const entries: Entry[] = [];
    const close = this.#eachUntil("}", () => {
      const keyStart = this.#at;
      const key = this.#scalar().value;
      if (typeof key !== "string") this.#fail("a key is not a string", keyStart);
      if (entries.some((entry) => entry.key === key))
        this.#fail(`the key ${JSON.stringify(key)} stands here twice`, keyStart);
      this.#skipBlank();
      if (this.#text[this.#at] !== ":") this.#fail(`":" is missing after the key ${JSON.stringify(key)}`);
      this.#at++;
      entries.push({ key, keyStart, node: this.value() });
    });
    return { kind: "map", start, end: this.#at, tag: "", shared: false, flow: true, inside: start + 1, close, entries };
  }

  #list(): ListNode {
    const start = this.#at++;
    const items: Node[] = [];
    const close = this.#eachUntil("]", () => items.push(this.value()));
    const place = { start, end: this.#at, inside: start + 1, close };
    return { kind: "list", ...place, tag: "", shared: false, flow: true, items, dashes: [] };
  }

  /** Reads elements parted by commas; answers where the closing bracket stands and steps over it. */
  #eachUntil(bracket: string, element: () => void): number {
    this.#skipBlank();
    for (let first = true; this.#text[this.#at] !== bracket; first = false) {
      if (!first) {
        if (this.#text[this.#at] !== ",") this.#fail(`"," or "${bracket}" is missing`);
        this.#at++;
        this.#skipBlank();
      }
      element();
      this.#skipBlank();
    }
    return this.#at++;
  }

  #scalar(): Scalar {
    TOKEN.lastIndex = this.#at;
    const token = TOKEN.exec(this.#text)?.[0];
    if (token === undefined)
      this.#fail(this.#at < this.#text.length ? "this is not JSON" : "the document ends too early");
    const start = this.#at;
    this.#at += token.length;
    return {
      kind: "scalar",
      start,
      end: this.#at,
      tag: "",
      shared: false,
      block: false,
      value: this.#parse(token, start),
    };
  }

  #parse(token: string, start: number): Scalar["value"] {
    try {
      return JSON.parse(token);
    } catch {
      this.#fail(`${token.length > 40 ? `${token.slice(0, 40)}...` : token} is not JSON`, start);
    }
  }

  #skipBlank(): void {
    BLANK.lastIndex = this.#at;
    this.#at += BLANK.exec(this.#text)![0].length;
  }

  #fail(reason: string, at = this.#at): never {
    const line = lineOf(this.#text, at);
    const place = `column ${columnOf(this.#text, at) + 1}`;
    throw new VedetteError("VEDETTE_DEFINITION_INVALID", { path: this.#path, line, place, reason });
  }
}
