// SPDX-License-Identifier: Apache-2.0
// The first word of a statement, from bytes that come in pieces. Blanks, brackets and comments stand before
// it; PostgreSQL has comments in comments. MySQL has comments that begin with #, and executes what is in
// /*!40101 ... */ and /*M! ... */.
import { capital, isDigit, isLetter } from "../sign";

/** Bytes from the reader's begin. All zeros: the statement is about to begin. */
const STEP: usize = 0; // u8
const DEPTH: usize = 1; // u8: of comments
const SIZE: usize = 2; // u8: TOO_LONG: more than there is room for
const WORD: usize = 3;
const WORD_MAX: u32 = 20;
/** What a reader takes, in bytes. */
export const SQL: usize = 24;

const TOO_LONG: u32 = 0xff;

/** Steps. */
const SPACE: u32 = 0; // before the word
const DASH: u32 = 1; // a dash, perhaps of a comment
const LINE: u32 = 2; // a comment to the line's end
const SLASH: u32 = 3; // a slash, perhaps of a comment
const BEGUN: u32 = 4; // behind a comment's star
const COMMENT: u32 = 5;
const STAR: u32 = 6; // a star in a comment
const INNER: u32 = 7; // a slash in a comment
const MARIA: u32 = 8; // an M behind a comment's star
const VERSION: u32 = 9; // of a comment that is executed
const WORDS: u32 = 10;
const OVER: u32 = 11;

/** The word in capital letters. */
export function wordAt(w: usize): usize {
  return w + WORD;
}

/** 0: there is none, it was not seen, or it is on no list. */
export function wordSize(w: usize): u32 {
  const size: u32 = load<u8>(w, SIZE);
  return size == TOO_LONG ? 0 : size;
}

/** Whether nothing more is looked at. */
// @ts-ignore: decorator
@inline export function isOver(w: usize): bool { return load<u8>(w, STEP) == <u8>OVER; }

/** The rest of what would be read was not seen. */
export function leave(w: usize): void {
  if (isOver(w)) return;
  store<u8>(w, 0, SIZE);
  store<u8>(w, <u8>OVER, STEP);
}

/** One more byte of the word, a letter as a capital one. */
export function keep(w: usize, byte: u32): void {
  const size: u32 = load<u8>(w, SIZE);
  if (size == TOO_LONG) return;
  if (size >= WORD_MAX) return store<u8>(w, <u8>TOO_LONG, SIZE);
  store<u8>(w + WORD + size, <u8>capital(byte));
  store<u8>(w, <u8>(size + 1), SIZE);
}

/** More of the statement, up to where nothing more is looked at. Gives how many bytes. */
export function read(w: usize, from: usize, size: u32, isMySql: bool): u32 {
  let i: u32 = 0;
  for (; i < size && !isOver(w); i++) {
    while (i < size && load<u8>(w, STEP) == WORDS && isOfWord(load<u8>(from + i))) keep(w, load<u8>(from + i++));
    if (i < size) step(w, load<u8>(from + i), isMySql);
  }
  return min(i, size);
}

// @ts-ignore: decorator
@inline function isOfWord(byte: u32): bool { return isLetter(byte) || byte == 0x5f; }

/** One more byte of the statement. `isMySql`: else it is PostgreSQL's. */
function step(w: usize, byte: u32, isMySql: bool): void {
  const now: u32 = load<u8>(w, STEP);
  let next = now;
  switch (now) {
    case SPACE:
      if (isLetter(byte)) {
        next = WORDS;
        keep(w, byte);
      } else if (byte == 0x2d) next = DASH;
      else if (byte == 0x2f) next = SLASH;
      else if (byte == 0x23 && isMySql) next = LINE;
      else if (byte != 0x28 && byte != 0x20 && byte - 9 > 4) next = OVER; // ( blank, tab to carriage return
      break;
    case DASH:
      next = byte == 0x2d ? LINE : OVER;
      break;
    case LINE:
      if (byte == 0x0a || byte == 0x0d) next = SPACE;
      break;
    case SLASH:
      if (byte == 0x2a) store<u8>(w, 1, DEPTH);
      next = byte == 0x2a ? BEGUN : OVER;
      break;
    case BEGUN:
      if (isMySql && byte == 0x21) next = VERSION;
      else if (isMySql && byte == 0x4d) next = MARIA;
      else next = commented(w, COMMENT, byte, isMySql);
      break;
    case MARIA:
      next = byte == 0x21 ? VERSION : commented(w, COMMENT, byte, isMySql);
      break;
    case VERSION:
      if (!isDigit(byte)) {
        store<u8>(w, <u8>SPACE, STEP);
        return step(w, byte, isMySql);
      }
      break;
    case COMMENT:
    case STAR:
    case INNER:
      next = commented(w, now, byte, isMySql);
      break;
    case WORDS:
      if (isOfWord(byte)) keep(w, byte);
      else next = OVER;
  }
  store<u8>(w, <u8>next, STEP);
}

/** One more byte of a comment; gives the next step. */
function commented(w: usize, now: u32, byte: u32, isMySql: bool): u32 {
  const depth: u32 = load<u8>(w, DEPTH);
  if (now == STAR && byte == 0x2f) {
    store<u8>(w, <u8>(depth - 1), DEPTH);
    return depth == 1 ? SPACE : COMMENT;
  }
  if (now == INNER && byte == 0x2a) {
    if (depth < 200) store<u8>(w, <u8>(depth + 1), DEPTH);
    return COMMENT;
  }
  if (byte == 0x2a) return STAR;
  return byte == 0x2f && !isMySql ? INNER : COMMENT;
}
