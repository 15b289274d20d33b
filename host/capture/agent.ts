// SPDX-License-Identifier: Apache-2.0
// Receives what agents send. The addon's threads put checked batches into a ring. This class gives out places
// for the ring's readers, starts vedette-capture with one end of a socket pair, or lets agents connect. It
// does no work per event. The order is fixed: hello, batches, end, closed, exit. Readers see the end of the
// ring only after the last batch. The addon reads nothing that follows a hello until onHello has returned
// without an error.
import { constants } from "node:os";
import { type ErrorCode, VedetteError } from "../errors.js";
import { nativeFile } from "../paths.js";
import { reasonOfErrno } from "../reason.js";
import { loadAddon, type News, type Receiver, type ReceiverState, type Stdio, type StreamCounts } from "./addon.js";
import {
  ackFrame,
  ageFrame,
  type End,
  errorFrame,
  fillFrame,
  type HashAnswer,
  type HashRequest,
  type Hello,
  hashFrame,
  preventFrame,
  RESPONSE_ACTIONS,
  type ResponseAction,
  type ResponseAnswer,
  type ResponseRequest,
  readEnd,
  readHashed,
  readHello,
  readPrevented,
  readResponded,
  readyFrame,
  respondFrame,
  watchFrame,
} from "./hello.js";
import { freeNumber, type Inherited, stillOpen } from "./inheritance.js";
import { CONTROL_BYTES, closeRing, openReader, wakeReaders } from "./ring.js";
import { type AgentUsage, readUsage, usageFrame } from "./usage.js";

export type {
  AgentUsage,
  End,
  HashAnswer,
  HashRequest,
  Hello,
  ResponseAction,
  ResponseAnswer,
  ResponseRequest,
  StreamCounts,
};
export { RESPONSE_ACTIONS };

/** What Capture calls, on the thread that made it. */
export interface CaptureHandlers {
  /**
   * Something new stands in the ring (readers that wait are awake already). Coalesced: not one call a batch.
   */
  readonly onWake?: () => void;
  /** Throws a VedetteError when it may not come in. */
  readonly onHello?: (hello: Hello) => void;
  readonly onEnd?: (end: End) => void;
  /** It has answered a table: why it cannot hold it; empty when it does. */
  readonly onPrevented?: (stream: number, obstacle: string) => void;
  /** It says what came of a request. */
  readonly onResponded?: (stream: number, answer: ResponseAnswer) => void;
  /** It says what a process runs. */
  readonly onHashed?: (stream: number, answer: HashAnswer) => void;
  /** It says what its container uses. */
  readonly onUsage?: (stream: number, usage: AgentUsage) => void;
  /** A stream was closed; `error` when it was we who refused it. */
  readonly onClosed?: (stream: number, error: VedetteError | null, counts: StreamCounts | undefined) => void;
  /** A stream that never said hello was closed, for this. */
  readonly onStranger?: (error: VedetteError) => void;
  /**
   * Somebody connected who may not, or for whom there is no place; `more` others since the last word of it.
   */
  readonly onRefused?: (error: VedetteError, more: number) => void;
  /** The agent's process that start() made is gone: a status, or a signal's name. */
  readonly onExit?: (status: number | null, signal: NodeJS.Signals | null) => void;
}

/** The ring is allocated once and never grows. */
export interface CaptureOptions extends CaptureHandlers {
  /** Of the ring, a power of two; default 8 MiB. */
  readonly ringBytes?: number;
}

/**
 * How start() makes the agent. `executable` defaults to the built vedette-capture, `environment` to our own.
 */
export interface AgentOptions {
  /** Empty where the options say `--attach`. */
  readonly command: readonly string[];
  /** More options of vedette-capture, before the `--`. */
  readonly options?: readonly string[];
  readonly executable?: string;
  readonly environment?: NodeJS.ProcessEnv;
  /** Descriptors beside the standard streams that are the workload's: inheritedDescriptors(). */
  readonly inherited?: readonly Inherited[];
  /** What the workload has as its standard streams; our own where it is left out. */
  readonly stdio?: Stdio;
}

/** What follows `--` is a command, whatever it looks like. */
const workloadOf = ({ command }: AgentOptions): string[] => (command.length === 0 ? [] : ["--", ...command]);

const RING_BYTES = 8 << 20;
const OURS: Stdio = [0, 1, 2];

/**
 * The receiving side of agents. It throws VEDETTE_ADDON_MISSING where there is no addon, and
 * VEDETTE_AGENT_MISSING where the executable cannot be started.
 */
