// SPDX-License-Identifier: Apache-2.0
// Tells silent agents from living ones. An agent says something every second, even if only that it lives. An
// agent that is silent for longer was stopped, or somebody took its connection. The time in which our own
// process did not run, or did not read, does not count.
import type { StreamCounts } from "./addon.js";

/** How often to look. */
export const LOOK_MS = 500;
/** Five words that did not come. */
const SILENT_MS = 5_000;
/** Later than this between two looks: it was we who stood still. */
const LATE_MS = 4 * LOOK_MS;

/** What Heartbeat asks and tells. `counts` gives undefined for a stream that is closed. */
export interface HeartbeatHandlers {
  readonly counts: (stream: number) => Pick<StreamCounts, "silentMs"> | undefined;
  /** Once, until it is heard again. */
  readonly onSilent: (stream: number) => void;
  readonly onHeard: (stream: number) => void;
}

/**
 * Compares how long each stream was silent with 5 s. `now` is in milliseconds and only tests give another
 * one.
 */
export class Heartbeat {
  readonly #handlers: HeartbeatHandlers;
  readonly #now: () => number;
  readonly #silent = new Set<number>();
  #lookedAt: number;
  /** Silence before this is not held against anybody. */
  #since: number;

  constructor(handlers: HeartbeatHandlers, now: () => number = () => performance.now()) {
    this.#handlers = handlers;
    this.#now = now;
    this.#lookedAt = now();
    this.#since = now();
  }

  /** At those that should be heard. */
  look(streams: Iterable<number>): void {
    const now = this.#now();
    if (now - this.#lookedAt > LATE_MS) this.#since = now;
    this.#lookedAt = now;
    const looked = new Set<number>();
    for (const stream of streams) {
      looked.add(stream);
      const silent = Math.min(this.#handlers.counts(stream)?.silentMs ?? 0, now - this.#since);
      if (silent < SILENT_MS && this.#silent.delete(stream)) this.#handlers.onHeard(stream);
      else if (silent >= SILENT_MS && !this.#silent.has(stream)) {
        this.#silent.add(stream);
        this.#handlers.onSilent(stream);
      }
    }
    for (const stream of this.#silent) if (!looked.has(stream)) this.#silent.delete(stream);
  }
}
