// SPDX-License-Identifier: Apache-2.0
// The body of an HTTP/1 message (RFC 9112): where it ends. Its bytes are counted, and none is kept. Of
// chunks the lines with their sizes must be seen.
import { at, seen, skip, total } from "../connection/cursor";
import { hexOf } from "../sign";

/** The body goes on. */
export const MORE: u32 = 0;
/** The body has ended. */
export const DONE: u32 = 1;
/** A chunk's size was not seen. */
export const UNSEEN: u32 = 2;

const WANT: usize = 0; // u64: bytes of the body, or of the chunk, that are to come; the size that is being read
const STATE: usize = 8; // u8: where in a chunk
/** What is known of a body underway, in bytes. */
export const BODY_STATE: usize = 16;

/** Where in a chunk. */
const SIZE: u32 = 0;
const EXTENSION: u32 = 1;
const DATA: u32 = 2;
const AFTER_DATA: u32 = 3;
const TRAILER: u32 = 4;
const TRAILER_LINE: u32 = 5;

const LF: u32 = 0x0a;
const CR: u32 = 0x0d;

/** A body of so many bytes begins. */
export function beginLength(b: usize, length: u64): void {
  store<u64>(b, length, WANT);
}

/** A body in chunks begins. */
export function beginChunks(b: usize): void {
  store<u64>(b, 0, WANT);
  store<u8>(b, <u8>SIZE, STATE);
}

/** Consumes bytes of a body with a length. Whether it has come to its end. */
export function skipLength(b: usize): bool {
  const want = load<u64>(b, WANT), more = min(want, total);
  skip(more);
  store<u64>(b, want - more, WANT);
  return more == want;
}

/** Consumes bytes of a body in chunks, up to its end at most. */
export function skipChunks(b: usize): u32 {
  let state: u32 = load<u8>(b, STATE), want = load<u64>(b, WANT);
  while (total > 0) {
    if (state == DATA) {
      const more = min(want, total);
      skip(more);
      want -= more;
      if (want != 0) continue;
      const isUnseen = seen == 0 && total >= 2;
      if (isUnseen) skip(2); // nothing but the line's end can stand there
      state = isUnseen ? SIZE : AFTER_DATA;
      continue;
    }
    if (seen == 0 || want >> 48 != 0) {
      skip(total);
      return UNSEEN;
    }
    const byte: u32 = load<u8>(at), isEnd = byte == LF;
    skip(1);
    switch (state) {
      case SIZE:
      case EXTENSION: {
        const digit = hexOf(byte);
        if (isEnd) state = want == 0 ? TRAILER : DATA;
        else if (state == SIZE && digit < 16) want = (want << 4) | digit;
        else state = EXTENSION;
        break;
      }
      case AFTER_DATA:
        if (isEnd) state = SIZE;
        break;
      case TRAILER:
        if (isEnd) return DONE;
        if (byte != CR) state = TRAILER_LINE;
        break;
      default:
        if (isEnd) state = TRAILER;
    }
  }
  store<u8>(b, <u8>state, STATE);
  store<u64>(b, want, WANT);
  return MORE;
}
