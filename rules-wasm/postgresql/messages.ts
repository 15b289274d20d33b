// SPDX-License-Identifier: Apache-2.0
// One direction of a PostgreSQL connection: its messages (version 3 of the protocol,
// https://www.postgresql.org/docs/17/protocol-message-formats.html). Bytes come in pieces. The five bytes that
// a message begins with must be seen; of what follows only the begin is read, and the rest is counted. Kept
// are a statement's first word, a hash of a prepared statement's name, and an error's code.
import { at, seen, skip, total } from "../connection/cursor";
import { isOver, keep, leave, read, SQL, wordAt as textAt, wordSize as textSize } from "../connection/sql";
import { u32At } from "../network-order";
import { isLetter } from "../sign";
import { mix } from "../string-set";
import { clear } from "../wire/memory";

/** All bytes are consumed, and the message goes on. */
export const MORE: u32 = 0;
/** The message has ended. */
export const DONE: u32 = 1;
/** It goes on with bytes that nobody saw. */
export const UNSEEN: u32 = 2;
/** This is none. */
export const WRONG: u32 = 3;

const LEFT: usize = 0; // u64: bytes of the body that are to come
const HASH: usize = 8; // u64: of a prepared statement's name
const HEAD: usize = 16; // u8[8]
const HEAD_SIZE: usize = 24; // u8: bytes of the head that are there
const STEP: usize = 25; // u8: where in the body
const TEXT: usize = 26; // of a statement the first word, or an error's code
/** What a parser takes, in bytes. All zeros: no message is underway. */
export const PARSER: usize = (TEXT + SQL + 7) & ~7;

/** Steps of a body. */
const NAME: u32 = 1; // a text that ends with 0 and is hashed
const SKIPPED: u32 = 2; // likewise, not looked at
const STATEMENT: u32 = 3; // up to its first word's end
const FIELD: u32 = 4; // what an error's next field is
const FIELD_TEXT: u32 = 5;
const CODE: u32 = 6;
const OVER: u32 = 7; // nothing more is read

/** No message is longer. */
const LENGTH_MAX: u32 = 1 << 30;
const STARTUP_MAX: u32 = 10_000;

/** A statement, or several. */
export const QUERY: u32 = 0x51; // Q
/** A statement gets a name. */
export const PARSE: u32 = 0x50; // P
/** Values for a named statement. */
export const BIND: u32 = 0x42; // B
/** What was bound is executed. */
export const EXECUTE: u32 = 0x45; // E
/** The end of a request. */
export const SYNC: u32 = 0x53; // S
/** A function is called, in the old way. */
export const CALL: u32 = 0x46; // F
/** What a client sends that belongs to a request. */
const OF_UNIT = "QPBEDCSFH";
/** Those of them that no server says. */
const BEGINS = "QPBF";
/** What begins with three more letters is a text, and no message with its length. */
const PLAUSIBLE_MAX: u32 = 1 << 24;

/** A statement is complete. */
export const COMPLETE: u32 = 0x43; // C
/** A statement, or a session, has failed. */
export const ERROR: u32 = 0x45; // E
/** The end of an answer. */
export const READY: u32 = 0x5a; // Z
/** The server waits for rows. */
export const COPY_IN: u32 = 0x47; // G
/** Replication begins. */
export const COPY_BOTH: u32 = 0x57; // W
/** All that a server says, what it says most first. */
const OF_SERVER = "DCTZ12nEtsSKNR3AGHIVWcdv";
/** They may come without a request: notice, notification, parameter, error. */
const UNASKED = "NASE";

/** The protocol's version, above its minor one. */
export const VERSION_3: u32 = 0x0003;
/** The client asks for TLS. */
export const SSL_REQUEST: u32 = 80877103;
/** The client asks for GSS's encryption. */
export const GSS_REQUEST: u32 = 80877104;

/** Whether no message is underway. */
// @ts-ignore: decorator
@inline export function isIdle(p: usize): bool { return load<u8>(p, HEAD_SIZE) == 0; }

/** What the message is; 0: nobody knows yet. */
// @ts-ignore: decorator
@inline export function tagOf(p: usize): u32 { return load<u8>(p, HEAD); }

/** The code of a connection's first message. */
export function startupCode(p: usize): u32 {
  return u32At(p + HEAD + 4);
}

/** Where the first word of a statement, or an error's code, is: in capital letters. */
export function wordAt(p: usize): usize {
  return textAt(p + TEXT);
}

/** 0: there is none, it was not seen, or it is on no list. */
export function wordSize(p: usize): u32 {
  return textSize(p + TEXT);
}

/** Of the name of a prepared statement that a message makes or binds; 0: it was not seen. */
export function statementOf(p: usize): u64 {
  return load<u64>(p, HASH);
}

/** Whether bytes begin with a message that belongs to a request. */
export function isOfUnit(from: usize, size: u32): bool {
  return size > 0 && isOneOf(load<u8>(from), OF_UNIT);
}

