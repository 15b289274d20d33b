// SPDX-License-Identifier: Apache-2.0
// Beats: says on the bus that a sensor lives and how it does, at its start, every half a minute, and at its
// end. Nothing waits for a beat but the end, and that for a second at most. A bus that takes none is told
// once, and once more when it takes them again.
import { reasonOf } from "../reason.js";
import { BEAT_S, BEATS, type Beat, encodeBeat } from "./beat.js";
import { type Bus, BusFailure } from "./bus.js";
import { subjectOfBeats } from "./subject.js";

/** What is said, and where. `beat` is asked each time. */
export interface HeartOptions {
  readonly bus: Pick<Bus, "publish" | "ensure">;
  readonly beat: (state: Beat["state"]) => Beat;
  /** Told of what changed: that the bus takes no beats, or takes them again. */
  readonly say: (line: string, level: "info" | "warning") => void;
  readonly periodMs?: number;
}

/** Sensors that began at once do not go on at once: a beat comes up to a tenth earlier or later. */
const SPREAD = 0.1;
const ANSWER_MS = 10_000;
const END_MS = 1_000;

/** Beats from begin() until close(). */
export class Heart {
  readonly #options: HeartOptions;
  readonly #stop = new AbortController();
  #timer: NodeJS.Timeout | null = null;
  #beating: Promise<void> = Promise.resolve();
  #isRefused = false;
  #hasBegun = false;

  constructor(options: HeartOptions) {
    this.#options = options;
  }

  begin(): void {
    this.#hasBegun = true;
    this.#beating = this.#beat();
  }

  /** Says that it ends; gives up after a second. */
  async close(): Promise<void> {
    clearTimeout(this.#timer ?? undefined);
    this.#stop.abort();
    await this.#beating;
    clearTimeout(this.#timer ?? undefined);
    if (this.#hasBegun) await this.#publish("ended", AbortSignal.timeout(END_MS));
  }

  async #beat(): Promise<void> {
    const { periodMs = BEAT_S * 1000 } = this.#options;
    await this.#publish("running", AbortSignal.any([this.#stop.signal, AbortSignal.timeout(ANSWER_MS)]));
    if (this.#stop.signal.aborted) return;
    const next = periodMs * (1 + SPREAD * (2 * Math.random() - 1));
    this.#timer = setTimeout(() => {
      this.#beating = this.#beat();
    }, next);
    this.#timer.unref();
  }

  async #publish(state: Beat["state"], signal: AbortSignal): Promise<void> {
    const { bus, beat, say } = this.#options;
    try {
      const said = beat(state);
      const subject = subjectOfBeats(said.tenant, said.task);
      const message = encodeBeat(said);
      await bus.publish(subject, message, signal).catch(async (error: unknown) => {
        if (!(error instanceof BusFailure && error.kind === "nobody")) throw error;
        await bus.ensure(BEATS, signal);
        await bus.publish(subject, message, signal);
      });
      if (this.#isRefused) say("the bus takes beats again", "info");
      this.#isRefused = false;
    } catch (error) {
      if (!this.#isRefused && !this.#stop.signal.aborted) say(`the bus takes no beats: ${reasonOf(error)}`, "warning");
      this.#isRefused = true;
    }
  }
}
