// SPDX-License-Identifier: Apache-2.0
// One direction of a MySQL or MariaDB connection: its packets
// (https://mariadb.com/kb/en/0-packet/). Bytes come in pieces. The four bytes that a packet begins with must
// be seen; of what follows the begin is kept, up to a byte that nobody saw, and of a statement its first
// word. The rest is counted.
//
//   length 3   number 1   ...       one of 0xffffff bytes goes on in the next
import { at, seen, skip, total } from "../connection/cursor";
import { clear } from "../wire/memory";
import { isOver, leave, read, SQL, wordAt as textAt, wordSize as textSize } from "../connection/sql";

/** All bytes are consumed, and the packet goes on. */
export const MORE: u32 = 0;
/** The packet has ended. */
export const DONE: u32 = 1;
/** It goes on with bytes that nobody saw. */
export const UNSEEN: u32 = 2;

const LEFT: usize = 0; // u32: bytes of the body that are to come
const HEAD: usize = 4; // u8[4]
const HEAD_SIZE: usize = 8; // u8
const IS_PART: usize = 9; // u8: it has had 0xffffff bytes, and goes on
const KEPT_SIZE: usize = 10; // u8
const NUMBER: usize = 11; // u8: of the first part
const TEXT: usize = 12;
const KEPT: usize = TEXT + SQL;
/** Bytes of a body that are kept: an OK has its status in the first 21. */
const KEPT_MAX: u32 = 24;
/** What a reader takes, in bytes. All zeros: no packet is underway. */
export const PACKET: usize = (KEPT + <usize>KEPT_MAX + 7) & ~7;

/** A text of statements. */
export const QUERY: u32 = 0x03;
/** The text of one that is to be executed later. */
export const PREPARE: u32 = 0x16;

const PART: u32 = 0xffffff;
const HEAD_BYTES: u32 = 4;

/** Whether no packet is underway. */
// @ts-ignore: decorator
@inline export function isIdle(p: usize): bool { return load<u8>(p, HEAD_SIZE) == 0 && load<u8>(p, IS_PART) == 0; }

/** Bytes of the body, or of its last part. */
// @ts-ignore: decorator
@inline export function lengthOf(p: usize): u32 { return load<u32>(p, HEAD) & PART; }

/** Whether it has more than one part. */
// @ts-ignore: decorator
@inline export function isParted(p: usize): bool { return load<u8>(p, IS_PART) != 0; }

/** Which one it is since the request began; a request has 0. */
// @ts-ignore: decorator
@inline export function numberOf(p: usize): u32 { return load<u8>(p, NUMBER); }

/** Bytes of the body that are kept. */
// @ts-ignore: decorator
@inline export function keptSize(p: usize): u32 { return load<u8>(p, KEPT_SIZE); }

/** A byte of the body; it must be kept. */
// @ts-ignore: decorator
@inline export function byteAt(p: usize, i: u32): u32 { return load<u8>(p + KEPT + i); }

/** Two bytes of it, the lowest first. */
// @ts-ignore: decorator
@inline export function shortAt(p: usize, i: u32): u32 { return load<u16>(p + KEPT + i); }

/** Four bytes of it, the lowest first. */
// @ts-ignore: decorator
@inline export function wordAt(p: usize, i: u32): u32 { return load<u32>(p + KEPT + i); }

/** Where the first word of the statement is, in capital letters. */
export function verbAt(p: usize): usize {
  return textAt(p + TEXT);
}

/** 0: there is none, it was not seen, or it is on no list. */
export function verbSize(p: usize): u32 {
  return textSize(p + TEXT);
}

/** The packet that is underway is forgotten. */
export function reset(p: usize): void {
  clear(p, PACKET);
}

/** Consumes bytes up to the end of a packet, at most. `textFrom`: where a query's text begins in it, or 0. */
export function packet(p: usize, textFrom: u32): u32 {
  while (total > 0) {
    const got: u32 = load<u8>(p, HEAD_SIZE);
    if (got < HEAD_BYTES) {
      if (seen == 0) return UNSEEN;
      const more: u32 = got == 0 && seen >= HEAD_BYTES ? HEAD_BYTES : 1;
      if (more == 1) store<u8>(p + HEAD + got, load<u8>(at));
      else store<u32>(p + HEAD, load<u32>(at));
      store<u8>(p, <u8>(got + more), HEAD_SIZE);
      skip(more);
      if (got + more < HEAD_BYTES) continue;
      store<u32>(p, lengthOf(p), LEFT);
      if (!isParted(p)) store<u8>(p, load<u8>(p, HEAD + 3), NUMBER);
    } else body(p, textFrom);
    if (load<u8>(p, HEAD_SIZE) != HEAD_BYTES || load<u32>(p, LEFT) != 0) continue;
    if (lengthOf(p) != PART) return DONE;
    store<u8>(p, 1, IS_PART);
    store<u8>(p, 0, HEAD_SIZE);
  }
  return MORE;
}

/** Consumes bytes of the body. */
function body(p: usize, textFrom: u32): void {
  const left = load<u32>(p, LEFT), place = lengthOf(p) - left, there = min(left, seen), text = p + TEXT;
  if (!isParted(p)) {
    if (place < KEPT_MAX && place == keptSize(p)) {
      const end = min(place + there, KEPT_MAX);
      for (let i = place; i < end; i++) store<u8>(p + KEPT + i, load<u8>(at + i - place));
      store<u8>(p, <u8>end, KEPT_SIZE);
    }
    const from: u32 = textFrom == 0 ? 0 : textBegin(p, textFrom);
    const begin = max(place, from) - place; // in what is there
    if (from != 0 && begin < there) read(text, at + begin, there - begin, true);
    if (from != 0 && there < left && there < total) leave(text); // the next byte was not seen
  } else if (textFrom != 0 && textBegin(p, textFrom) != 0) leave(text);
  const more = <u32>min<u64>(left, total);
  skip(more);
  store<u32>(p, left - more, LEFT);
}

/** Where a statement begins in it; 0: there is none. */
function textBegin(p: usize, textFrom: u32): u32 {
  const command = keptSize(p) == 0 ? 0 : byteAt(p, 0);
  return command == QUERY ? textFrom : u32(command == PREPARE);
}
