// SPDX-License-Identifier: Apache-2.0
// A regular expression as the steps that regex.ts follows: what a pattern may have stands there. A byte is
// asked by a set; two steps know where characters of UTF-8 begin.
import { hexOf, isDigit, isLetter } from "./sign";

/** Steps that a pattern may have: each byte of a text takes at most so many. */
const STEPS_MAX: i32 = 1_000;
const REPEAT_MAX: i32 = 255;
const DEPTH_MAX: i32 = 50;
/** Bits of a set of bytes, in u64s. */
const SET_WORDS: i32 = 4;

/** What a step does: `a` and `b` are steps, or a set. */
export namespace Op {
  export const SET: u8 = 0;
  export const SPLIT: u8 = 1;
  export const JUMP: u8 = 2;
  export const BEGIN: u8 = 3;
  export const END: u8 = 4;
  export const MATCH: u8 = 5;
  /** As SET, of a byte with which a character begins; and of each byte that goes on with one. */
  export const FIRST: u8 = 6;
  export const MORE: u8 = 7;
}

/** The steps of a pattern, and the sets that they ask. */
export class Program {
  private readonly text: string;
  private readonly ops: Array<u8> = [];
  private readonly as: Array<u16> = [];
  private readonly bs: Array<u16> = [];
  private readonly sets: Array<u64> = [];
  private at: i32 = 0;
  private depth: i32 = 0;
  private ignoresCase: bool = false;

  constructor(text: string) {
    this.text = text;
    if (text.startsWith("(?i)")) {
      this.ignoresCase = true;
      this.at = 4;
    }
    this.choice(text.length);
    if (this.at < text.length) this.fail("a ) that closes nothing");
    this.emit(Op.MATCH, 0, 0);
  }

  get steps(): i32 { return this.ops.length; }

  op(step: i32): u8 { return unchecked(this.ops[step]); }

  a(step: i32): i32 { return unchecked(this.as[step]); }

  b(step: i32): i32 { return unchecked(this.bs[step]); }

  /** `goesOn`: the byte belongs to the character that began before it. */
  holds(step: i32, byte: u32, goesOn: bool): bool {
    const op = this.op(step);
    if (op == Op.MORE) return goesOn;
    if (op == Op.FIRST && goesOn) return false;
    return ((unchecked(this.sets[this.a(step) * SET_WORDS + (byte >> 6)]) >> (byte & 63)) & 1) != 0;
  }

  /** `a|b|c`, up to `end` or the ) that closes it. */
  private choice(end: i32): void {
    if (++this.depth > DEPTH_MAX) this.fail(`more than ${DEPTH_MAX} groups in one another`);
    const jumps: Array<i32> = [];
    for (;;) {
      const begin = this.at, split = this.steps;
      const close = this.branchEnd(begin, end);
      const hasMore = close < end && this.text.charCodeAt(close) == 0x7c;
      if (hasMore) this.emit(Op.SPLIT, split + 1, 0);
      while (this.at < close) this.repeated(close);
      if (!hasMore) break;
      jumps.push(this.emit(Op.JUMP, 0, 0));
      unchecked((this.bs[split] = <u16>this.steps));
      this.at = close + 1;
    }
    for (let i = 0; i < jumps.length; i++) unchecked((this.as[jumps[i]] = <u16>this.steps));
    this.depth--;
  }

  /** Where the | or the ) stands that ends what begins at `from`. */
  private branchEnd(from: i32, end: i32): i32 {
    let at = from;
    while (at < end) {
      const sign = this.text.charCodeAt(at);
      if (sign == 0x7c || sign == 0x29) return at;
      at = this.afterAtom(at, end);
    }
    return at;
  }

