// SPDX-License-Identifier: Apache-2.0
// POSIX extended regular expressions, as RE2 reads them in its POSIX mode: no backreferences, no lazy
// repetition, no look-around. A pattern is characters, and has to be UTF-8; the result is a syntax tree over
// bytes for automaton.ts (a character beyond ASCII is its UTF-8 bytes: utf8.ts).
//
//   Alternation  Sequence ('|' Sequence)*
//   Sequence     (Atom ('*' | '+' | '?' | '{m}' | '{m,}' | '{m,n}')*)*
//   Atom         '(' Alternation ')' | '[' class ']' | '.' | '^' | '$' | '\' character | character
import { isUtf8 } from "node:buffer";
import { fromBytes } from "./condition.js";
import type { Regex } from "./regex-tree.js";
import { anyOf, byteSet, characterBytes, LAST_CHARACTER, othersBeyondAscii, type Range, REPLACEMENT } from "./utf8.js";
import { ValueError } from "./values.js";

/** The largest number in `{m,n}`, as in RE2. */
export const REPEAT_MAX = 1000;

/** `text` is a byte string. */
export function parseRegex(text: string): Regex {
  return new RegexParser(text).parse();
}

class RegexParser {
  #at = 0;
  readonly #text: string;
  readonly #bytes: string;

  constructor(bytes: string) {
    this.#bytes = bytes;
    this.#text = fromBytes(bytes);
  }

