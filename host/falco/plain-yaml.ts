// SPDX-License-Identifier: Apache-2.0
// Reads at once what nearly all rule files are written in: blocks of maps and lists, lists in brackets, texts
// that are plain, quoted or folded, and comments, all in ASCII. The library (yaml.ts) reads all of YAML, and
// says what is wrong. But it took 0.13 s of CPU for Falco's official rules, a tenth of a whole replay: it
// makes a token, a node and a range of everything, by generators that V8 must first compile.
//
// Where a text is not like that, or not surely, this file gives null, and the library reads it. It never
// judges: a test holds every text that is read here against the library, places included.
import type { Position } from "./location.js";
import { type Entry, type Node, NULLS } from "./yaml.js";

/** The text's only document; null: the library must read it. */
export function readPlainYaml(text: string): Node | null {
  if (text.length > BYTES_MAX || OTHER.test(text)) return null;
  try {
    return new Reader(text).document();
  } catch (error) {
    if (error === NOT_PLAIN) return null;
    throw error;
  }
}

/** So few that it cannot hold more values than yaml.ts allows. */
const BYTES_MAX = 1_000_000;
const DEPTH_MAX = 64;
/** Not ASCII, or a mark or an order to the parser in column 0. */
const OTHER = /[^\x20-\x7e\n]|^(?:---|\.\.\.|%)/m;
const NOT_PLAIN = new Error("the library must read it");

