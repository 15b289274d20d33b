// SPDX-License-Identifier: Apache-2.0
// Values in JSON (RFC 8259), where they stand: a body that was read or written, an argument, a variable. The
// bytes are walked, nothing is made of them, and a text that nests deeper than DEPTH_MAX is none. A text that
// was cut, as captured data is, has the values that are whole in it. Who sends texts without end takes no
// memory by that: a path gives each answer in the place of the last.
//
//   const USER = new JsonPath("detail.user.name");     // once, at the top
//   ... USER.text(e.data) == "root"
import { hexOf, isDigit } from "./sign";
import { Str } from "./str";
import { isSame } from "./text";
import { frameNumber, setSpan, textMemory } from "./wire/frame";

const DEPTH_MAX: u32 = 64;
const LEVELS_MAX = 16;
const NUMBER_MAX: u32 = 64;
const ABSENT: u32 = 0xffffffff;

const QUOTE: u32 = 0x22, BACKSLASH: u32 = 0x5c, COMMA: u32 = 0x2c, COLON: u32 = 0x3a, MINUS: u32 = 0x2d, DOT: u32 = 0x2e;
const OBJECT: u32 = 0x7b, OBJECT_END: u32 = 0x7d, ARRAY: u32 = 0x5b, ARRAY_END: u32 = 0x5d;
/** What peek() says behind the end. */
const NOTHING: u32 = 0x100;

/** The walk: where it is, where the text ends, and whether the string that was read last has escapes. */
let at: usize = 0;
let end: usize = 0;
let isEscaped: bool = false;
/** Of the value that was found last. */
let valueAt: usize = 0;

// @ts-ignore: decorator
@lazy const absent: Str = changetype<Str>(absentSpan());
/** A number as a string, with blanks behind it. */
// @ts-ignore: decorator
@lazy const digits: string = " ".repeat(<i32>NUMBER_MAX);

/** Whether all of the text is JSON. */
export function isJson(text: Str): bool {
  open(text);
  blanks();
  if (!skip()) return false;
  blanks();
  return at == end;
}

/**
 * The way to a value: keys with dots between them, and numbers of elements, as in `items[0].name`. Where an
 * object has a key twice, the last one counts. Make it at the top.
 */
@final
export class JsonPath {
  private readonly keys: string[] = [];
  /** -1: a key. */
  private readonly elements: i32[] = [];
  /** What text() and raw() answer. */
  private readonly textSpan: usize = heap.alloc(8);
  private readonly rawSpan: usize = heap.alloc(8);
  /** Memory for a text without its escapes, its size, and the frame that it was taken for. */
  private room: usize = 0;
  private roomSize: u32 = 0;
  private roomFrame: u32 = 0;

  constructor(path: string) {
    const parts = path.replaceAll("[", ".[").split(".");
    for (let i = 0, count = parts.length; i < count; i++) {
      const part = parts[i];
      if (part == "" && i == 0 && count > 1 && parts[1].startsWith("[")) continue;
      const isElement = part.startsWith("["), element = isElement ? elementOf(part) : -1;
      if (part == "" || (isElement && element < 0)) throw new Error(`"${path}" is no path into JSON`);
      this.keys.push(part);
      this.elements.push(element);
    }
    if (this.keys.length > LEVELS_MAX) throw new Error(`"${path}" has more than ${LEVELS_MAX} levels`);
  }

  /** The string there without its escapes, or absent. It is good until this is asked again. */
  text(json: Str): Str {
    if (!this.seek(json) || peek() != QUOTE) return absent;
    const from = at + 1;
    if (!skipString()) return absent;
    return isEscaped ? this.unescaped(from, at - 1) : spanning(this.textSpan, from, at - 1);
  }

  /** The value there, as it is written. It is good until this is asked again. */
  raw(json: Str): Str {
    return this.find(json) ? spanning(this.rawSpan, valueAt, at) : absent;
  }

  /** The number there, or NaN. */
  number(json: Str): f64 {
    if (!this.find(json)) return NaN;
    const first: u32 = load<u8>(valueAt);
    return (first == MINUS || isDigit(first)) && at - valueAt <= NUMBER_MAX ? numberIn(valueAt, at) : NaN;
  }

  /** Whether `true` stands there. */
  isTrue(json: Str): bool {
    return this.find(json) && isSame(valueAt, <u32>(at - valueAt), "true");
  }