  parse(): Regex {
    if (!isUtf8(Buffer.from(this.#bytes, "latin1"))) this.#fail("invalid UTF-8: ");
    const regex = this.#alternation();
    if (this.#at < this.#text.length) this.#fail("unexpected ): ");
    return regex;
  }

  #alternation(): Regex {
    const parts = [this.#sequence()];
    while (this.#take("|")) parts.push(this.#sequence());
    return parts.length === 1 ? parts[0]! : { kind: "choice", parts };
  }

  #sequence(): Regex {
    const parts: Regex[] = [];
    while (this.#at < this.#text.length && !"|)".includes(this.#text[this.#at]!)) parts.push(this.#repeated());
    return parts.length === 1 ? parts[0]! : { kind: "sequence", parts };
  }

  #repeated(): Regex {
    let part = this.#atom();
    for (;;) {
      if (this.#take("*")) part = { kind: "repeat", part, min: 0, max: Number.POSITIVE_INFINITY };
      else if (this.#take("+")) part = { kind: "repeat", part, min: 1, max: Number.POSITIVE_INFINITY };
      else if (this.#take("?")) part = { kind: "repeat", part, min: 0, max: 1 };
      else {
        const bounds = this.#bounds();
        if (!bounds) return part;
        part = { kind: "repeat", part, ...bounds };
      }
    }
  }

  // A brace that holds no bounds is a character.
  #bounds(): { min: number; max: number } | null {
    const found = /^\{(\d+)(?:(,)(\d*))?\}/.exec(this.#text.slice(this.#at, this.#at + 16));
    if (!found) return null;
    this.#at += found[0].length;
    const min = Number(found[1]);
    const max = found[2] === undefined ? min : found[3] === "" ? Number.POSITIVE_INFINITY : Number(found[3]);
    const isOver = min > REPEAT_MAX || (max !== Number.POSITIVE_INFINITY && max > REPEAT_MAX) || min > max;
    if (isOver) this.#fail("invalid repetition size: ");
    return { min, max };
  }

  #atom(): Regex {
    const c = this.#character();
    switch (c) {
      case "(": {
        if (this.#text[this.#at] === "?") this.#fail("invalid perl operator: ");
        const inner = this.#alternation();
        if (!this.#take(")")) this.#fail("missing ): ");
        return inner;
      }
      case "[":
        return this.#bracket();
      case ".":
        return anyCharacter();
      case "^":
        return { kind: "start" };
      case "$":
        return { kind: "end" };
      case "*":
      case "+":
      case "?":
        return this.#fail("no argument for repetition operator: ");
      case "\\":
        return characterBytes(this.#escaped());
      default:
        return characterBytes(c.codePointAt(0)!);
    }
  }

  #character(): string {
    const c = String.fromCodePoint(this.#text.codePointAt(this.#at)!);
    this.#at += c.length;
    return c;
  }

  // The character that an escape stands for.
  #escaped(): number {
    if (this.#at >= this.#text.length) return this.#fail("trailing \\: ");
    const numbered = /^(?:x([0-9a-fA-F]{2})|x\{([0-9a-fA-F]{1,6})\}|(0[0-7]{0,2}|[1-7][0-7]{1,2}))/.exec(
      this.#text.slice(this.#at, this.#at + 9),
    );
    if (numbered) {
      this.#at += numbered[0].length;
      const [, two, braced, octal] = numbered;
      const code = octal === undefined ? Number.parseInt(two ?? braced!, 16) : Number.parseInt(octal, 8);
      return code <= LAST_CHARACTER ? code : this.#fail("invalid escape sequence: ");
    }
    const c = this.#character();
    const control = "afnrtv".indexOf(c);
    if (control >= 0) return [7, 12, 10, 13, 9, 11][control]!;
    if (/[0-9A-Za-z]/.test(c)) return this.#fail("invalid escape sequence: ");
    return c.codePointAt(0)!;
  }

  // A class: characters, ranges of them, and named sets, which are ASCII's.
  #bracket(): Regex {
    const isNegated = this.#take("^");
    const ranges: Range[] = [];
    for (let isFirst = true; isFirst || !this.#take("]"); isFirst = false) {
      if (this.#at >= this.#text.length) this.#fail("missing ]: ");
      ranges.push(...(this.#named() ?? [this.#range()]));
    }
    const ascii = byteSet((b) => b < 128 && isNegated !== ranges.some(([from, to]) => b >= from && b <= to));
    const wide = ranges.flatMap(([from, to]): Range[] => (to < 128 ? [] : [[Math.max(from, 128), to]]));
    const parts: Regex[] = [{ kind: "bytes", set: ascii }];
    if (!isNegated && wide.length > 0) parts.push(anyOf(wide));
    if (isNegated && wide.length === 0) parts.push(wideCharacter());
    if (isNegated && wide.length > 0) parts.push(...otherWide(wide));
    return parts.length === 1 ? parts[0]! : { kind: "choice", parts };
  }

  #named(): Range[] | null {
    const found = /^\[:(\^?)([a-z]+):\]/.exec(this.#text.slice(this.#at, this.#at + 16));
    if (!found) return null;
    const test = CLASSES[found[2]!] ?? this.#fail("invalid character class range: ");
    this.#at += found[0].length;
    const isIn = (code: number) => test.test(String.fromCharCode(code)) === (found[1] === "");
    const codes = Array.from({ length: 128 }, (_, code) => code).filter(isIn);
    return [...codes.map((code): Range => [code, code]), ...(found[1] === "" ? [] : [BEYOND_ASCII])];
  }

  #range(): Range {
    const low = this.#bracketCharacter();
    if (this.#text[this.#at] !== "-" || this.#text[this.#at + 1] === "]" || this.#at + 1 >= this.#text.length)
      return [low, low];
    this.#at++;
    const high = this.#bracketCharacter();
    return high < low ? this.#fail("invalid character class range: ") : [low, high];
  }

  #bracketCharacter(): number {
    if (this.#at >= this.#text.length) return this.#fail("missing ]: ");
    const c = this.#character();
    return c === "\\" ? this.#escaped() : c.codePointAt(0)!;
  }

  #take(c: string): boolean {
    if (this.#text[this.#at] !== c) return false;
    this.#at++;
    return true;
  }

  #fail(message: string): never {
    throw new ValueError(`invalid regular expression pattern: ${message}${this.#bytes}`);
  }
}

const BEYOND_ASCII: Range = [128, LAST_CHARACTER];

// RE2 reads UTF-8, in which `.` is one character but a line feed. A byte that cannot begin a character counts
// as one.
function anyCharacter(): Regex {
  return { kind: "choice", parts: [{ kind: "bytes", set: byteSet((b) => b < 128 && b !== 10) }, wideCharacter()] };
}

// Any character of two to four bytes, or a byte that cannot begin one.
function wideCharacter(): Regex {
  const range = (low: number, high: number): Regex => ({ kind: "bytes", set: byteSet((b) => b >= low && b <= high) });
  const tail = range(0x80, 0xbf);
  return {
    kind: "choice",
    parts: [
      { kind: "sequence", parts: [range(0xc2, 0xdf), tail] },
      { kind: "sequence", parts: [range(0xe0, 0xef), tail, tail] },
      { kind: "sequence", parts: [range(0xf0, 0xf4), tail, tail, tail] },
      noCharacter(),
    ],
  };
}

// Beyond ASCII, what is in none of the ranges. Bytes that are no character count as the one that stands for
// such.
function otherWide(ranges: readonly Range[]): Regex[] {
  const isReplacementIn = ranges.some(([from, to]) => from <= REPLACEMENT && REPLACEMENT <= to);
  return [anyOf(othersBeyondAscii(ranges)), ...(isReplacementIn ? [] : [noCharacter()])];
}

function noCharacter(): Regex {
  return { kind: "bytes", set: byteSet((b) => (b >= 0x80 && b <= 0xc1) || b >= 0xf5) };
}

/** Of POSIX, over ASCII; globs know them too. */
export const POSIX_CLASSES: Record<string, RegExp> = {
  alnum: /[0-9A-Za-z]/,
  alpha: /[A-Za-z]/,
  blank: /[ \t]/,
  cntrl: /[\x00-\x1f\x7f]/,
  digit: /[0-9]/,
  graph: /[!-~]/,
  lower: /[a-z]/,
  print: /[ -~]/,
  punct: /[!-/:-@[-`{-~]/,
  space: /[\t\n\v\f\r ]/,
  upper: /[A-Z]/,
  xdigit: /[0-9A-Fa-f]/,
};

const CLASSES: Record<string, RegExp> = { ...POSIX_CLASSES, ascii: /[\x00-\x7f]/, word: /[0-9A-Za-z_]/ };
