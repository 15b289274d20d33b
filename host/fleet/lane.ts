// SPDX-License-Identifier: Apache-2.0
// The blocks of one agent, in their order: the one that is being filled, and those that are sealed and wait.
// A batch is kept when its block is on the bus, in a file, or was given up and counted.
import type { Batch } from "../wire/batch.js";
import { encodeBlock, type Origin, type SentBatch } from "./block.js";
import { holdsGuarded, selected } from "./selection.js";
import type { Spooled } from "./spool.js";

/** Before they are packed: a block has less than 512 KiB then, but for one large batch. */
const BLOCK_BYTES = 512 << 10;

/** A block that waits, in memory or in a file. `first`: the seq of its first batch. */
export interface Waiting {
  readonly turn: number;
  readonly source: string;
  readonly first: number;
  readonly events: number;
  readonly isGuarded: boolean;
  /** Bytes before it was packed: its agent keeps them until it is in a file or on the bus; 0: no more. */
  readonly raw: number;
  /** When it was sealed, by performance.now(). */
  readonly at: number;
  bytes: Buffer | null;
  file: Spooled | null;
}

/** Of one source. */
export class Lane {
  readonly source: string;
  readonly waiting: Waiting[] = [];
  /** Its first block is on its way. */
  isSending = false;
  /** Its agent has said its last word: what comes is sealed at once. */
  isEnding = false;
  /** Records that were left out by choice. */
  leftOut = 0;
  #batches: SentBatch[] = [];
  #bytes = 0;
  #events = 0;
  #first = 0;
  #last = 0;
  #isGuarded = false;
  #begun = 0;

  constructor(source: string) {
    this.source = source;
  }

  /** Adds a batch; true: the block is to be sealed before another one comes. */
  add(batch: Batch, wanted: ReadonlySet<number> | null): boolean {
    const part = selected(batch, wanted);
    if (this.#batches.length === 0) [this.#begun, this.#first, this.#isGuarded] = [performance.now(), batch.seq, false];
    // In memory that the ring's next batch writes over.
    this.#batches.push({ bytes: Buffer.from(part.bytes), kept: part.kept });
    this.#bytes += part.bytes.length;
    this.#events += part.count;
    this.leftOut += batch.count - part.count;
    this.#first = Math.min(this.#first, batch.seq);
    this.#last = Math.max(this.#last, batch.seq);
    this.#isGuarded ||= holdsGuarded(batch);
    return this.#bytes >= BLOCK_BYTES;
  }

  /** Whether the next batch must begin a block: `bytes` more would be too many, or it came again. */
  isFullFor(bytes: number, seq: number): boolean {
    return this.#batches.length > 0 && (this.#bytes + bytes > BLOCK_BYTES || seq <= this.#last);
  }

  /** How long the block at hand has been there, ms; null: there is none. */
  age(now: number): number | null {
    return this.#batches.length === 0 ? null : now - this.#begun;
  }

  seal(origin: Origin, turn: number): Waiting {
    const block: Waiting = {
      ...{ turn, source: this.source, first: this.#first, events: this.#events, isGuarded: this.#isGuarded },
      ...{ raw: this.#bytes, at: performance.now(), bytes: encodeBlock(origin, this.#batches), file: null },
    };
    this.#batches = [];
    [this.#bytes, this.#events] = [0, 0];
    this.waiting.push(block);
    return block;
  }

  /** Whether its agent may forget the batch of this number. */
  isKept(seq: number): boolean {
    if (seq > this.#last) return false;
    if (this.#batches.length > 0 && this.#first <= seq) return false;
    return !this.waiting.some(({ file, first }) => file === null && first <= seq);
  }

  get isEmpty(): boolean {
    return this.waiting.length === 0 && this.#batches.length === 0;
  }
}