  /** An atom and how often it comes. */
  private repeated(end: i32): void {
    const begin = this.at, after = this.afterAtom(begin, end);
    let least = 1, most = 1;
    this.at = after;
    const sign = after < end ? this.text.charCodeAt(after) : 0;
    if (sign == 0x2a || sign == 0x2b || sign == 0x3f) {
      this.at++;
      least = sign == 0x2b ? 1 : 0;
      most = sign == 0x3f ? 1 : -1;
    } else if (sign == 0x7b) {
      this.at++;
      least = this.number();
      most = least;
      if (this.takes(0x2c)) most = this.peek() == 0x7d ? -1 : this.number();
      if (!this.takes(0x7d) || (most >= 0 && most < least)) this.fail("a {} that is not {2}, {2,} or {2,5}");
    }
    if (this.at < end) this.takes(0x3f); // "as few as there may be" matches the same texts
    if (this.at < end && isRepeat(this.peek())) this.fail("what comes several times several times; put it into ( )");
    const behind = this.at;
    for (let i = 0; i < least; i++) this.atomAt(begin, after);
    if (most < 0) {
      const split = this.emit(Op.SPLIT, <u16>(this.steps + 1), 0);
      this.atomAt(begin, after);
      this.emit(Op.JUMP, <u16>split, 0);
      unchecked((this.bs[split] = <u16>this.steps));
    } else {
      const splits: Array<i32> = [];
      for (let i = least; i < most; i++) {
        splits.push(this.emit(Op.SPLIT, <u16>(this.steps + 1), 0));
        this.atomAt(begin, after);
      }
      for (let i = 0; i < splits.length; i++) unchecked((this.bs[splits[i]] = <u16>this.steps));
    }
    this.at = behind;
  }

  private atomAt(begin: i32, end: i32): void {
    this.at = begin;
    const sign = this.text.charCodeAt(begin);
    if (sign == 0x28) {
      this.at += this.text.substr(begin + 1, 2) == "?:" ? 3 : 1;
      if (this.peek() == 0x3f) this.fail("a (? that is not (?:, or a (?i) that is not at the start");
      this.choice(end - 1);
      this.at = end;
    } else if (sign == 0x5b) this.bracket();
    else if (sign == 0x5c) this.escape();
    else if (sign == 0x2e) this.anyBut(newSet().add(0x0a));
    else if (sign == 0x5e) this.emit(Op.BEGIN, 0, 0);
    else if (sign == 0x24) this.emit(Op.END, 0, 0);
    else if (isRepeat(sign)) this.fail("a sign that repeats nothing");
    else this.literal(this.text.substring(begin, end));
    this.at = end;
  }

  /** Behind the atom that begins at `at`; what is in it is looked at later. */
  private afterAtom(at: i32, end: i32): i32 {
    const text = this.text, sign = text.charCodeAt(at);
    if (sign == 0x5c) return this.within(at + (at + 1 < end && text.charCodeAt(at + 1) == 0x78 ? 4 : 2), end);
    if (sign == 0x5b) return this.afterBracket(at, end);
    if (sign != 0x28) return this.within(at + (sign >= 0xd800 && sign < 0xdc00 ? 2 : 1), end);
    let open = 0;
    for (let i = at; i < end; ) {
      const one = text.charCodeAt(i);
      if (one == 0x28) open++;
      if (one == 0x29 && --open == 0) return i + 1;
      i = one == 0x5b ? this.afterBracket(i, end) : i + (one == 0x5c ? 2 : 1);
    }
    this.fail("a ( that nothing closes");
    return end;
  }

  private afterBracket(at: i32, end: i32): i32 {
    let i = at + 1;
    if (i < end && this.text.charCodeAt(i) == 0x5e) i++;
    if (i < end && this.text.charCodeAt(i) == 0x5d) i++;
    while (i < end && this.text.charCodeAt(i) != 0x5d) i += this.text.charCodeAt(i) == 0x5c ? 2 : 1;
    if (i >= end) this.fail("a [ that nothing closes");
    return i + 1;
  }

  private within(at: i32, end: i32): i32 {
    if (at > end) this.fail("a \\ or a character that is cut off");
    return at;
  }

