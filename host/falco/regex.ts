// SPDX-License-Identifier: Apache-2.0
// POSIX extended regular expressions, as RE2 reads them in its POSIX mode: no backreferences, no lazy repetition, no look-around.
// The result is a syntax tree over bytes (a character beyond ASCII is its UTF-8 bytes) for automaton.ts.
//
//   Alternation  Sequence ('|' Sequence)*
//   Sequence     (Atom ('*' | '+' | '?' | '{m}' | '{m,}' | '{m,n}')*)*
//   Atom         '(' Alternation ')' | '[' class ']' | '.' | '^' | '$' | '\' character | character
import { ValueError } from "./values.js";

export type Regex =
  | { kind: "bytes"; set: boolean[] } // one byte of the set
  | { kind: "sequence"; parts: Regex[] }
  | { kind: "choice"; parts: Regex[] }
  | { kind: "repeat"; part: Regex; min: number; max: number } // max Infinity: no bound
  | { kind: "start" }
  | { kind: "end" };

export const REPEAT_MAX = 1000;

// `text` is a byte string.
export function parseRegex(text: string): Regex {
  return new RegexParser(text).parse();
}

export function byteSet(isIn: (byte: number) => boolean): boolean[] {
  return Array.from({ length: 256 }, (_, byte) => isIn(byte));
}

class RegexParser {
  private at = 0;

  constructor(private readonly text: string) {}

  parse(): Regex {
    const regex = this.alternation();
    if (this.at < this.text.length) this.fail("unexpected ): ");
    return regex;
  }

  private alternation(): Regex {
    const parts = [this.sequence()];
    while (this.take("|")) parts.push(this.sequence());
    return parts.length === 1 ? parts[0]! : { kind: "choice", parts };
  }

  private sequence(): Regex {
    const parts: Regex[] = [];
    while (this.at < this.text.length && !"|)".includes(this.text[this.at]!)) parts.push(this.repeated());
    return parts.length === 1 ? parts[0]! : { kind: "sequence", parts };
  }

  private repeated(): Regex {
    let part = this.atom();
    for (;;) {
      if (this.take("*")) part = { kind: "repeat", part, min: 0, max: Number.POSITIVE_INFINITY };
      else if (this.take("+")) part = { kind: "repeat", part, min: 1, max: Number.POSITIVE_INFINITY };
      else if (this.take("?")) part = { kind: "repeat", part, min: 0, max: 1 };
      else {
        const bounds = this.bounds();
        if (!bounds) return part;
        part = { kind: "repeat", part, ...bounds };
      }
    }
  }

  // A brace that holds no bounds is a character.
  private bounds(): { min: number; max: number } | null {
    const found = /^\{(\d+)(?:(,)(\d*))?\}/.exec(this.text.slice(this.at, this.at + 16));
    if (!found) return null;
    this.at += found[0].length;
    const min = Number(found[1]);
    const max = found[2] === undefined ? min : found[3] === "" ? Number.POSITIVE_INFINITY : Number(found[3]);
    const isOver = min > REPEAT_MAX || (max !== Number.POSITIVE_INFINITY && max > REPEAT_MAX) || min > max;
    if (isOver) this.fail("invalid repetition size: ");
    return { min, max };
  }

  private atom(): Regex {
    const c = this.text[this.at++]!;
    switch (c) {
      case "(": {
        if (this.text[this.at] === "?") this.fail("invalid perl operator: ");
        const inner = this.alternation();
        if (!this.take(")")) this.fail("missing ): ");
        return inner;
      }
      case "[":
        return this.bracket();
      case ".":
        return anyCharacter();
      case "^":
        return { kind: "start" };
      case "$":
        return { kind: "end" };
      case "*":
      case "+":
      case "?":
        return this.fail("no argument for repetition operator: ");
      case "\\":
        return single(this.escaped());
      default:
        return single(c.charCodeAt(0));
    }
  }

  private escaped(): number {
    const c = this.text[this.at++];
    if (c === undefined) return this.fail("trailing \\: ");
    if (c === "x") {
      const found = /^(?:([0-9a-fA-F]{2})|\{([0-9a-fA-F]{1,2})\})/.exec(this.text.slice(this.at, this.at + 6));
      if (!found) return this.fail("invalid escape sequence: ");
      this.at += found[0].length;
      return Number.parseInt(found[1] ?? found[2]!, 16);
    }
    const control = "afnrtv".indexOf(c);
    if (control >= 0) return [7, 12, 10, 13, 9, 11][control]!;
    if (/[0-9A-Za-z]/.test(c)) return this.fail("invalid escape sequence: ");
    return c.charCodeAt(0);
  }

  // A class over bytes; one that holds characters beyond ASCII is a choice of their UTF-8 forms.
  private bracket(): Regex {
    const isNegated = this.take("^");
    const set = new Array<boolean>(256).fill(false);
    const wide: Regex[] = [];
    let isFirst = true;
    for (;;) {
      if (this.at >= this.text.length) this.fail("missing ]: ");
      if (!isFirst && this.take("]")) break;
      isFirst = false;
      const named = /^\[:(\^?)([a-z]+):\]/.exec(this.text.slice(this.at, this.at + 16));
      if (named) {
        const test = CLASSES[named[2]!];
        if (!test) this.fail("invalid character class range: ");
        this.at += named[0].length;
        for (let b = 0; b < 128; b++) if (test!.test(String.fromCharCode(b)) === (named[1] === "")) set[b] = true;
        continue;
      }
      const low = this.bracketCharacter();
      if (typeof low !== "number") {
        wide.push(low);
        continue;
      }
      let high: number = low;
      if (this.text[this.at] === "-" && this.text[this.at + 1] !== "]" && this.at + 1 < this.text.length) {
        this.at++;
        const end = this.bracketCharacter();
        if (typeof end !== "number" || end < low) return this.fail("invalid character class range: ");
        high = end;
      }
      for (let b = low; b <= high; b++) set[b] = true;
    }
    if (isNegated) {
      if (wide.length > 0) this.fail("a negated class of characters beyond ASCII is not supported: ");
      const ascii = byteSet((b) => b < 128 && !set[b]);
      return { kind: "choice", parts: [{ kind: "bytes", set: ascii }, wideCharacter()] };
    }
    return wide.length === 0 ? { kind: "bytes", set } : { kind: "choice", parts: [{ kind: "bytes", set }, ...wide] };
  }

  private bracketCharacter(): number | Regex {
    const c = this.text[this.at++];
    if (c === undefined) return this.fail("missing ]: ");
    if (c === "\\") return this.escaped();
    const lead = c.charCodeAt(0);
    if (lead < 128) return lead;
    const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    const bytes = this.text.slice(this.at - 1, this.at - 1 + length);
    this.at += length - 1;
    return { kind: "sequence", parts: [...bytes].map((b) => single(b.charCodeAt(0))) };
  }

  private take(c: string): boolean {
    if (this.text[this.at] !== c) return false;
    this.at++;
    return true;
  }

  private fail(message: string): never {
    throw new ValueError(`invalid regular expression pattern: ${message}${this.text}`);
  }
}

function single(byte: number): Regex {
  return { kind: "bytes", set: byteSet((b) => b === byte) };
}

// RE2 reads UTF-8, in which `.` is one character but a line feed. A byte that cannot begin a character counts as one.
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
      { kind: "bytes", set: byteSet((b) => (b >= 0x80 && b <= 0xc1) || b >= 0xf5) },
    ],
  };
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