  /** Whether any value is there, also `null`. */
  isIn(json: Str): bool {
    return this.find(json);
  }

  /** The value there is from valueAt to where the walk is. False: there is none, or it may be cut. */
  private find(json: Str): bool {
    if (!this.seek(json)) return false;
    valueAt = at;
    if (!skip()) return false;
    // The rest of a number, or of a word, may have been cut.
    const last = <u32>load<u8>(at - 1);
    return at < end || last == QUOTE || last == OBJECT_END || last == ARRAY_END;
  }

  private unescaped(from: usize, to: usize): Str {
    const size = <u32>(to - from), isOver = this.roomFrame != frameNumber();
    if (isOver || this.roomSize < size) {
      this.roomFrame = frameNumber();
      this.roomSize = isOver ? size : max(size, 2 * this.roomSize); // so all together are few times the largest
      this.room = textMemory(this.roomSize);
    }
    return spanning(this.textSpan, this.room, unescape(from, to, this.room));
  }

  private seek(json: Str): bool {
    open(json);
    blanks();
    for (let level = 0, count = this.keys.length; level < count; level++) if (!this.enter(level)) return false;
    return true;
  }

  /** Goes from an object or an array to what is asked for in it. */
  private enter(level: i32): bool {
    const element = unchecked(this.elements[level]), isKey = element < 0;
    if (!take(isKey ? OBJECT : ARRAY)) return false;
    blanks();
    if (peek() == (isKey ? OBJECT_END : ARRAY_END)) return false;
    let found: usize = 0;
    for (let i = 0; ; i++) {
      if (isKey) {
        const from = at + 1;
        if (!skipString()) break;
        const isMeant = isKeyAt(from, at - 1, unchecked(this.keys[level]));
        if (!skipColon()) break;
        if (isMeant) found = at;
      } else if (i == element) {
        found = at;
        break;
      }
      if (!skip()) break;
      blanks();
      if (!take(COMMA)) break;
      blanks();
    }
    at = found;
    return found != 0 && at < end;
  }
}

/** Of `[12]`; -1: it is none. */
function elementOf(part: string): i32 {
  const last = part.length - 1;
  if (last < 2 || last > 6 || part.charCodeAt(last) != <i32>ARRAY_END) return -1;
  let element = 0;
  for (let i = 1; i < last; i++) {
    if (!isDigit(<u32>part.charCodeAt(i))) return -1;
    element = element * 10 + part.charCodeAt(i) - 0x30;
  }
  return element;
}

function open(text: Str): void {
  at = text.address;
  end = at + text.size;
}

// @ts-ignore: decorator
@inline function peek(): u32 { return at < end ? <u32>load<u8>(at) : NOTHING; }

function take(byte: u32): bool {
  if (peek() != byte) return false;
  at++;
  return true;
}

function blanks(): void {
  for (let byte = peek(); byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09; byte = peek()) at++;
}

/** One value, with all that is in it. Which of those that are open are objects, the bits of a word say. */
function skip(): bool {
  let depth: u32 = 0, objects: u64 = 0;
  while (true) {
    const first = peek();
    if (first == OBJECT || first == ARRAY) {
      if (depth == DEPTH_MAX) return false;
      depth++;
      objects = (objects << 1) | (first == OBJECT ? 1 : 0);
      at++;
      blanks();
      if (peek() != (first == OBJECT ? OBJECT_END : ARRAY_END)) {
        if (first == OBJECT && !skipKey()) return false;
        continue;
      }
    } else if (!skipScalar()) return false;
    // A value has ended, or an empty one is about to.
    while (true) {
      if (depth == 0) return true;
      blanks();
      const isObject = (objects & 1) != 0;
      if (take(COMMA)) {
        blanks();
        if (isObject && !skipKey()) return false;
        break;
      }
      if (!take(isObject ? OBJECT_END : ARRAY_END)) return false;
      depth--;
      objects >>= 1;
    }
  }
}

function skipKey(): bool {
  return skipString() && skipColon();
}

function skipColon(): bool {
  blanks();
  if (!take(COLON)) return false;
  blanks();
  return true;
}

function skipScalar(): bool {
  switch (peek()) {
    case QUOTE:
      return skipString();
    case 0x74:
      return skipWord("true");
    case 0x66:
      return skipWord("false");
    case 0x6e:
      return skipWord("null");
    default:
      return skipNumber();
  }
}

