// SPDX-License-Identifier: Apache-2.0
// One direction of a Redis connection: where a message of RESP2 or RESP3 ends, and its first word
// (https://redis.io/docs/latest/develop/reference/protocol-spec/). Bytes come in pieces. What a length covers
// may be unseen, anything else may not. Of what is seen a command's name and an error's first word are kept;
// nothing else is.
import { at, seen, skip, total } from "../connection/cursor";
import { capital, isDigit, isLetter } from "../sign";
import { byteAt, clear } from "../wire/memory";

/** All bytes are consumed, and the message goes on. */
export const MORE: u32 = 0;
/** The message has ended. */
export const DONE: u32 = 1;
/** It goes on with bytes that nobody saw. */
export const UNSEEN: u32 = 2;
/** This is no RESP. */
export const WRONG: u32 = 3;

/** Where in the message, bytes from the parser's begin. */
const LEFT: usize = 0; // u64: elements that are to come, 0: none is underway
const WANT: usize = 8; // u64: bytes of a bulk, with its line's end, that are to come
const NUMBER: usize = 16; // u64: of a line's digits
const ARGUMENT: usize = 24; // u32: of a request, which element this is
const PHASE: usize = 28; // u8
const KIND: usize = 29; // u8: what the element is
const TOP: usize = 30; // u8: what the message is
const IS_NULL: usize = 31; // u8: its length is negative
const WORD_SIZE: usize = 32; // u8, or one of the two below
const WORD: usize = 33;
const WORD_MAX: u32 = 23;
/** What a parser takes, in bytes. All zeros: no message is underway. */
export const PARSER: usize = 56;

/** What comes next. */
const TYPE: u32 = 0;
const DIGITS: u32 = 1;
const LINE: u32 = 2;
const FIRST_WORD: u32 = 3;
const BULK: u32 = 4;

/** There is no room for the word; and some of it was not seen. */
const TOO_LONG: u32 = 0xff;
const UNREAD: u32 = 0xfe;
/** No message has more elements, and no bulk more bytes. */
const MOST: u64 = 1 << 40;
const LF: u32 = 0x0a;
const CR: u32 = 0x0d;
const BLANK: u32 = 0x20;
const CLIENT_SIZE: u32 = 6;
/** A digit and the end of its line. */
const SHORT: u32 = 3;

/** For a command in capital letters. */
const capitals: usize = memory.data(24);

const ARRAY: u32 = 0x2a; // *
const STRING: u32 = 0x24; // $
const ERROR: u32 = 0x2d; // -
const BULK_ERROR: u32 = 0x21; // !
const MAP: u32 = 0x25; // %
const ATTRIBUTE: u32 = 0x7c; // |
const PUSH: u32 = 0x3e; // >

/** Whether no message is underway. */
// @ts-ignore: decorator
@inline export function isIdle(p: usize): bool { return load<u64>(p, LEFT) == 0; }

/** Whether the message that has ended answers no request. */
export function isPush(p: usize): bool {
  return load<u8>(p, TOP) == PUSH;
}

/** Whether the reply that has ended is an error as a whole. */
export function isError(p: usize): bool {
  const top: u32 = load<u8>(p, TOP);
  return top == ERROR || top == BULK_ERROR;
}

/** Where the first word of the message is: in capital letters, if it is a command's. */
export function wordAt(p: usize): usize {
  return p + WORD;
}

/** 0: it has none, or one that is on no list. */
export function wordSize(p: usize): u32 {
  const size: u32 = load<u8>(p, WORD_SIZE);
  return size >= UNREAD ? 0 : size;
}

/** Whether the first word of the request that is underway is known to its end; of CLIENT, the second, too. */
export function isNamed(p: usize): bool {
  const size: u32 = load<u8>(p, WORD_SIZE), next: u32 = load<u8>(p, PHASE);
  if (size == UNREAD || next == FIRST_WORD) return false;
  return isIdle(p) || (size != 0 && !(next == BULK && isNaming(p)) && !(size == CLIENT_SIZE && isClient(p)));
}

/** Whether the request that has ended asks for nothing: an empty line, `*0`. */
export function isEmpty(p: usize): bool {
  const top: u32 = load<u8>(p, TOP);
  return top == LF || (top == ARRAY && load<u32>(p, ARGUMENT) == 0);
}

/** Whether what this request asks CLIENT for is not known: it is a line by hand. */
export function isClientByHand(p: usize): bool {
  return load<u8>(p, TOP) != ARRAY && isClient(p);
}

