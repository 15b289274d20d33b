// SPDX-License-Identifier: Apache-2.0
// One workload from its start to its end: an agent that we started, its stream, and the exit status of the
// command. The session is over when the stream has ended and the agent is gone: only then has everything been
// delivered. The status is the workload's own (128+n for a signal), unless something of ours failed.
import { ERRORS } from "../../build/generated/errors.js";
import { VedetteError } from "../errors.js";
import {
  type AgentOptions,
  type AgentUsage,
  Capture,
  type CaptureHandlers,
  type End,
  type HashAnswer,
  type Hello,
  type ResponseAnswer,
  type StreamCounts,
} from "./agent.js";

/** Ours, not the workload's: as env(1), chroot(1) and docker run say it. */
const OWN_FAILURE = 125;
/** What the agent ends with when it has printed an error of the catalogue. */
const FAILURES: ReadonlySet<number> = new Set(Object.values(ERRORS).map(({ exit }) => exit));

/** How a workload and its agent ended. `hello` is null where the agent never said who it was. */
export interface Ending {
  /** What the command exits with. */
  readonly status: number;
  /** What went wrong on our side. */
  readonly error: VedetteError | null;
  readonly hello: Hello | null;
  /** Cumulative, by the agent; empty when it died before it could tell. */
  readonly lost: readonly number[];
  /** Gaps in the numbers that arrived. */
  readonly missing: number;
}

/** As CaptureHandlers; the session keeps the others for itself. */
export interface SessionHandlers {
  readonly onWake?: () => void;
  readonly onHello?: (hello: Hello) => void;
  readonly onPrevented?: (stream: number, obstacle: string) => void;
  readonly onResponded?: (stream: number, answer: ResponseAnswer) => void;
  readonly onHashed?: (stream: number, answer: HashAnswer) => void;
  readonly onUsage?: (stream: number, usage: AgentUsage) => void;
}

/**
 * One agent of ours and its workload. Where the agent cannot be started, start() throws and closes
 * everything.
 */
export class Session {
  readonly capture: Capture;
  /** Resolves when all is over. Readers of the ring may still have batches to read. */
  readonly ending: Promise<Ending>;
  #hello: Hello | null = null;
  #end: End | null = null;
  #counts: StreamCounts | undefined;
  #refusal: VedetteError | null = null;
  #isClosed = false;
  /** The agent has attached the workload, which outlives it. */
  #isAttached = false;
  #exit: { status: number | null; signal: NodeJS.Signals | null } | null = null;
  #resolve!: (ending: Ending) => void;

  constructor(handlers: SessionHandlers = {}) {
    this.ending = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.capture = new Capture(this.#captureHandlers(handlers));
  }

  /** The agent has said that the workload ended. */
  get hasEnded(): boolean {
    return this.#end !== null;
  }

  /** From here on the workload runs, and signals sent to us go to it. */
  start(options: AgentOptions): void {
    this.#isAttached = options.command.length === 0;
    try {
      this.capture.start(options);
    } catch (error) {
      this.capture.close();
      throw error;
    }
  }

  #captureHandlers({ onHello, ...passed }: SessionHandlers): CaptureHandlers {
    return {
      ...passed,
      onHello: (hello) => {
        this.#hello = hello;
        onHello?.(hello);
      },
      onEnd: (end) => {
        this.#end = end;
      },
      onClosed: (_stream, error, counts) => {
        this.#refusal = error;
        this.#counts = counts;
        this.#isClosed = true;
        this.#finish();
      },
      onExit: (status, signal) => {
        this.#exit = { status, signal };
        this.#finish();
      },
    };
  }

  #finish(): void {
    if (!this.#isClosed || this.#exit === null) return;
    const error = this.#refusal ?? this.#failure(this.#exit);
    this.capture.close();
    this.#resolve({
      status: error?.exit ?? this.#workloadStatus(this.#exit.status),
      error,
      hello: this.#hello,
      lost: this.#end?.lost ?? [],
      missing: this.#counts?.missingRecords ?? 0,
    });
  }

  /**
   * The agent that was killed, or ended without a word about the workload. One that could not begin has said
   * why itself.
   */
  #failure({ status, signal }: { status: number | null; signal: NodeJS.Signals | null }): VedetteError | null {
    if (this.#end !== null) return null;
    const pid = this.capture.pid;
    if (signal !== null)
      return new VedetteError(this.#isAttached ? "VEDETTE_WATCH_ENDED" : "VEDETTE_AGENT_KILLED", { pid, signal });
    if (FAILURES.has(status ?? 0)) return null;
    return new VedetteError("VEDETTE_AGENT_LOST", { pid, status: String(status) });
  }

  /** The agent ends as the workload did. One that was killed after it had told has told. */
  #workloadStatus(agentStatus: number | null): number {
    if (agentStatus !== null || this.#end === null) return agentStatus ?? OWN_FAILURE;
    return this.#end.signal !== 0 ? 128 + this.#end.signal : this.#end.status;
  }
}
