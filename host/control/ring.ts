// SPDX-License-Identifier: Apache-2.0
// Shows the control API what is in the ring. It is a reader that nobody waits for, so no question to the API
// can delay an agent or a policy. When writers overtake it, it goes on with the newest batch and says how
// many it missed.
import { closeReader, openReader, RingReader } from "../capture/ring.js";
import { type Batch, openChecked } from "../wire/batch.js";
import type { ContainerFacts } from "../wire/container.js";

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
    this.#reader = new RingReader(ring, this.#index);
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

  #look(): void {
    for (let i = 0; i < BATCHES_A_TURN && this.#isOpen; i++) {
      const raw = this.#reader.next(0);
      if (raw === null) return;
      const missed = raw.number - this.#last - 1;
      this.#last = raw.number;
      if (missed > 0) this.#handlers.onMissed(missed);
      const batch = openChecked(raw.bytes);
      batch.container = this.#handlers.containerOf(raw.stream);
      this.#handlers.onBatch(batch);
    }
    if (!this.#isOpen) return;
    this.#reader.release();
    setImmediate(() => this.#look());
  }
}