/** Where the command is of the request that isRequest was asked about last. */
export let nameAt: usize = 0;
/** Its bytes. */
export let nameBytes: u32 = 0;

/** Whether bytes begin as a request of a client does, with all of its command: `*2 $3 GET`. */
export function isRequest(from: usize, size: u32): bool {
  if (!isArray(from, size)) return false;
  const end = from + size, first = lineEnd(from + 1, end);
  if (first == 0 || first + 1 >= end || load<u8>(first) != STRING) return false;
  const second = lineEnd(first + 1, end);
  if (second == 0) return false;
  nameAt = second;
  nameBytes = 0;
  while (second + nameBytes < end && load<u8>(second + nameBytes) != CR) nameBytes++;
  if (second + nameBytes >= end || nameBytes > WORD_MAX) return false;
  for (let i: u32 = 0; i < nameBytes; i++) store<u8>(capitals + i, <u8>capital(load<u8>(second + i)));
  nameAt = capitals;
  return true;
}

/** Behind a number and the end of its line; 0: there is none, or it is not all there. */
function lineEnd(from: usize, end: usize): usize {
  let at = from;
  while (at < end && isDigit(load<u8>(at))) at++;
  return at > from && at + 1 < end && load<u8>(at) == CR && load<u8>(at + 1) == LF ? at + 2 : 0;
}

/** Whether the message that is underway, or has ended, answers a request. */
export function isAnswer(p: usize): bool {
  const top: u32 = load<u8>(p, TOP);
  return top != 0 && top != PUSH;
}

/** Whether bytes begin as an array does, and so as the first request of a connection. */
export function isArray(from: usize, size: u32): bool {
  return size > 0 && load<u8>(from) == ARRAY;
}

/** Whether bytes begin as what a server says without being asked. */
export function isUnasked(from: usize, size: u32): bool {
  return size > 0 && load<u8>(from) == PUSH;
}

/** The message that is underway is forgotten. */
export function reset(p: usize): void {
  clear(p, PARSER);
}

/** Consumes bytes up to the end of a message, at most. */
export function message(p: usize, isFromClient: bool): u32 {
  if (isIdle(p)) {
    reset(p);
    store<u64>(p, 1, LEFT);
  }
  while (total > 0) {
    if (load<u8>(p, PHASE) == BULK) {
      bulk(p, isFromClient);
    } else {
      if (seen == 0) return UNSEEN;
      if (load<u8>(p, PHASE) == LINE) {
        skip(byteAt(at, at + seen, LF) - at);
        if (seen == 0) continue;
      }
      const byte: u32 = load<u8>(at), isShort = seen > SHORT && load<u8>(p, PHASE) == TYPE && isDigitLine(at + 1);
      skip(1);
      if (!step(p, byte, isFromClient)) return WRONG;
      if (isShort && load<u8>(p, PHASE) == DIGITS) { // most lengths have one digit
        store<u64>(p, load<u8>(at) - 0x30, NUMBER);
        skip(SHORT);
        if (!lengthIs(p, isFromClient)) return WRONG;
      }
    }
    if (isIdle(p)) return DONE;
  }
  return MORE;
}

/** Whether a digit and the end of its line are there. */
// @ts-ignore: decorator
@inline function isDigitLine(at: usize): bool { return isDigit(load<u8>(at)) && load<u16>(at, 1) == 0x0a0d; }

/** Consumes bytes of a bulk. */
function bulk(p: usize, isFromClient: bool): void {
  const want = load<u64>(p, WANT), more = min(want, total);
  if (isFromClient && want > 2 && isNaming(p)) {
    const there = min<u64>(want - 2, seen);
    for (let i: u64 = 0; i < there; i++) keep(p, load<u8>(at + <usize>i));
    if (there < min(want - 2, total)) store<u8>(p, <u8>UNREAD, WORD_SIZE);
  }
  skip(more);
  store<u64>(p, want - more, WANT);
  if (more < want) return;
  endElement(p);
}

/** The name of a command is its first element; what CLIENT is asked for decides whether there are answers. */
function isNaming(p: usize): bool {
  const argument = load<u32>(p, ARGUMENT);
  return argument == 1 || (argument == 2 && isClient(p));
}

function isClient(p: usize): bool {
  const size: u32 = load<u8>(p, WORD_SIZE);
  if (size < CLIENT_SIZE || load<u32>(p, WORD) != 0x45494c43 || load<u16>(p, WORD + 4) != 0x544e) return false;
  return size == CLIENT_SIZE || load<u8>(p, WORD + CLIENT_SIZE) == BLANK;
}

