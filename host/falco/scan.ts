// SPDX-License-Identifier: Apache-2.0
// The words of a condition: where the parser stands in the text, what it took last, and how it says that
// something is wrong. As in Falco's scanner there are no tokens beforehand: the parser asks for what may
// come.
import { fromBytes, type Place } from "./condition.js";

/** A mistake in a condition, in Falco's words. */
export class ConditionError extends Error {
  constructor(
    message: string,
    readonly at: Place,
  ) {
    super(message);
  }
}

const BLANK = /[ \t\x08\r\n]*/y;
const ESCAPES = new Map([
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
  [" ", "\\"],
  ["\\", "\\"],
  ["/", "/"],
]);

/** The text and where the parser stands in it. */
export class Scanner {
  protected at = 0;
  protected token = "";
  #depth = 0;
  readonly #breaks: readonly number[];
  readonly #depthMax: number;

  constructor(
    protected readonly text: string,
    depthMax: number,
  ) {
    this.#depthMax = depthMax;
    this.#breaks = [...text.matchAll(/[\r\n]/g)].map((found) => found.index);
  }

  /** A quote is escaped by a backslash before it, whatever stands before that. */
  protected quoted(): boolean {
    const quote = this.text[this.at];
    if (quote !== "'" && quote !== '"') return false;
    for (let i = this.at + 1; i < this.text.length; i++) {
      if (this.text[i] !== quote || this.text[i - 1] === "\\") continue;
      const inner = this.text.slice(this.at + 1, i);
      this.token = this.#unescape(inner, quote);
      this.at = i + 1;
      return true;
    }
    return false;
  }

  #unescape(inner: string, quote: string): string {
    return inner.replace(/\\(x[0-9a-fA-F]{2}|.)/gs, (_, escaped: string) => {
      if (escaped.length === 3) return String.fromCharCode(Number.parseInt(escaped.slice(1), 16));
      const plain = ESCAPES.get(escaped);
      if (plain !== undefined) return plain;
      if (escaped === quote) return quote;
      if (escaped === "'" || escaped === '"') this.fail(`invalid \\${escaped} escape in ${quote}-quoted string`);
      return this.fail(`unsupported string escape sequence: \\${escaped}`);
    });
  }

  protected take(word: string): boolean {
    if (!this.text.startsWith(word, this.at)) return false;
    this.token = word;
    this.at += word.length;
    return true;
  }

  protected match(pattern: RegExp): boolean {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (!found) return false;
    this.token = found[0];
    this.at += found[0].length;
    return true;
  }

  /** Blanks are no token: an error names what stood before them. */
  protected blank(): boolean {
    BLANK.lastIndex = this.at;
    const length = BLANK.exec(this.text)![0].length;
    this.at += length;
    return length > 0;
  }

  protected expect(word: string, complaint: string): void {
    if (!this.take(word)) this.fail(complaint);
  }

  protected nested<T>(parse: () => T): T {
    if (++this.#depth >= this.#depthMax) this.fail(`exceeded max depth limit of ${this.#depthMax}`);
    const result = parse();
    this.#depth--;
    return result;
  }

  protected place(): Place {
    return placeAt(this.#breaks, this.at);
  }

  protected fail(message: string): never {
    throw new ConditionError(fromBytes(message), this.place());
  }
}

// Lines and columns count from 1. `breaks` says where lines end.
function placeAt(breaks: readonly number[], offset: number): Place {
  let [line, end] = [0, breaks.length];
  while (line < end) {
    const middle = (line + end) >> 1;
    if (breaks[middle]! < offset) line = middle + 1;
    else end = middle;
  }
  const start = line === 0 ? 0 : breaks[line - 1]! + 1;
  return { offset, line: line + 1, column: offset - start + 1 };
}
