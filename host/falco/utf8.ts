// SPDX-License-Identifier: Apache-2.0
// Sets of characters as expressions over the bytes of UTF-8. A range of characters of one length is a few
// sequences of ranges of bytes: it is split where only the last bytes run through all their values, so that
// every byte's range is independent of the others'.
//
//   [U+00E0, U+00FC]   c3 [a0-bc]
//   [U+00FF, U+0140]   c3 bf | c4 [80-bf] | c5 80
import type { Regex } from "./regex-tree.js";

/** Characters from one to another, both included. */
export type Range = readonly [from: number, to: number]; // code points, both inclusive

/** The last code point of Unicode. */
export const LAST_CHARACTER = 0x10ffff;
/** U+FFFD. */
export const REPLACEMENT = 0xfffd; // what stands for bytes that are no character

/** 256 truths, one for each byte. */
export function byteSet(isIn: (byte: number) => boolean): boolean[] {
  return Array.from({ length: 256 }, (_, byte) => isIn(byte));
}

/** The bytes of one character, one after the other. */
export function characterBytes(code: number): Regex {
  return oneOf(byteRanges(code, code));
}

/** Any character of the ranges. */
export function anyOf(ranges: readonly Range[]): Regex {
  return oneOf(ranges.flatMap(([from, to]) => byRange(from, to)));
}

/** All characters beyond ASCII that are in none of the ranges, in order. */
export function othersBeyondAscii(ranges: readonly Range[]): Range[] {
  const out: Range[] = [];
  let next = 0x80;
  for (const [from, to] of [...ranges].sort((a, b) => a[0] - b[0])) {
    if (from > next) out.push([next, from - 1]);
    next = Math.max(next, to + 1);
  }
  if (next <= LAST_CHARACTER) out.push([next, LAST_CHARACTER]);
  return out;
}

type Bytes = Range[]; // a range for each byte of a character

// Where the number of bytes changes, and the surrogates, which are no characters.
const BOUNDS: readonly Range[] = [
  [0, 0x7f],
  [0x80, 0x7ff],
  [0x800, 0xd7ff],
  [0xe000, 0xffff],
  [0x10000, LAST_CHARACTER],
];

function byRange(from: number, to: number): Bytes[] {
  return BOUNDS.flatMap(([low, high]) => byteRanges(Math.max(from, low), Math.min(to, high)));
}

// Of characters that have the same number of bytes.
function byteRanges(from: number, to: number): Bytes[] {
  if (from > to) return [];
  for (let bits = 6; bits <= 18; bits += 6) {
    const rest = (1 << bits) - 1;
    if ((from & ~rest) === (to & ~rest)) continue;
    if ((from & rest) !== 0) return [...byteRanges(from, from | rest), ...byteRanges((from | rest) + 1, to)];
    if ((to & rest) !== rest) return [...byteRanges(from, (to & ~rest) - 1), ...byteRanges(to & ~rest, to)];
  }
  const [low, high] = [from, to].map((code) => Buffer.from(String.fromCodePoint(code))) as [Buffer, Buffer];
  return [[...low].map((byte, i): Range => [byte, high[i]!])];
}

function oneOf(ways: readonly Bytes[]): Regex {
  const parts = ways.map((bytes): Regex => {
    const sets = bytes.map(([from, to]): Regex => ({ kind: "bytes", set: byteSet((b) => b >= from && b <= to) }));
    return sets.length === 1 ? sets[0]! : { kind: "sequence", parts: sets };
  });
  return parts.length === 1 ? parts[0]! : { kind: "choice", parts };
}
