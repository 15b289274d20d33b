// SPDX-License-Identifier: Apache-2.0
// A ring that JavaScript fills: for replays, tests.yaml and benchmarks. It writes entries as the addon's
// threads do (host/capture/ring.ts draws them), from one thread, and only batches that were checked.
import {
  CONTROL_BYTES,
  closeRing,
  ENTRY_HEADER_BYTES,
  openReader,
  READERS_MAX,
  TYPE_WORDS,
  wakeReaders,
} from "../capture/ring.js";
import type { Batch } from "../wire/batch.js";

const HEAD = 0;
const CAPACITY = 2;
const RESERVED = 4;
const NUMBER = 5;
const READERS = 8;
const WAITED_FOR = 1;
const UNIT = 8;

/** One ring with a single writer. offer() gives false where there is no room. */
export class Feed {
  readonly ring: SharedArrayBuffer;
  readonly #control: Int32Array;
  readonly #words: Uint32Array;
  readonly #units: number;
  #number = 0;
  #unseen = 0; // units that came since readers were woken

  /** `bytes`: of the ring, a power of two, larger than the largest batch. */
  constructor(bytes = 8 << 20) {
    this.ring = new SharedArrayBuffer(CONTROL_BYTES + bytes);
    this.#control = new Int32Array(this.ring, 0, CONTROL_BYTES / 4);
    this.#words = new Uint32Array(this.ring, CONTROL_BYTES);
    this.#units = bytes / UNIT;
    Atomics.store(this.#control, CAPACITY, this.#units);
  }

  reader(): number {
    return openReader(this.ring);
  }

  /**
   * Puts a batch in, if there is room for it now. `mayWait`: readers that sleep may go on sleeping until a
   * quarter of the ring is full. They look by themselves every few milliseconds. To wake one for each batch
   * costs more than most batches do.
   */
  offer(batch: Batch, stream = 0, mayWait = false): boolean {
    const units = Math.ceil((ENTRY_HEADER_BYTES + batch.bytes.length) / UNIT);
    const head = Atomics.load(this.#control, HEAD);
    const place = (head >>> 0) % this.#units;
    const padding = place + units > this.#units ? this.#units - place : 0;
    if (units + padding > this.#free(head)) return false;
    Atomics.store(this.#control, RESERVED, (head + padding + units) | 0);
    if (padding > 0) this.#words.set([padding, 0], place * 2);
    const word = ((place + padding) % this.#units) * 2;
    this.#words.set([units, batch.bytes.length, stream, batch.count, ...typesIn(batch), ++this.#number, 0], word);
    new Uint8Array(this.ring, CONTROL_BYTES + word * 4 + ENTRY_HEADER_BYTES, batch.bytes.length).set(batch.bytes);
    Atomics.store(this.#control, NUMBER, this.#number);
    Atomics.store(this.#control, HEAD, (head + padding + units) | 0);
    this.#unseen += padding + units;
    if (!mayWait || this.#unseen >= this.#units / 4) {
      this.#unseen = 0;
      wakeReaders(this.ring);
    }
    return true;
  }

  /** Puts a batch in, and waits until there is room. */
  async put(batch: Batch, stream = 0): Promise<void> {
    while (!this.offer(batch, stream)) await new Promise((resolve) => setTimeout(resolve, 1));
  }

  /** Nothing more comes. */
  close(): void {
    closeRing(this.ring);
    wakeReaders(this.ring);
  }

  /** Units that no active reader still needs. */
  #free(head: number): number {
    let used = 0;
    for (let index = 0; index < READERS_MAX; index++) {
      const tail = READERS + 2 * index;
      if (Atomics.load(this.#control, tail + 1) === WAITED_FOR)
        used = Math.max(used, (head - Atomics.load(this.#control, tail)) | 0);
    }
    return this.#units - used;
  }
}

/** The bitmap of its event types. */
export function typesIn(batch: Batch): Uint32Array {
  const types = new Uint32Array(TYPE_WORDS);
  const { recordView } = batch;
  for (let at = 0; at < recordView.byteLength; at += recordView.getUint32(at + 4, true)) {
    const id = recordView.getUint16(at, true);
    types[id >> 5] = (types[id >> 5] as number) | (1 << (id & 31));
  }
  return types;
}