/** False: this is no RESP. */
function step(p: usize, byte: u32, isFromClient: bool): bool {
  const next: u32 = load<u8>(p, PHASE);
  switch (next) {
    case TYPE:
      return beginElement(p, byte, isFromClient);
    case DIGITS:
      if (byte == LF) return lengthIs(p, isFromClient);
      if (byte == ERROR) store<u8>(p, 1, IS_NULL);
      else if (isDigit(byte)) store<u64>(p, load<u64>(p, NUMBER) * 10 + byte - 0x30, NUMBER);
      else if (byte != CR) return false;
      return load<u64>(p, NUMBER) < MOST;
    case FIRST_WORD:
      if (byte == BLANK) store<u8>(p, <u8>LINE, PHASE);
      else if (byte != LF && byte != CR && load<u64>(p, LEFT) == 1) keep(p, byte);
      if (byte == LF) endElement(p);
      return true;
    default:
      if (byte == LF) endElement(p);
      return true;
  }
}

function beginElement(p: usize, byte: u32, isFromClient: bool): bool {
  const top: u32 = load<u8>(p, TOP), isTop = top == 0 || (top == ATTRIBUTE && load<u64>(p, LEFT) == 1);
  if (isTop) store<u8>(p, <u8>byte, TOP);
  store<u8>(p, <u8>byte, KIND);
  store<u64>(p, 0, NUMBER);
  store<u8>(p, 0, IS_NULL);
  if (isFromClient) {
    if (!isTop) store<u32>(p, load<u32>(p, ARGUMENT) + 1, ARGUMENT);
    if (byte == (isTop ? ARRAY : STRING)) return phase(p, DIGITS);
    if (!isTop) return false;
    if (byte == LF) endElement(p); // an empty line
    else if (byte == CR) store<u8>(p, 0, TOP);
    else if (isLetter(byte)) {
      keep(p, byte);
      phase(p, FIRST_WORD);
    } else return false;
    return true;
  }
  switch (byte) {
    case 0x2b: // +
    case 0x3a: // :
    case 0x5f: // _
    case 0x23: // #
    case 0x2c: // ,
    case 0x28: // (
      return phase(p, LINE);
    case ERROR:
      return phase(p, FIRST_WORD);
    case STRING:
    case BULK_ERROR:
    case 0x3d: // =
    case ARRAY:
    case MAP:
    case 0x7e: // ~
    case ATTRIBUTE:
    case PUSH:
      return phase(p, DIGITS);
    default:
      return false;
  }
}

/** The line with a length has ended. */
function lengthIs(p: usize, isFromClient: bool): bool {
  const kind: u32 = load<u8>(p, KIND), number = load<u64>(p, NUMBER), left = load<u64>(p, LEFT);
  const isNull = load<u8>(p, IS_NULL) != 0;
  phase(p, TYPE);
  if (isNull || (number == 0 && kind != STRING && kind != BULK_ERROR && kind != 0x3d)) {
    if (kind != ATTRIBUTE) endElement(p);
    return true;
  }
  switch (kind) {
    case STRING:
    case BULK_ERROR:
    case 0x3d:
      if (isFromClient && load<u32>(p, ARGUMENT) == 2 && isClient(p)) keep(p, BLANK);
      store<u64>(p, number + 2, WANT);
      return phase(p, BULK);
    case MAP:
      store<u64>(p, left + 2 * number - 1, LEFT);
      break;
    case ATTRIBUTE:
      store<u64>(p, left + 2 * number, LEFT);
      break;
    default:
      store<u64>(p, left + number - 1, LEFT);
      if (isFromClient) store<u32>(p, 0, ARGUMENT);
  }
  return load<u64>(p, LEFT) < MOST;
}

function endElement(p: usize): void {
  phase(p, TYPE);
  store<u64>(p, load<u64>(p, LEFT) - 1, LEFT);
}

function phase(p: usize, next: u32): bool {
  store<u8>(p, <u8>next, PHASE);
  return true;
}

/** One more byte of the first word. */
function keep(p: usize, byte: u32): void {
  const size: u32 = load<u8>(p, WORD_SIZE);
  if (size >= UNREAD) return;
  if (size >= WORD_MAX) return store<u8>(p, <u8>TOO_LONG, WORD_SIZE);
  store<u8>(p + WORD + size, <u8>capital(byte));
  store<u8>(p, <u8>(size + 1), WORD_SIZE);
}
