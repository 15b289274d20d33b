// SPDX-License-Identifier: Apache-2.0
// One direction of a protocol whose messages begin with their length in four bytes. Bytes come in pieces. The
// length must be seen; of a message its begin is kept, up to a byte that nobody saw, and the rest is counted.
import { at, seen, skip, total } from "./cursor";

/** All bytes are consumed, and the message goes on. */
export const MORE: u32 = 0;
/** The message has ended. */
export const DONE: u32 = 1;
/** Its length was not seen. */
export const UNSEEN: u32 = 2;
/** No message has such a length. */
export const WRONG: u32 = 3;

const LENGTH: u32 = 4;
/** Bytes of a message that are kept, its length among them. */
const KEPT_MAX: u32 = 320;

/** Bytes from the direction's begin. All zeros: no message is underway. */
const MOVED: usize = 0; // u32: of the message underway
const KEPT_SIZE: usize = 4; // u32
const KEPT: usize = 8;
/** What a direction takes, in bytes. */
export const SIZED: usize = KEPT + <usize>KEPT_MAX;

/** How lengths are written. */
export class Lengths {
  /**
   * `isBig`: the highest byte first. `own`: bytes of the length that it does not count. A message has `least`
   * bytes to `most`, all of its own among them.
   */
  constructor(
    private readonly isBig: bool,
    private readonly own: u32,
    private readonly least: u32,
    private readonly most: u32,
  ) {}

  /** Bytes of a message that begins there; 0: it is none. */
  of(at: usize): u32 {
    const written = load<u32>(at), length = this.isBig ? bswap<u32>(written) : written;
    return length < this.least - this.own || length > this.most - this.own ? 0 : length + this.own;
  }
}

/** Whether no message is underway. */
// @ts-ignore: decorator
@inline export function isIdle(d: usize): bool { return load<u32>(d, MOVED) == 0; }

/** Of the message underway: where its bytes are, its length among them, and how many are kept. */
// @ts-ignore: decorator
@inline export function keptAt(d: usize): usize { return d + KEPT; }
// @ts-ignore: decorator
@inline export function keptSize(d: usize): u32 { return load<u32>(d, KEPT_SIZE); }

/** The same, of the message that has ended. */
export let endedAt: usize = 0;
/** Never more than what is kept of one that comes in pieces. */
export let endedSize: u32 = 0;

/** The message that is underway is forgotten. */
export function reset(d: usize): void {
  store<u32>(d, 0, MOVED);
  store<u32>(d, 0, KEPT_SIZE);
}

/** Consumes bytes up to the end of a message, at most. */
export function message(d: usize, lengths: Lengths): u32 {
  if (isIdle(d) && seen >= LENGTH) {
    const whole = lengths.of(at);
    if (whole != 0 && whole <= seen) { // it need not be kept
      endedAt = at;
      endedSize = min(whole, KEPT_MAX);
      skip(whole);
      return DONE;
    }
  }
  while (total > 0) {
    const moved = load<u32>(d, MOVED), kept = load<u32>(d, KEPT_SIZE);
    if (moved < LENGTH && <u64>seen < min<u64>(LENGTH - moved, total)) return UNSEEN;
    const left = (moved < LENGTH ? LENGTH : lengths.of(d + KEPT)) - moved;
    const more = <u32>min<u64>(left, total), room = moved == kept ? min(min(more, seen), KEPT_MAX - kept) : 0;
    memory.copy(d + KEPT + kept, at, room);
    store<u32>(d, kept + room, KEPT_SIZE);
    store<u32>(d, moved + more, MOVED);
    skip(more);
    if (moved + more < LENGTH) continue;
    const whole = lengths.of(d + KEPT);
    if (whole == 0) return WRONG;
    if (moved + more != whole) continue;
    endedAt = d + KEPT;
    endedSize = load<u32>(d, KEPT_SIZE);
    return DONE;
  }
  return MORE;
}