const KEY = /([A-Za-z_][\w.-]{0,99}) *:(?=[ \n]|$)/y;
const DOUBLE = /"((?:[^"\\\n]|\\["\\/nt])*)"/y;
const SINGLE = /'((?:[^'\n]|'')*)'/y;
const ESCAPED = /\\(.)/g;
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t" };
/** A folded or a literal text; `-`: without the line's end behind it. */
const BLOCK_HEAD = /([|>])(-?) *\n/y;
/** What a plain text may begin with, and does not in a list or a map of one line. */
const PLAIN_START = /[^ \n,[\]{}#&*!|>'"%@`?:-]|-[^ \n,[\]{}]/y;
const IN_BRACKETS = /[^,[\]{}\n]*/y;
/** What ends a plain text, or makes a key of it. */
const KEY_WITHIN = /:(?: |$)/;
const COMMENT_WITHIN = / #/;

class Reader {
  readonly #text: string;
  #at = 0;
  #line = 0;
  #lineStart = 0;
  #depth = 0;
  /** Brackets. */
  #open = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): Node {
    const node = this.#node(-1, this.#next());
    if (node.kind === "scalar" || node.kind === "null" || this.#next() >= 0) throw NOT_PLAIN;
    return node;
  }

  /** Goes to the next token, past comments, and gives its column; negative: there is none. */
  #next(): number {
    for (;;) {
      const character = this.#text[this.#at];
      if (character === undefined) return -1;
      if (character === " ") this.#at++;
      else if (character === "\n") this.#beginLine(this.#at + 1);
      else if (character === "#") this.#passComment();
      else return this.#at - this.#lineStart;
    }
  }

  #beginLine(at: number): void {
    this.#at = at;
    this.#line++;
    this.#lineStart = at;
  }

  #passComment(): void {
    if (this.#at > this.#lineStart && this.#text[this.#at - 1] !== " ") throw NOT_PLAIN;
    this.#at = this.#lineEnd();
  }

  #lineEnd(): number {
    const end = this.#text.indexOf("\n", this.#at);
    return end < 0 ? this.#text.length : end;
  }

  #place(): Position {
    return { line: this.#line, column: this.#at - this.#lineStart, offset: this.#at };
  }

  /** What stands here, in `column`, as a part of what stands in `parent`. */
  #node(parent: number, column: number): Node {
    if (column < 0 || ++this.#depth > DEPTH_MAX) throw NOT_PLAIN;
    const node = this.#isItem() ? this.#sequence(column) : this.#isKey() ? this.#map(column) : this.#leaf(parent);
    this.#depth--;
    return node;
  }

  #isItem(): boolean {
    const behind = this.#text[this.#at + 1];
    return this.#text[this.#at] === "-" && (behind === " " || behind === "\n");
  }

  #isKey(): boolean {
    KEY.lastIndex = this.#at;
    return KEY.test(this.#text);
  }

  /** `isFlush`: its map's keys stand in the same column. */
  #sequence(column: number, isFlush = false): Node {
    const at = this.#place();
    const items: Node[] = [];
    for (let found = column; found === column; found = this.#next()) {
      if (!this.#isItem()) {
        if (isFlush) break;
        throw NOT_PLAIN;
      }
      this.#at++;
      items.push(this.#part(column, true));
    }
    this.#mustEnd(column);
    return { kind: "sequence", at, items };
  }

  #map(column: number): Node {
    const at = this.#place();
    const entries: Entry[] = [];
    for (let found = column; found === column; found = this.#next()) {
      KEY.lastIndex = this.#at;
      const text = KEY.exec(this.#text)?.[1];
      if (text === undefined || NULLS.has(text)) throw NOT_PLAIN;
      const key = { kind: "scalar" as const, at: this.#place(), text };
      this.#at = KEY.lastIndex;
      entries.push({ key, value: this.#part(column, false) });
    }
    this.#mustEnd(column);
    return { kind: "map", at, entries };
  }

  /** What comes next belongs to who is further left. */
  #mustEnd(column: number): void {
    if (this.#at < this.#text.length && this.#at - this.#lineStart > column) throw NOT_PLAIN;
  }

  /** Behind the `-` or the key that stands in `column`. */
  #part(column: number, isItem: boolean): Node {
    const line = this.#line;
    const found = this.#next();
    if (line === this.#line) return isItem ? this.#node(column, found) : this.#leaf(column);
    if (found > column) return this.#node(column, found);
    if (!isItem && found === column && this.#isItem()) return this.#sequence(column, true);
    throw NOT_PLAIN; // nothing
  }

  #leaf(parent: number): Node {
    const first = this.#text[this.#at];
    if (first === "|" || first === ">") return this.#folded(parent);
    if (first !== "[" && first !== '"' && first !== "'") return this.#plain(parent);
    const node = first === "[" ? this.#brackets(parent) : this.#quoted();
    const line = this.#line;
    if (this.#next() >= 0 && this.#line === line) throw NOT_PLAIN;
    return node;
  }

  #quoted(): Node {
    const at = this.#place();
    const isDouble = this.#text[this.#at] === '"';
    const form = isDouble ? DOUBLE : SINGLE;
    form.lastIndex = this.#at;
    const written = form.exec(this.#text)?.[1];
    if (written === undefined) throw NOT_PLAIN;
    this.#at = form.lastIndex;
    const text = isDouble
      ? written.replace(ESCAPED, (_, character: string) => ESCAPES[character] ?? character)
      : written.replaceAll("''", "'");
    return { kind: "scalar", at, text };
  }

  /** Its lines are joined by blanks; an empty one is a line's end. */
  #plain(parent: number): Node {
    const at = this.#place();
    if (!this.#isPlainStart()) throw NOT_PLAIN;
    let text = this.#plainLine();
    for (;;) {
      const line = this.#line;
      const isCommented = this.#text[this.#at] === "#";
      while (this.#text[this.#at] === "\n") {
        this.#beginLine(this.#at + 1);
        while (this.#text[this.#at] === " ") this.#at++;
      }
      if (isCommented || this.#text[this.#at] === "#") {
        if (this.#next() > parent) throw NOT_PLAIN;
        break;
      }
      if (this.#at === this.#text.length || this.#at - this.#lineStart <= parent) break;
      if (this.#isItem()) throw NOT_PLAIN;
      text += (this.#line === line + 1 ? " " : "\n".repeat(this.#line - line - 1)) + this.#plainLine();
    }
    return NULLS.has(text) ? { kind: "null", at } : { kind: "scalar", at, text };
  }

  #isPlainStart(): boolean {
    PLAIN_START.lastIndex = this.#at;
    return PLAIN_START.test(this.#text);
  }

  /** To the line's end, or to its comment. */
  #plainLine(): string {
    const end = this.#lineEnd();
    const line = this.#text.slice(this.#at, end);
    const comment = line.search(COMMENT_WITHIN);
    const text = (comment < 0 ? line : line.slice(0, comment)).trimEnd();
    if (KEY_WITHIN.test(text)) throw NOT_PLAIN;
    this.#at = comment < 0 ? end : this.#at + comment + 1;
    return text;
  }

  /**
   * A text of lines below its head. A folded one joins lines by blanks, but those that stand further right
   * than the first one keep their ends; an empty one is a line's end.
   */
  #folded(parent: number): Node {
    const at = this.#place();
    BLOCK_HEAD.lastIndex = this.#at;
    const head = BLOCK_HEAD.exec(this.#text);
    if (head === null) throw NOT_PLAIN;
    this.#beginLine(BLOCK_HEAD.lastIndex);
    const lines = this.#linesBelow(parent);
    const text = head[1] === "|" ? lines.join("\n") : folded(lines);
    return { kind: "scalar", at, text: head[2] === "-" ? text : `${text}\n` };
  }

  /** Those further right than `parent`, without what the first one is indented by. */
  #linesBelow(parent: number): string[] {
    const lines: string[] = [];
    let indent = -1;
    let size = 0; // without empty ones at the end
    while (this.#at < this.#text.length) {
      const end = this.#lineEnd();
      const line = this.#text.slice(this.#at, end);
      const blanks = line.length - line.trimStart().length;
      const isEmpty = blanks === line.length;
      if (isEmpty ? blanks > Math.max(indent, 0) : blanks <= Math.max(parent, indent - 1)) {
        if (isEmpty || blanks > parent) throw NOT_PLAIN;
        break;
      }
      if (indent < 0) indent = blanks;
      lines.push(isEmpty ? "" : line.slice(indent));
      if (!isEmpty) size = lines.length;
      if (end === this.#text.length) this.#at = end;
      else this.#beginLine(end + 1);
    }
    if (lines[0] === undefined || lines[0] === "") throw NOT_PLAIN;
    lines.length = size;
    return lines;
  }

  #brackets(parent: number): Node {
    const at = this.#place();
    if (++this.#open > DEPTH_MAX) throw NOT_PLAIN;
    this.#at++;
    const items: Node[] = [];
    while (this.#nextWithin(parent) !== "]") {
      items.push(this.#inBrackets(parent));
      const behind = this.#nextWithin(parent);
      if (behind === ",") this.#at++;
      else if (behind !== "]") throw NOT_PLAIN;
    }
    this.#at++;
    this.#open--;
    return { kind: "sequence", at, items };
  }

  /**
   * What the next token begins with. Each line stands further right than what the list is a part of, but the
   * last bracket may stand below it.
   */
  #nextWithin(parent: number): string {
    const column = this.#next();
    const first = this.#text[this.#at] ?? "";
    const mayBeHere = column > parent || (column === parent && first === "]" && this.#open === 1);
    if (column < 0 || !mayBeHere) throw NOT_PLAIN;
    return first;
  }

  #inBrackets(parent: number): Node {
    const first = this.#text[this.#at];
    if (first === "[") return this.#brackets(parent);
    if (first === '"' || first === "'") return this.#quoted();
    const at = this.#place();
    if (!this.#isPlainStart()) throw NOT_PLAIN;
    IN_BRACKETS.lastIndex = this.#at;
    const text = IN_BRACKETS.exec(this.#text)![0].trimEnd();
    if (KEY_WITHIN.test(text) || COMMENT_WITHIN.test(text)) throw NOT_PLAIN;
    this.#at += text.length;
    return NULLS.has(text) ? { kind: "null", at } : { kind: "scalar", at, text };
  }
}

function folded(lines: readonly string[]): string {
  let text = "";
  let separator = "";
  let wasFurther = false;
  for (const line of lines) {
    const isFurther = line.startsWith(" ");
    if (line === "") {
      if (separator === "\n") text += "\n";
      else separator = "\n";
      continue;
    }
    if (isFurther && separator === " ") separator = "\n";
    else if (isFurther && !wasFurther && separator === "\n") separator = "\n\n";
    text += separator + line;
    separator = isFurther ? "\n" : " ";
    wasFurther = isFurther;
  }
  return text;
}
