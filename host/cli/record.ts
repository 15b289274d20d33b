// SPDX-License-Identifier: Apache-2.0
// `vedette record -o FILE -- CMD`: stores the workload's batches, to be judged again with `vedette replay`. The recorder is a
// reader of the ring like a policy worker, so it can also stand beside one (`vedette run --record FILE`).
import { closeReader, RingReader } from "../capture/ring.js";
import { Session } from "../capture/session.js";
import { lossText, totalLost } from "../output/summary.js";
import { RecordingWriter } from "../recording/recording.js";
import { report, say } from "./failure.js";
import { counted } from "./print.js";
import { agentOptions, type WorkloadOptions } from "./workload.js";

export interface RecordOptions extends WorkloadOptions {
  readonly output: string;
}

export async function record(command: readonly string[], options: RecordOptions): Promise<number> {
  const session: Session = new Session({
    onWake: () => recorder.onWake(),
    onHello: (hello) => recorder.host(hello.stream, hello.hostname),
  });
  const recorder: Recorder = Recorder.of(session, options.output);
  session.start(agentOptions(command, options));
  const ending = await session.ending;
  const failure = recorder.end();
  if (totalLost(ending) > 0) say(`vedette: ${lossText(ending)}`);
  if (ending.error !== null) report(ending.error);
  return failure ?? ending.status;
}

/** So many batches before signals and the agent's news get a turn. */
const BATCHES_A_TURN = 16;

export class Recorder {
  readonly #writer: RecordingWriter;
  readonly #ring: SharedArrayBuffer;
  readonly #index: number;
  readonly #reader: RingReader;
  #failure: number | null = null;

  /** Opens the file: one that cannot be written ends the command, and the session with it, before the workload starts. */
  static of({ capture }: Session, path: string): Recorder {
    try {
      return new Recorder(path, capture.ring, capture.reader());
    } catch (error) {
      capture.close();
      throw error;
    }
  }

  private constructor(path: string, ring: SharedArrayBuffer, index: number) {
    this.#writer = new RecordingWriter(path);
    this.#ring = ring;
    this.#index = index;
    this.#reader = new RingReader(ring, index);
  }

  host(stream: number, hostname: string): void {
    this.#try(() => this.#writer.host(stream, hostname));
  }

  readonly onWake = (): void => {
    if (this.#drain()) setImmediate(this.onWake);
  };

  /** Writes what is left; gives an exit status where it failed. */
  end(): number | null {
    while (this.#drain());
    this.#try(() => this.#writer.close());
    if (this.#failure === null)
      say(
        `vedette: recorded ${counted(this.#writer.events, "event")} in ${counted(this.#writer.batches, "batch", "batches")}`,
      );
    return this.#failure;
  }

  /** True when there may be more. */
  #drain(): boolean {
    for (let i = 0; i < BATCHES_A_TURN && this.#failure === null; i++) {
      const raw = this.#reader.next(0);
      if (raw === null) return false;
      this.#try(() => this.#writer.batch(raw.stream, raw.bytes, raw.count));
    }
    this.#reader.release();
    return this.#failure === null;
  }

  /** A full disk ends the recording, never the workload: nobody waits for us any more. */
  #try(write: () => void): void {
    if (this.#failure !== null) return;
    try {
      write();
    } catch (error) {
      this.#failure = report(error);
      closeReader(this.#ring, this.#index);
    }
  }
}