  /** `[...]`: ASCII only, but [^...] also holds all characters beyond. */
  private bracket(): void {
    this.at++;
    const isNot = this.takes(0x5e);
    const set = newSet();
    let hasBeyond = false; // characters beyond ASCII
    for (let isFirst = true; isFirst || this.peek() != 0x5d; isFirst = false) {
      const named = this.peek() == 0x5c ? this.classAt(this.at + 1) : null;
      if (named !== null) {
        hasBeyond = hasBeyond || this.text.charCodeAt(this.at + 1) < 0x61;
        this.at += 2;
        set.addAll(named);
        continue;
      }
      const from = this.setByte();
      const isRange = this.peek() == 0x2d && this.at + 1 < this.text.length && this.text.charCodeAt(this.at + 1) != 0x5d;
      if (isRange) this.at++;
      const to = isRange ? this.setByte() : from;
      if (to < from) this.fail("a range that ends before it begins");
      for (let byte = from; byte <= to; byte++) set.add(byte);
    }
    if (this.ignoresCase) set.addOtherCase();
    // [^...] holds what is beyond ASCII, unless \D or its like is in it.
    if (isNot && hasBeyond) this.emitSet(set.inverse().onlyAscii());
    else if (isNot) this.anyBut(set);
    else if (hasBeyond) this.anyBut(set.inverse().onlyAscii());
    else this.emitSet(set);
  }

  private setByte(): u32 {
    if (this.peek() == 0x5c) {
      this.at++;
      const byte = this.escapedByte();
      if (byte > 0x7f) this.fail("a byte beyond ASCII in [ ]");
      return byte;
    }
    const sign = this.text.charCodeAt(this.at++);
    if (sign > 0x7f) this.fail("a character beyond ASCII in [ ]");
    return sign;
  }

  /** `\d`, `\.` and their like. */
  private escape(): void {
    const named = this.classAt(this.at + 1);
    if (named !== null) {
      const letter = this.text.charCodeAt(this.at + 1);
      if (letter < 0x61) return this.anyBut(this.classAt(this.at + 1, true) as ByteSet);
      return this.emitSet(named);
    }
    this.at++;
    const set = newSet().add(this.escapedByte());
    if (this.ignoresCase) set.addOtherCase();
    this.emitSet(set);
  }

  /** Of \n, \x41 and a sign. */
  private escapedByte(): u32 {
    const sign = this.text.charCodeAt(this.at++);
    if (sign == 0x6e) return 0x0a;
    if (sign == 0x72) return 0x0d;
    if (sign == 0x74) return 0x09;
    if (sign == 0x78) {
      const byte = <u32>hexOf(this.text.charCodeAt(this.at)) << 4 | <u32>hexOf(this.text.charCodeAt(this.at + 1));
      this.at += 2;
      if (byte > 0xff) this.fail("a \\x that is not \\x41");
      return byte;
    }
    if (sign > 0x7f || isLetterOrDigit(sign)) this.fail("a \\ before a letter or digit that means nothing here");
    return sign;
  }

  /**
   * What a letter behind a \, or its inverse, holds of ASCII; a capital one also holds all that is beyond.
   * Null: no such letter.
   */
  private classAt(at: i32, isInverse: bool = false): ByteSet | null {
    const letter = at < this.text.length ? this.text.charCodeAt(at) : 0;
    const small = letter | 0x20;
    if (small != 0x64 && small != 0x77 && small != 0x73) return null;
    const set = newSet();
    for (let byte: u32 = 0; byte < 0x80; byte++) {
      const isIn = small == 0x64 ? isDigit(byte) : small == 0x77 ? isLetterOrDigit(byte) || byte == 0x5f : isSpace(byte);
      if (isIn == (letter >= 0x61 || isInverse)) set.add(byte);
    }
    return set;
  }

