// SPDX-License-Identifier: Apache-2.0
// Reads an intake's ring on the main thread, beside the workers: for the recorder and for `trace`. It reads
// only a few batches a turn, so that signals and news of agents are handled in between.
import { closeReader, openReader, RingReader } from "../capture/ring.js";

/** A batch as the ring holds it. Copy `bytes` to keep them. */
export interface TappedBatch {
  /** Number of the peer that it came from. */
  readonly from: number;
  /** For openChecked(): in memory that the next batch writes over. */
  readonly bytes: Uint8Array;
  readonly count: number;
}

/** Takes a batch; false: it wants no more, and nobody waits for it. */
export type TakeBatch = (batch: TappedBatch) => boolean;

/** So many batches before signals and the agent's news get a turn. */
const BATCHES_A_TURN = 16;

/** One reader of the ring on the main thread. It calls `take` for each batch until that returns false. */
export class Tap {
  readonly #ring: SharedArrayBuffer;
  readonly #index: number;
  readonly #reader: RingReader;
  readonly #take: TakeBatch;
  #isOpen = true;

  constructor(ring: SharedArrayBuffer, take: TakeBatch) {
    this.#ring = ring;
    this.#index = openReader(ring);
    this.#reader = new RingReader(ring, this.#index);
    this.#take = take;
  }

  /** Something new stands in the ring. */
  readonly onWake = (): void => {
    if (this.#drain()) setImmediate(this.onWake);
  };

  /** Takes all that is there. */
  finish(): void {
    while (this.#drain());
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    closeReader(this.#ring, this.#index);
  }

  /** True when there may be more. */
  #drain(): boolean {
    for (let i = 0; i < BATCHES_A_TURN && this.#isOpen; i++) {
      const raw = this.#reader.next(0);
      if (raw === null) return false;
      const { stream: from, bytes, count } = raw;
      if (!this.#take({ from, bytes, count })) this.close();
    }
    if (this.#isOpen) this.#reader.release();
    return this.#isOpen;
  }
}

/** Those of one intake. */
export class Taps {
  readonly #ring: SharedArrayBuffer;
  readonly #taps: Tap[] = [];

  constructor(ring: SharedArrayBuffer) {
    this.#ring = ring;
  }

  open(take: TakeBatch): Tap {
    const tap = new Tap(this.#ring, take);
    this.#taps.push(tap);
    return tap;
  }

  /** Something new stands in the ring. */
  onWake(): void {
    for (const tap of this.#taps) tap.onWake();
  }
}
