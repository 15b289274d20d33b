// SPDX-License-Identifier: Apache-2.0
// Something that is made once for each event type, when its first record is read: getters, plans for a line,
// counters.
import type { EventType } from "../../build/generated/events.js";
import type { Batch } from "./batch.js";
import { EVENT_OF_ID } from "./layout.js";

/** Keeps one `T` for each event type. `make` runs once a type, when of() or ofType() first asks for it. */
export class PerEvent<T> {
  readonly #made: (T | undefined)[] = [];
  readonly #make: (event: EventType) => T;

  constructor(make: (event: EventType) => T) {
    this.#make = make;
  }

  /** For the record at `at`. */
  of(batch: Batch, at: number): T {
    return this.ofType(batch.recordView.getUint16(at, true));
  }

  ofType(id: number): T {
    let made = this.#made[id];
    if (made === undefined) {
      made = this.#make(EVENT_OF_ID[id] as EventType);
      this.#made[id] = made;
    }
    return made;
  }

  /** What has been made so far. */
  entries(): [event: EventType, made: T][] {
    return this.#made.flatMap((made, id) => (made === undefined ? [] : [[EVENT_OF_ID[id] as EventType, made]]));
  }
}
