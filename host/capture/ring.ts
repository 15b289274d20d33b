// SPDX-License-Identifier: Apache-2.0
// The reading side of the ring that the addon's threads fill (capture/addon/ring.h draws the layout; both say
// the same). Batches are written once and read by several readers, each at its own pace: a reader's tail
// stands in the control block, and the slowest active tail is what the writers wait for. A reader takes each
// batch out into memory of its own: V8 copies from shared memory byte by byte where it is not aligned, and a
// policy worker copies each batch many times. A reader that dies in the middle of a batch leaves its tail
// before it: whoever attaches with the same index sees that batch again. A reader that nobody waits for may
// be overtaken: it then goes on at the head, and what it missed shows in the batches' numbers.
//
//   control, u32 words:  0 head   1 closed   2 capacity (8-byte units, a power of two)   3 readers
//                        4 reserved: up to here a writer may be writing   5 number of the last batch
//                        8.. one pair a reader: tail, active (0 no, 1 waited for, 2 not waited for)
//   entry, 8-byte aligned, never split:  u32 units (whole entry)  u32 size (0: padding to the ring's end)
//                                        u32 stream  u32 records  64 bytes: bitmap of event types
//                                        u32 number, from 1  u32 0  then `size` bytes
//   positions count 8-byte units and wrap at 2^32.
/** Bytes of the control block, before the ring's entries. */
export const CONTROL_BYTES = 256;
/** Bytes of an entry before the batch itself. */
export const ENTRY_HEADER_BYTES = 88;
/** u32 words of an entry's bitmap of event types: 512 ids. */
export const TYPE_WORDS = 16;
/** Places for readers that the control block has. */
export const READERS_MAX = 28;

const UNIT_BYTES = 8;
const HEAD = 0;
const CLOSED = 1;
const CAPACITY = 2;
const RESERVED = 4;
const NUMBER = 5;
const READERS = 8;
const WAITED_FOR = 1;
const NOT_WAITED_FOR = 2;

// A native thread cannot wake Atomics.wait: the main thread does (wakeReaders), and this bounds what it costs
// when it is late.
const SLICE_MS_MAX = 20;
/** Of a reader's own memory at first: most batches are smaller. */
const OWN_BYTES = 64 << 10;

/** One batch. */
export interface RawBatch {
  /** The msgpack array, for openBatch(): in memory of the reader's, which the next next() writes over. */
  readonly bytes: Uint8Array;
  /** Bit `id & 31` of word `id >> 5`: the batch holds a record of event type `id`. */
  readonly types: Uint32Array;
  /** Which agent it came from: the stream of its Hello. */
  readonly stream: number;
  readonly count: number;
  /** Batches are numbered as they come, from 1: who was overtaken sees by how much. */
  readonly number: number;
}

/** One reader's place in the ring. At most one thread may use a place at a time. */
export class RingReader {
  readonly #control: Int32Array;
  readonly #words: Uint32Array;
  readonly #sab: SharedArrayBuffer;
  readonly #mask: number;
  readonly #tail: number;
  readonly #isWaitedFor: boolean;
  #held = 0;
  #own = new Uint8Array(OWN_BYTES);
  readonly #wanted: readonly number[] | null;
  #passed = 0;

  /**
   * Attaches at the place that openReader() gave out, where its last user left off. `wanted`: ids of events;
   * batches without one of them are passed over.
   */
  constructor(sab: SharedArrayBuffer, index: number, wanted: readonly number[] | null = null) {
    this.#wanted = wanted;
    this.#sab = sab;
    this.#control = new Int32Array(sab, 0, CONTROL_BYTES / 4);
    this.#words = new Uint32Array(sab, CONTROL_BYTES);
    this.#mask = Atomics.load(this.#control, CAPACITY) - 1;
    this.#tail = READERS + 2 * index;
    this.#isWaitedFor = Atomics.load(this.#control, this.#tail + 1) !== NOT_WAITED_FOR;
  }

