// SPDX-License-Identifier: Apache-2.0
// One direction of DNS on TCP (RFC 1035, 4.2.2): before each message stand two bytes with its length. Bytes
// come in pieces. Of a message as much is kept as is looked at; the rest may be unseen, its length may not.
import { at, seen, skip, total } from "../connection/cursor";
import { u16At } from "../network-order";
import { LOOKED_AT } from "./message";

/** All bytes are consumed, and the message goes on. */
export const MORE: u32 = 0;
/** The message has ended: messageAt, keptSize, wholeSize. */
export const DONE: u32 = 1;
/** Where the next message begins was not seen. */
export const UNSEEN: u32 = 2;

const PREFIX: u32 = 2;
const KEPT_MAX: u32 = PREFIX + LOOKED_AT;

/** Bytes from the direction's begin. All zeros: no message is underway. */
const MOVED: usize = 0; // u32: of the message underway, with its length
const KEPT_SIZE: usize = 4; // u32
const BEGUN: usize = 8; // u64: when the message began
const KEPT: usize = 16;
/** What a direction takes, in bytes. */
export const DIRECTION: usize = (KEPT + KEPT_MAX + 7) & ~7;

/** Of the message that is underway or has ended. */
// @ts-ignore: decorator
@inline export function messageAt(d: usize): usize { return d + KEPT + PREFIX; }
// @ts-ignore: decorator
@inline export function keptSize(d: usize): u32 { return max(load<u32>(d, KEPT_SIZE), PREFIX) - PREFIX; }
// @ts-ignore: decorator
@inline export function wholeSize(d: usize): u32 { return u16At(d + KEPT); }
// @ts-ignore: decorator
@inline export function begunAt(d: usize): u64 { return load<u64>(d, BEGUN); }

/** The message that is underway is forgotten. */
export function reset(d: usize): void {
  store<u32>(d, 0, MOVED);
  store<u32>(d, 0, KEPT_SIZE);
}

/** Consumes bytes up to the end of a message, at most. `now`: when they were moved. */
export function message(d: usize, now: u64): u32 {
  while (total > 0) {
    const moved = load<u32>(d, MOVED), kept = load<u32>(d, KEPT_SIZE);
    if (moved == 0) store<u64>(d, now, BEGUN);
    if (moved < PREFIX && <u64>seen < min<u64>(PREFIX - moved, total)) return UNSEEN;
    const left = moved < PREFIX ? PREFIX - moved : PREFIX + wholeSize(d) - moved;
    const more = <u32>min<u64>(left, total), room = moved == kept ? min(min(more, seen), KEPT_MAX - kept) : 0;
    memory.copy(d + KEPT + kept, at, room);
    store<u32>(d, kept + room, KEPT_SIZE);
    store<u32>(d, moved + more, MOVED);
    skip(more);
    if (moved + more >= PREFIX && moved + more == PREFIX + wholeSize(d)) return DONE;
  }
  return MORE;
}
