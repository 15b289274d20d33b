// SPDX-License-Identifier: Apache-2.0
// Sockets that a protocol has left: what is moved there is none of its own, until the socket begins anew.
// Most of what a meter sees is of such sockets, so they are looked up before anything else. The table only
// says sooner what the protocol would say again: a socket without a place in it is looked at whole. A place
// is also gone when its agent has lost events, since one of them may have been a new connection's first, and
// after a minute.
import { seconds } from "../duration";
import { Event } from "../event";
import { mix } from "../string-set";
import { batchClock, batchLost, batchSource, frameNumber } from "../wire/frame";

/** A power of two. */
const PLACES: u32 = 4096;
const MINUTE: u64 = seconds(60);
/** An inode that is not known. */
const NOTHING: u64 = 0x8000000000000000;

/** Of one protocol. */
export class Left {
  /** u64 of each place: a socket, 0: none. */
  private readonly places: usize = heap.alloc(<usize>PLACES * 8);
  private frame: u32 = 0;
  /** Which agent the batch is of, and what it has lost. */
  private salt: u64 = 0;
  private since: u64 = 0;

  constructor() {
    memory.fill(this.places, 0, <usize>PLACES * 8);
  }

  /** Whether the event's socket is one of them. */
  has(e: Event): bool {
    if (this.frame != frameNumber()) this.begin();
    const key = this.keyOf(e);
    return load<u64>(this.placeOf(key)) == key && key != 0;
  }

  /** It is one from now on, if it is known by its inode. */
  add(e: Event): void {
    if (this.frame != frameNumber()) this.begin();
    const key = this.keyOf(e);
    store<u64>(this.placeOf(key), key);
  }

  /** It is none any more. */
  drop(e: Event): void {
    store<u64>(this.placeOf(this.keyOf(e)), 0);
  }

  private begin(): void {
    this.frame = frameNumber();
    this.salt = mix(batchSource(), batchLost());
    const now = batchClock();
    if (now - this.since < MINUTE) return; // below 0 is more than that
    this.since = now;
    memory.fill(this.places, 0, <usize>PLACES * 8);
  }

  // @ts-ignore: decorator
  @inline private keyOf(e: Event): u64 {
    const ino = e.fd.ino;
    return ino == 0 || ino == NOTHING ? 0 : ino ^ this.salt;
  }

  // @ts-ignore: decorator
  @inline private placeOf(key: u64): usize { return this.places + (<usize>(<u32>key & (PLACES - 1)) << 3); }
}