export class Capture {
  readonly ring: SharedArrayBuffer;
  readonly #handlers: CaptureHandlers;
  readonly #receiver: Receiver;
  readonly #open = new Set<number>();
  /** Where agents are taken in; empty: nowhere. */
  #address = "";
  #pid = 0;

  constructor(options: CaptureOptions = {}) {
    this.#handlers = options;
    this.ring = new SharedArrayBuffer(CONTROL_BYTES + (options.ringBytes ?? RING_BYTES));
    this.#receiver = new (loadAddon().Receiver)(new Uint8Array(this.ring), () => ending(() => this.#onNews()));
  }

  /**
   * The index of a new reader, for `new RingReader(capture.ring, index)` in any thread. Take it before
   * start().
   */
  reader(): number {
    return openReader(this.ring);
  }

  /**
   * Starts the agent, which starts the command. It has our standard streams unless it is given others; ours
   * are not touched.
   */
  start(options: AgentOptions): number {
    const executable = options.executable ?? nativeFile("vedette-capture");
    const inherited = stillOpen(options.inherited ?? []);
    const streamFd = freeNumber(inherited);
    const argv = [executable, "--host", `fd:${streamFd}`, ...(options.options ?? []), ...workloadOf(options)];
    const environment = environmentOf(options.environment ?? process.env);
    const started = this.#receiver.start(executable, argv, environment, inherited, streamFd, options.stdio ?? OURS);
    if ("error" in started)
      throw new VedetteError("VEDETTE_AGENT_MISSING", { path: executable, reason: reasonOfErrno(started.error) });
    this.#open.add(started.stream);
    this.#pid = started.pid;
    return started.pid;
  }

  /**
   * Takes agents in at a path, @NAME or 127.0.0.1:PORT (gives the port). `users`: user ids beside our own and
   * root.
   */
  listen(address: string, users: readonly number[] = []): number {
    const listening = this.#receiver.listen(address, users);
    if ("error" in listening)
      throw new VedetteError("VEDETTE_LISTEN_REFUSED", { address, reason: reasonOfErrno(listening.error) });
    this.#address = address;
    return listening.port;
  }

  get pid(): number {
    return this.#pid;
  }

  /** Policies are loaded: an agent with `--start security` lets the workload begin. */
  ready(stream: number): boolean {
    return this.#receiver.send(stream, readyFrame());
  }

  /** What the agent is to deny from now on. False: it was not sent. */
  prevent(stream: number, version: number, rows: readonly unknown[]): boolean {
    return this.#receiver.send(stream, preventFrame(version, rows));
  }

  /** The files whose opens the agent is to watch from now on. False: it was not sent. */
  watch(stream: number, files: readonly string[]): boolean {
    return this.#receiver.send(stream, watchFrame(files));
  }

  /** What the agent is to do to a process. False: it was not sent. */
  respond(stream: number, request: ResponseRequest): boolean {
    return this.#receiver.send(stream, respondFrame(request));
  }

  /** Which executable a process runs. False: the question was not sent. */
  hash(stream: number, request: HashRequest): boolean {
    return this.#receiver.send(stream, hashFrame(request));
  }

  /**
   * Everything up to this number has been judged: the agent need not keep it for a host that comes after us.
   */
  acknowledge(stream: number, seq: number): boolean {
    return this.#receiver.send(stream, ackFrame(seq));
  }

  /**
   * Asks the agent to say once a second how full its spool and rings are (counts()). An older agent does not.
   */
  askFill(stream: number): boolean {
    return this.#receiver.send(stream, fillFrame());
  }

  /** Asks the agent to say every ten seconds what its container uses (onUsage). An older agent does not. */
  askUsage(stream: number): boolean {
    return this.#receiver.send(stream, usageFrame());
  }

  /**
   * Lets batches of calls like read become so old before the agent seals them, 1 to 100 ms, as long as this
   * connection lives. An older agent does not heed it.
   */
  letAge(stream: number, ms: number): boolean {
    return this.#receiver.send(stream, ageFrame(ms));
  }

  /** Closes a stream and tells the agent why. */
  refuse(stream: number, error: VedetteError): void {
    this.#receiver.send(stream, errorFrame(error));
    this.#closed(stream, error);
  }

  signal(signal: NodeJS.Signals): boolean {
    return this.#receiver.signal(constants.signals[signal]);
  }

  counts(stream: number): StreamCounts | undefined {
    return this.#receiver.counts(stream);
  }

  /** Who is connected, and whether others can be. */
  state(): ReceiverState {
    return this.#receiver.state();
  }