function skipWord(word: string): bool {
  for (let i = 0; i < word.length; i++) if (!take(<u32>word.charCodeAt(i))) return false;
  return true;
}

function skipNumber(): bool {
  take(MINUS);
  if (!take(0x30) && !skipDigits()) return false;
  if (take(DOT) && !skipDigits()) return false;
  if ((peek() | 0x20) != 0x65) return true;
  at++;
  if (!take(0x2b)) take(MINUS);
  return skipDigits();
}

/** At least one. */
function skipDigits(): bool {
  const from = at;
  while (isDigit(peek())) at++;
  return at > from;
}

function skipString(): bool {
  if (!take(QUOTE)) return false;
  isEscaped = false;
  while (at < end) {
    const byte = <u32>load<u8>(at++);
    if (byte == QUOTE) return true;
    if (byte < 0x20) return false;
    if (byte != BACKSLASH) continue;
    isEscaped = true;
    const escape = peek();
    at++;
    if (escape == 0x75) {
      for (let i = 0; i < 4; i++, at++) if (hexOf(peek()) > 15) return false;
    } else if (meantBy(escape) == 0) return false;
  }
  return false;
}

/** What a backslash before it means; 0: nothing. */
function meantBy(byte: u32): u32 {
  switch (byte) {
    case QUOTE:
    case BACKSLASH:
    case 0x2f:
      return byte;
    case 0x62:
      return 0x08;
    case 0x66:
      return 0x0c;
    case 0x6e:
      return 0x0a;
    case 0x72:
      return 0x0d;
    case 0x74:
      return 0x09;
    default:
      return 0;
  }
}

/** An escape in a key must not hide it. */
function isKeyAt(from: usize, to: usize, key: string): bool {
  if (!isEscaped) return isSame(from, <u32>(to - from), key);
  const begin = textMemory(<u32>(to - from));
  const isMeant = isSame(begin, <u32>(unescape(from, to, begin) - begin), key);
  heap.free(begin);
  return isMeant;
}

/** Escapes were checked: what they mean takes less room than they do. Gives where it ends. */
function unescape(from: usize, to: usize, put: usize): usize {
  for (let i = from; i < to; ) {
    const byte = <u32>load<u8>(i++);
    if (byte != BACKSLASH) {
      store<u8>(put++, <u8>byte);
      continue;
    }
    const escape = <u32>load<u8>(i++);
    if (escape != 0x75) {
      store<u8>(put++, <u8>meantBy(escape));
      continue;
    }
    let point = unitAt(i);
    i += 4;
    if ((point & 0xfc00) == 0xd800 && i + 6 <= to && load<u16>(i) == 0x755c && (unitAt(i + 2) & 0xfc00) == 0xdc00) {
      point = 0x10000 + ((point & 0x3ff) << 10) + (unitAt(i + 2) & 0x3ff);
      i += 6;
    }
    put = writePoint((point & 0xfffff800) == 0xd800 ? 0xfffd : point, put);
  }
  return put;
}

function unitAt(from: usize): u32 {
  let unit: u32 = 0;
  for (let i = 0; i < 4; i++) unit = (unit << 4) | hexOf(load<u8>(from + i));
  return unit;
}

/** In UTF-8; gives where it ends. */
function writePoint(point: u32, to: usize): usize {
  if (point < 0x80) {
    store<u8>(to, <u8>point);
    return to + 1;
  }
  const more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
  const head: u32 = more == 1 ? 0xc0 : more == 2 ? 0xe0 : 0xf0;
  store<u8>(to, <u8>(head | (point >> (6 * more))));
  for (let i = 1; i <= more; i++) store<u8>(to + i, <u8>(0x80 | ((point >> (6 * (more - i))) & 0x3f)));
  return to + more + 1;
}

function numberIn(from: usize, to: usize): f64 {
  const put = changetype<usize>(digits);
  for (let i: u32 = 0; i < NUMBER_MAX; i++) store<u16>(put + 2 * i, from + i < to ? load<u8>(from + i) : 0x20);
  return parseFloat(digits);
}

function spanning(span: usize, from: usize, to: usize): Str {
  return changetype<Str>(setSpan(span, from, <u32>(to - from)));
}

function absentSpan(): usize {
  const span = heap.alloc(8);
  store<u32>(span, ABSENT);
  store<u32>(span, 0, 4);
  return span;
}