/** Whether bytes begin as a request does: what it is, and a length that can be. */
export function isRequest(from: usize, size: u32): bool {
  return size >= 5 && isOneOf(load<u8>(from), BEGINS) && u32At(from + 1) - 4 < PLAUSIBLE_MAX;
}

/** Whether bytes begin with the end of a request. */
export function isSync(from: usize, size: u32): bool {
  return size > 0 && load<u8>(from) == SYNC;
}

/** Whether bytes begin with what a server may say without being asked. */
export function isUnasked(from: usize, size: u32): bool {
  return size > 0 && isOneOf(load<u8>(from), UNASKED);
}

/** The message that is underway is forgotten. */
export function reset(p: usize): void {
  clear(p, PARSER);
}

/** Consumes a connection's first message, or a part of it. */
export function startup(p: usize): u32 {
  return consume(p, 8, false);
}

/** Consumes bytes up to the end of a message, at most. */
export function message(p: usize, isFromClient: bool): u32 {
  return consume(p, 5, isFromClient);
}

function consume(p: usize, headSize: u32, isFromClient: bool): u32 {
  while (total > 0) {
    const size: u32 = load<u8>(p, HEAD_SIZE);
    if (size < headSize) {
      if (seen == 0) return UNSEEN;
      const isWhole = size == 0 && seen >= headSize, more = isWhole ? headSize : 1;
      for (let i: u32 = 0; i < more; i++) store<u8>(p + HEAD + size + i, load<u8>(at + i));
      store<u8>(p, <u8>(size + more), HEAD_SIZE);
      skip(more);
      if (size + more < headSize) continue;
      if (!(headSize == 8 ? beginStartup(p) : beginBody(p, isFromClient))) return WRONG;
    } else {
      const left = load<u64>(p, LEFT), there = <u32>min<u64>(left, seen), more = min(left, total);
      for (let i: u32 = 0; i < there && load<u8>(p, STEP) < OVER; )
        i += load<u8>(p, STEP) == STATEMENT ? takeText(p, at + i, there - i) : take(p, load<u8>(at + i));
      if (load<u8>(p, STEP) < OVER && there < more) stopReading(p);
      skip(more);
      store<u64>(p, left - more, LEFT);
    }
    if (load<u8>(p, HEAD_SIZE) == headSize && load<u64>(p, LEFT) == 0) return DONE;
  }
  return MORE;
}

function beginStartup(p: usize): bool {
  const length = u32At(p + HEAD);
  if (length < 8 || length > STARTUP_MAX) return false;
  store<u64>(p, length - 8, LEFT);
  store<u8>(p, <u8>OVER, STEP);
  return true;
}

function beginBody(p: usize, isFromClient: bool): bool {
  const length = u32At(p + HEAD + 1), tag = tagOf(p);
  if (length - 4 >= LENGTH_MAX || !(isFromClient ? isLetter(tag) : isOneOf(tag, OF_SERVER))) return false;
  store<u64>(p, length - 4, LEFT);
  let first = OVER;
  if (isFromClient) {
    if (tag == QUERY) first = STATEMENT;
    else if (tag == PARSE) first = NAME;
    else if (tag == BIND) first = SKIPPED;
    if (first == NAME || first == SKIPPED) store<u64>(p, 1, HASH);
  } else if (tag == COMPLETE) first = STATEMENT;
  else if (tag == ERROR) first = FIELD;
  store<u8>(p, <u8>first, STEP);
  return true;
}

/** The rest of what would be read was not seen. */
function stopReading(p: usize): void {
  leave(p + TEXT);
  if (load<u8>(p, STEP) <= SKIPPED) store<u64>(p, 0, HASH);
  store<u8>(p, <u8>OVER, STEP);
}

/** Takes of a statement what is needed. Gives how many bytes. */
function takeText(p: usize, from: usize, size: u32): u32 {
  const taken = read(p + TEXT, from, size, false);
  if (isOver(p + TEXT)) store<u8>(p, <u8>OVER, STEP);
  return taken;
}

/** Takes one byte. */
function take(p: usize, byte: u32): u32 {
  const now: u32 = load<u8>(p, STEP);
  let next = now;
  switch (now) {
    case NAME:
      if (byte != 0) store<u64>(p, mix(load<u64>(p, HASH), byte), HASH);
      else next = tagOf(p) == PARSE ? STATEMENT : OVER;
      break;
    case SKIPPED:
      if (byte == 0) next = NAME;
      break;
    case FIELD:
      next = byte == 0 ? OVER : byte == 0x43 ? CODE : FIELD_TEXT;
      break;
    case FIELD_TEXT:
      if (byte == 0) next = FIELD;
      break;
    default: // CODE
      if (byte == 0) next = OVER;
      else keep(p + TEXT, byte);
  }
  store<u8>(p, <u8>next, STEP);
  return 1;
}

function isOneOf(byte: u32, letters: string): bool {
  for (let i = 0, n = letters.length; i < n; i++) if (<u32>letters.charCodeAt(i) == byte) return true;
  return false;
}