  /** Ends all streams; an agent that still runs goes on without us. */
  close(): void {
    this.#receiver.close();
    this.#endRing();
  }

  #onNews(): void {
    for (const news of this.#receiver.collect()) this.#onOne(news);
    wakeReaders(this.ring);
    this.#handlers.onWake?.();
  }

  #onOne(news: News): void {
    const { stream } = news;
    switch (news.kind) {
      case "hello":
        this.#greet(stream, news.frame);
        break;
      case "end":
        this.#hear(
          stream,
          () => readEnd(stream, news.frame, news.next),
          (end) => this.#handlers.onEnd?.(end),
        );
        break;
      case "prevented":
        this.#hear(
          stream,
          () => readPrevented(news.frame),
          (obstacle) => this.#handlers.onPrevented?.(stream, obstacle),
        );
        break;
      case "responded":
        this.#hear(
          stream,
          () => readResponded(news.frame),
          (answer) => this.#handlers.onResponded?.(stream, answer),
        );
        break;
      case "hashed":
        this.#hear(
          stream,
          () => readHashed(news.frame),
          (answer) => this.#handlers.onHashed?.(stream, answer),
        );
        break;
      case "usage":
        this.#hear(
          stream,
          () => readUsage(news.frame),
          (usage) => this.#handlers.onUsage?.(stream, usage),
        );
        break;
      case "closed":
        this.#closed(stream, news.code === "" ? null : refusal(news));
        break;
      case "exit":
        this.#handlers.onExit?.(...exitOf(news.status));
        break;
      case "refused":
        this.#handlers.onRefused?.(
          new VedetteError("VEDETTE_PEER_REFUSED", { address: this.#address, peer: news.peer }),
          news.more,
        );
    }
  }

  #greet(stream: number, frame: Uint8Array): void {
    this.#open.add(stream);
    this.#hear(
      stream,
      () => readHello(stream, frame),
      (hello) => {
        this.#handlers.onHello?.(hello);
        if (!this.#receiver.admit(stream)) throw new VedetteError("VEDETTE_AGENTS_FULL", { peer: `stream ${stream}` });
      },
    );
  }

  /** A frame that does not read, whatever is wrong with it, or that is refused, ends its stream. */
  #hear<Words>(stream: number, read: () => Words, take: (words: Words) => void): void {
    try {
      take(readable(read));
    } catch (error) {
      if (!(error instanceof VedetteError)) throw error;
      this.refuse(stream, error);
    }
  }

  /** We refuse it, or it is over; what we refused is over later, and is told once. */
  #closed(stream: number, error: VedetteError | null): void {
    const counts = this.#receiver.counts(stream);
    this.#receiver.drop(stream);
    if (!this.#open.delete(stream)) {
      if (error !== null) this.#handlers.onStranger?.(error);
      return;
    }
    if (this.#open.size === 0 && this.#address === "") this.#endRing();
    this.#handlers.onClosed?.(stream, error, counts);
  }

  #endRing(): void {
    closeRing(this.ring);
    wakeReaders(this.ring);
  }
}

/** Throws a VedetteError in any case: the words are a peer's, and cannot be a fault of ours. */
function readable<Words>(read: () => Words): Words {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof VedetteError) throw cause;
    const reason = "a frame has not its documented form";
    throw new VedetteError("VEDETTE_FRAME_UNEXPECTED", { peer: "an agent", reason }, { cause });
  }
}

/**
 * Whatever this throws is a fault of ours and ends the process. Where the addon calls, Node would pass over
 * it (DEP0168), and everything that came at the same time would be lost unsaid.
 */
function ending(work: () => void): void {
  try {
    work();
  } catch (error) {
    setImmediate(() => {
      throw error;
    });
  }
}

function environmentOf(environment: NodeJS.ProcessEnv): string[] {
  return Object.entries(environment).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
}

function refusal(news: News & { kind: "closed" }): VedetteError {
  const { peer, offset } = news;
  return new VedetteError(news.code as ErrorCode, {
    peer,
    offset,
    source: peer,
    reason: news.detail,
    size: offset,
    limit: news.detail,
    theirs: news.detail,
    ours: "another",
  });
}

/** A wait status, as waitpid(2) gives it. */
function exitOf(status: number): [status: number | null, signal: NodeJS.Signals | null] {
  const signal = status & 0x7f;
  if (signal === 0) return [(status >> 8) & 0xff, null];
  const [name] = Object.entries(constants.signals).find(([, number]) => number === signal) ?? ["SIGKILL"];
  return [null, name as NodeJS.Signals];
}