  /**
   * The next batch, or null when none came within timeoutMs. Releases the one before. timeoutMs 0 never
   * waits.
   */
  next(timeoutMs: number): RawBatch | null {
    this.release();
    const until = timeoutMs > 0 ? performance.now() + timeoutMs : 0;
    for (;;) {
      const batch = this.#take();
      if (batch !== null || timeoutMs <= 0 || this.ended) return batch;
      const left = until - performance.now();
      if (left <= 0) return null;
      Atomics.wait(this.#control, HEAD, Atomics.load(this.#control, this.#tail), Math.min(left, SLICE_MS_MAX));
    }
  }

  /** Gives the batch that next() returned back to the writers. */
  release(): void {
    if (this.#held === 0) return;
    Atomics.add(this.#control, this.#tail, this.#held);
    this.#held = 0;
  }

  /** Where this reader stands: another batch, another position. It moves when a batch is released. */
  get position(): number {
    return Atomics.load(this.#control, this.#tail);
  }

  /** Whether it is still to come to this position, which is at most a ring away. */
  isBefore(position: number): boolean {
    const ahead = (position - this.position) >>> 0;
    return ahead > 0 && ahead <= this.#mask + 1;
  }

  /** Batches that were passed over. */
  get passed(): number {
    return this.#passed;
  }

  /** Number of the last batch that was written. */
  get lastNumber(): number {
    return Atomics.load(this.#control, NUMBER) >>> 0;
  }

  /** Every stream has ended and this reader has seen all. */
  get ended(): boolean {
    // `closed` first: a head that moves after it was read as set cannot be.
    if (Atomics.load(this.#control, CLOSED) === 0) return false;
    return Atomics.load(this.#control, HEAD) === ((Atomics.load(this.#control, this.#tail) + this.#held) | 0);
  }

  /** Leaves: the writers no longer wait for this reader. */
  detach(): void {
    this.release();
    Atomics.store(this.#control, this.#tail + 1, 0);
  }

  #take(): RawBatch | null {
    for (;;) {
      const tail = Atomics.load(this.#control, this.#tail);
      if (tail === Atomics.load(this.#control, HEAD)) return null;
      const word = (tail & this.#mask) * 2;
      const units = this.#words[word] as number;
      const size = this.#words[word + 1] as number;
      if (this.#isOvertaken(tail)) continue;
      if (size === 0) {
        Atomics.add(this.#control, this.#tail, units);
        continue;
      }
      if (this.#wanted !== null && !this.#isWanted(this.#wanted, word + 4)) {
        if (this.#isOvertaken(tail)) continue;
        Atomics.add(this.#control, this.#tail, units);
        this.#passed++;
        continue;
      }
      const at = CONTROL_BYTES + word * 4;
      const batch = {
        bytes: this.#copy(at + ENTRY_HEADER_BYTES, size),
        types: this.#words.slice(word + 4, word + 4 + TYPE_WORDS),
        stream: this.#words[word + 2] as number,
        count: this.#words[word + 3] as number,
        number: this.#words[word + 4 + TYPE_WORDS] as number,
      };
      if (this.#isOvertaken(tail)) continue;
      this.#held = units;
      return batch;
    }
  }

  #isWanted(wanted: readonly number[], types: number): boolean {
    return wanted.some((id) => (((this.#words[types + (id >> 5)] as number) >>> (id & 31)) & 1) === 1);
  }

  /**
   * Whether what was read at this place may have been written over meanwhile; then the reader stands at the
   * head.
   */
  #isOvertaken(tail: number): boolean {
    if (this.#isWaitedFor) return false;
    const reserved = Atomics.add(this.#control, RESERVED, 0); // not a mere load: what was read stays before it on every machine
    if ((reserved - tail) >>> 0 <= this.#mask + 1) return false;
    Atomics.store(this.#control, this.#tail, Atomics.load(this.#control, HEAD));
    return true;
  }

  /** Both sides are 8-byte aligned, so V8 copies by words. */
  #copy(at: number, size: number): Uint8Array {
    while (this.#own.length < size) this.#own = new Uint8Array(2 * this.#own.length);
    const bytes = this.#own.subarray(0, size);
    bytes.set(new Uint8Array(this.#sab, at, size));
    return bytes;
  }
}

/** Wakes readers that wait in next(): the main thread calls it when the addon says that something came. */
export function wakeReaders(ring: SharedArrayBuffer): void {
  Atomics.notify(new Int32Array(ring, 0, CONTROL_BYTES / 4), HEAD);
}

/** How far a reader is: everything before this position has been released by it. Positions wrap at 2^32. */
export function positionOf(ring: SharedArrayBuffer, index: number): number {
  return Atomics.load(new Int32Array(ring, 0, CONTROL_BYTES / 4), READERS + 2 * index);
}

/** Where the writers stand. */
export function headOf(ring: SharedArrayBuffer): number {
  return Atomics.load(new Int32Array(ring, 0, CONTROL_BYTES / 4), HEAD);
}

/** How large a ring is, and how much of it its slowest reader has not released. */
export function ringFill(ring: SharedArrayBuffer, readers: readonly number[]): { bytes: number; waiting: number } {
  const capacity = Atomics.load(new Int32Array(ring, 0, CONTROL_BYTES / 4), CAPACITY);
  const head = headOf(ring);
  const behind = readers.map((reader) => Math.min((head - positionOf(ring, reader)) >>> 0, capacity));
  return { bytes: capacity * UNIT_BYTES, waiting: Math.max(0, ...behind) * UNIT_BYTES };
}

/** Nothing more will come. */
export function closeRing(ring: SharedArrayBuffer): void {
  Atomics.store(new Int32Array(ring, 0, CONTROL_BYTES / 4), CLOSED, 1);
}

/**
 * Gives out a reader's place, at the ring's head: what was written before is not for it. The main thread
 * alone does this. `isWaitedFor`: false for one that would rather miss batches than hold the writers up.
 */
export function openReader(ring: SharedArrayBuffer, isWaitedFor = true): number {
  const control = new Int32Array(ring, 0, CONTROL_BYTES / 4);
  for (let index = 0; index < READERS_MAX; index++) {
    const tail = READERS + 2 * index;
    if (Atomics.load(control, tail + 1) !== 0) continue;
    // Active first: from here on the writers wait for this tail, wherever it stands, so the head cannot run
    // away from it.
    Atomics.store(control, tail + 1, isWaitedFor ? WAITED_FOR : NOT_WAITED_FOR);
    Atomics.store(control, tail, Atomics.load(control, HEAD));
    return index;
  }
  throw new RangeError(`a ring has places for ${READERS_MAX} readers`);
}

/**
 * Takes a reader's place away: the writers no longer wait for it. For a reader that is gone without having
 * left.
 */
export function closeReader(ring: SharedArrayBuffer, index: number): void {
  Atomics.store(new Int32Array(ring, 0, CONTROL_BYTES / 4), READERS + 2 * index + 1, 0);
}
