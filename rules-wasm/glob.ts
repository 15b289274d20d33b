// SPDX-License-Identifier: Apache-2.0
// Globs as Falco's `glob` operator has them (fnmatch without flags): `*` any run of bytes, slashes too; `?`
// one character; `[a-z]` `[!a-z]` one of a set of bytes; `\` takes the next byte as it is. One star is
// remembered at a time: when the rest fails, that star takes one byte more. So the work is at most pattern
// times text, whatever an attacker names a file.
import { Str } from "./str";
import { utf8Size, writeUtf8 } from "./text";

const STAR: u32 = 0x2a;
const QUESTION: u32 = 0x3f;
const OPEN: u32 = 0x5b;
const CLOSE: u32 = 0x5d;
const BACKSLASH: u32 = 0x5c;

/** A glob that is made once, at the top of a policy, and asked often. */
export class Glob {
  private readonly pattern: usize;
  private readonly size: u32;

  constructor(pattern: string) {
    this.size = utf8Size(pattern);
    this.pattern = heap.alloc(this.size);
    writeUtf8(pattern, this.pattern);
  }

  matches(text: Str): bool {
    return globMatches(this.pattern, this.size, text.address, text.size);
  }
}

/** Whether the pattern matches all of the text; both are UTF-8 bytes. */
export function globMatches(pattern: usize, patternSize: u32, text: usize, textSize: u32): bool {
  const patternEnd = pattern + patternSize, textEnd = text + textSize;
  let starPattern: usize = 0, starText: usize = 0;
  while (text < textEnd) {
    if (pattern < patternEnd) {
      const p = <u32>load<u8>(pattern);
      if (p == STAR) {
        starPattern = ++pattern;
        starText = text;
        continue;
      }
      const next = step(pattern, patternEnd, <u32>load<u8>(text));
      if (next != 0) {
        pattern = next;
        text = p == QUESTION ? afterCharacter(text, textEnd) : text + 1;
        continue;
      }
    }
    if (starPattern == 0) return false;
    pattern = starPattern;
    text = ++starText;
  }
  while (pattern < patternEnd && <u32>load<u8>(pattern) == STAR) pattern++;
  return pattern == patternEnd;
}

/** Whether `pattern` holds anything that makes it more than plain text. */
export function isGlob(pattern: string): bool {
  return pattern.indexOf("*") >= 0 || pattern.indexOf("?") >= 0 || pattern.indexOf("[") >= 0;
}

/**
 * Takes one element of the pattern, which is no star: where the pattern goes on, or 0 when `byte` does not
 * fit.
 */
function step(pattern: usize, end: usize, byte: u32): usize {
  const p = <u32>load<u8>(pattern);
  if (p == QUESTION) return pattern + 1;
  if (p == OPEN) return stepSet(pattern, end, byte);
  if (p == BACKSLASH && pattern + 1 < end) return <u32>load<u8>(pattern + 1) == byte ? pattern + 2 : 0;
  return p == byte ? pattern + 1 : 0;
}

function stepSet(pattern: usize, end: usize, byte: u32): usize {
  let at = pattern + 1;
  const inverted = at < end && (<u32>load<u8>(at) == 0x21 || <u32>load<u8>(at) == 0x5e);
  if (inverted) at++;
  let found = false;
  for (let isFirst = true; at < end; isFirst = false) {
    const low = <u32>load<u8>(at);
    if (low == CLOSE && !isFirst) return found != inverted ? at + 1 : 0;
    let high = low;
    if (at + 2 < end && <u32>load<u8>(at + 1) == 0x2d && <u32>load<u8>(at + 2) != CLOSE) {
      high = <u32>load<u8>(at + 2);
      at += 2;
    }
    if (byte >= low && byte <= high) found = true;
    at++;
  }
  return byte == OPEN ? pattern + 1 : 0; // never closed: the bracket is a plain byte
}

/** The byte after one UTF-8 character. */
function afterCharacter(text: usize, end: usize): usize {
  text++;
  while (text < end && (<u32>load<u8>(text) & 0xc0) == 0x80) text++;
  return text;
}
