// SPDX-License-Identifier: Apache-2.0
// Shows the main thread what is in the ring: for the control API, and for the steps of incidents. It is a
// reader that nobody waits for, so what looks here can delay no agent and no policy. When writers overtake
// it, it goes on with the newest batch and says how many it missed.

import { type Batch, openChecked } from "../wire/batch.js";
import type { ContainerFacts } from "../wire/container.js";
import { closeReader, openReader, RingReader } from "./ring.js";

const LOOK_MS = 100;
/** So many batches before the main thread gets its turn. */
const BATCHES_A_TURN = 16;

/** What the view tells, on the main thread. */
export interface RingHandlers {
  readonly onBatch: (batch: Batch) => void;
  /** So many batches were overtaken. */
  readonly onMissed: (batches: number) => void;
  /** Of the container that this stream is of. */
  readonly containerOf: (stream: number) => ContainerFacts | null;
  /** Only batches with one of these events are shown; undefined: all are. */
  readonly types?: readonly number[];
}

/** A reader that looks at the ring a few times a second. The batch is good only inside `onBatch`. */
export class RingView {
  readonly #ring: SharedArrayBuffer;
  readonly #index: number;
  readonly #reader: RingReader;
  readonly #handlers: RingHandlers;
  readonly #timer: NodeJS.Timeout;
  #last = 0;
  #isOpen = true;

  constructor(ring: SharedArrayBuffer, handlers: RingHandlers) {
    this.#ring = ring;
    this.#index = openReader(ring, false);
    this.#reader = new RingReader(ring, this.#index, handlers.types);
    this.#handlers = handlers;
    this.#last = this.#reader.lastNumber;
    this.#timer = setInterval(() => this.#look(), LOOK_MS).unref();
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    clearInterval(this.#timer);
    closeReader(this.#ring, this.#index);
  }

  /** Shows all that is there, without a turn for others: nothing more comes. */
  finish(): void {
    while (this.#isOpen && this.#show());
    this.close();
  }

  #look(): void {
    for (let i = 0; i < BATCHES_A_TURN && this.#isOpen; i++) if (!this.#show()) return;
    if (!this.#isOpen) return;
    this.#reader.release();
    setImmediate(() => this.#look());
  }

  /** The next one; false: there is none. */
  #show(): boolean {
    const before = this.#reader.passed;
    const raw = this.#reader.next(0);
    if (raw === null) return false;
    const missed = raw.number - this.#last - 1 - (this.#reader.passed - before);
    this.#last = raw.number;
    if (missed > 0) this.#handlers.onMissed(missed);
    const batch = openChecked(raw.bytes);
    batch.container = this.#handlers.containerOf(raw.stream);
    this.#handlers.onBatch(batch);
    return true;
  }
}