  private literal(character: string): void {
    const size = String.UTF8.byteLength(character), bytes = String.UTF8.encode(character);
    for (let i = 0; i < size; i++) {
      const set = newSet().add(load<u8>(changetype<usize>(bytes) + i));
      if (this.ignoresCase) set.addOtherCase();
      this.emitSet(set);
    }
  }

  /**
   * One character that is not one of these bytes: its first byte, and those that go on with it in UTF-8. A
   * byte that goes on with nothing counts as a character, too: names of files may have any bytes.
   */
  private anyBut(set: ByteSet): void {
    this.emitSet(set.inverse(), Op.FIRST);
    const split = this.emit(Op.SPLIT, <u16>(this.steps + 1), 0);
    this.emit(Op.MORE, 0, 0);
    this.emit(Op.JUMP, <u16>split, 0);
    unchecked((this.bs[split] = <u16>this.steps));
  }

  private emitSet(set: ByteSet, op: u8 = Op.SET): void {
    const index = this.sets.length / SET_WORDS;
    for (let i = 0; i < SET_WORDS; i++) this.sets.push(unchecked(set.words[i]));
    this.emit(op, <u16>index, 0);
  }

  private emit(op: u8, a: i32, b: i32): i32 {
    if (this.steps >= STEPS_MAX) this.fail(`more than ${STEPS_MAX} steps; repeat less`);
    this.ops.push(op);
    this.as.push(<u16>a);
    this.bs.push(<u16>b);
    return this.steps - 1;
  }

  private number(): i32 {
    const begin = this.at;
    let value = 0;
    while (isDigit(this.peek()) && value <= REPEAT_MAX) value = value * 10 + <i32>(this.text.charCodeAt(this.at++) - 0x30);
    if (this.at == begin || value > REPEAT_MAX) this.fail(`a {} without a number up to ${REPEAT_MAX}`);
    return value;
  }

  private peek(): u32 { return this.at < this.text.length ? <u32>this.text.charCodeAt(this.at) : 0; }

  private takes(sign: u32): bool {
    if (this.peek() != sign) return false;
    this.at++;
    return true;
  }

  private fail(what: string): void {
    throw new Error(`"${this.text}" is not a regular expression: it has ${what}`);
  }
}

/** A set of bytes. */
class ByteSet {
  readonly words: StaticArray<u64> = new StaticArray<u64>(SET_WORDS);

  add(byte: u32): ByteSet {
    unchecked((this.words[byte >> 6] |= (<u64>1) << (<u64>byte & 63)));
    return this;
  }

  addAll(other: ByteSet): void {
    for (let i = 0; i < SET_WORDS; i++) unchecked((this.words[i] |= other.words[i]));
  }

  addOtherCase(): void {
    for (let byte: u32 = 0x41; byte <= 0x5a; byte++) {
      const isIn = this.has(byte) || this.has(byte | 0x20);
      if (isIn) this.add(byte).add(byte | 0x20);
    }
  }

  inverse(): ByteSet {
    const other = newSet();
    for (let i = 0; i < SET_WORDS; i++) unchecked((other.words[i] = ~this.words[i]));
    return other;
  }

  onlyAscii(): ByteSet {
    for (let i = SET_WORDS / 2; i < SET_WORDS; i++) unchecked((this.words[i] = 0));
    return this;
  }

  has(byte: u32): bool { return ((unchecked(this.words[byte >> 6]) >> (<u64>byte & 63)) & 1) != 0; }
}

function newSet(): ByteSet { return new ByteSet(); }

function isRepeat(sign: u32): bool { return sign == 0x2a || sign == 0x2b || sign == 0x3f || sign == 0x7b; }

function isLetterOrDigit(sign: u32): bool { return isDigit(sign) || isLetter(sign); }

function isSpace(sign: u32): bool { return sign == 0x20 || sign - 0x09 < 5; }

/** How many bytes of UTF-8 belong to the character that this byte begins, behind it. */
export function bytesBehind(byte: u32): i32 {
  if (byte < 0xc2 || byte > 0xf4) return 0;
  return byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
}
