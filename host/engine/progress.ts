// SPDX-License-Identifier: Apache-2.0
// Whether the ring's readers move. A reader that has something to read and stays where it is does not judge,
// whatever the reason: its worker may be gone, stuck or stopped. The slow worker is left out, because nobody
// waits for it.
import { headOf, positionOf } from "../capture/ring.js";

/** A policy that takes too long is ended after a tenth of this. */
const STUCK_MS = 1_500;

interface Place {
  readonly tail: number;
  since: number;
}

/** Compares each reader's position with the last look. `now` is in milliseconds. */
export class Progress {
  readonly #places: Map<number, Place>;
  readonly #ring: SharedArrayBuffer;
  readonly #now: () => number;

  constructor(ring: SharedArrayBuffer, readers: readonly number[], now: () => number = () => performance.now()) {
    this.#ring = ring;
    this.#now = now;
    this.#places = new Map(readers.map((reader) => [reader, { tail: positionOf(ring, reader), since: now() }]));
  }

  /** How many of them have stood still for too long. To be asked several times a second. */
  stuck(): number {
    const head = headOf(this.#ring);
    const now = this.#now();
    let stuck = 0;
    for (const [reader, place] of this.#places) {
      const tail = positionOf(this.#ring, reader);
      if (tail === head || tail !== place.tail) this.#places.set(reader, { tail, since: now });
      else if (now - place.since > STUCK_MS) stuck++;
    }
    return stuck;
  }
}
