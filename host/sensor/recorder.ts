// SPDX-License-Identifier: Apache-2.0
// Stores what comes in, to be judged again with `vedette replay`. It reads the intake's ring beside the
// policy workers. A full disk ends the recording, never the workload: nobody waits for us any more.
import type { Intake, Peer, Tap, TappedBatch } from "../intake/intake.js";
import { RecordingWriter } from "../recording/recording.js";

/** What a recording holds, for the line at its end. */
export interface Recorded {
  readonly events: number;
  readonly batches: number;
}

/**
 * Writes batches to a file while the sensor runs. The first error goes to `onFault` and ends the recording.
 */
export class Recorder {
  readonly #writer: RecordingWriter;
  readonly #tap: Tap;
  readonly #onFault: (error: unknown) => void;
  #state: "recording" | "closed" | "broken" = "recording";

  /** Opens the file: throws where it cannot be written. */
  constructor(path: string, intake: Intake, onFault: (error: unknown) => void) {
    this.#onFault = onFault;
    this.#writer = new RecordingWriter(path);
    this.#tap = intake.tap((batch) => this.#take(batch));
  }

  host({ number, hostname }: Peer): void {
    this.#try(() => this.#writer.host(number, hostname));
  }

  /** Writes what is left, and the end; null where that failed, now or before. */
  finish(): Recorded | null {
    this.#tap.finish();
    this.close();
    return this.#state === "broken" ? null : this.#writer;
  }

  close(): void {
    if (this.#state !== "recording") return;
    this.#try(() => this.#writer.close());
    this.#tap.close();
    if (this.#state === "recording") this.#state = "closed";
  }

  #take({ from, bytes, count }: TappedBatch): boolean {
    this.#try(() => this.#writer.batch(from, bytes, count));
    return this.#state === "recording";
  }

  #try(write: () => void): void {
    if (this.#state !== "recording") return;
    try {
      write();
    } catch (error) {
      this.#state = "broken";
      this.#onFault(error);
    }
  }
}
