// SPDX-License-Identifier: Apache-2.0
// The intake of `run`, `record` and `trace`: one agent that we start ourselves, with its workload. We never
// hold up the workload. If nobody judges any more, it goes on.
import { hostname } from "node:os";
import type { AgentOptions, HashRequest, Hello, ResponseRequest } from "../capture/agent.js";
import { Heartbeat, LOOK_MS } from "../capture/heartbeat.js";
import { closeReader, ringFill } from "../capture/ring.js";
import { type Ending, Session } from "../capture/session.js";
import type { GuardNews } from "../output/guard-alert.js";
import { openChecked } from "../wire/batch.js";
import { factsOf, sourceName } from "./batch-facts.js";
import { fillsOf } from "./fills.js";
import type { Intake, IntakeCounts, IntakeHandlers, IntakeHealth, Peer, PeerFill, PeerUsage } from "./peer.js";
import { type TakeBatch, type Tap, Taps } from "./tap.js";
import { Usages } from "./usages.js";

/** All may be left out: `trace` and `record` judge nothing. */
export interface OwnAgentHandlers extends Partial<IntakeHandlers> {
  /** The agent has said who it is. */
  readonly onHost?: (peer: Peer) => void;
  readonly say?: (line: string) => void;
}

/** What metrics and messages call it. */
const NAME = "this workload";
const SILENCE = "it says nothing: it was stopped, or its connection was taken from it";

/**
 * The intake of one workload that we start. Its stream has no acknowledgements: an agent on a socket pair
 * cannot come back (docs/wire.md).
 */
export class OwnAgent implements Intake {
  readonly ring: SharedArrayBuffer;
  readonly readers: readonly number[];
  readonly isRecorded = false;
  readonly unjudged = "The workload goes on, and nobody judges it. Start it anew to have it judged again.";
  readonly #handlers: OwnAgentHandlers;
  readonly #counts: IntakeCounts | null;
  readonly #session: Session;
  readonly #taps: Taps;
  readonly #heartbeat: Heartbeat;
  readonly #counting: Tap | null;
  #look: NodeJS.Timeout | null = null;
  #peer: Peer | null = null;
  #source = "";
  #holdsTable = false;
  readonly #usages = new Usages();

  /** `workers`: threads that will read what comes. `counts`: null: nobody counts. */
  constructor(workers: number, handlers: OwnAgentHandlers = {}, counts: IntakeCounts | null = null) {
    this.#handlers = handlers;
    this.#counts = counts;
    this.#session = new Session({
      onWake: () => this.#onWake(),
      onHello: (hello) => this.#onHello(hello),
      onPrevented: (_stream, obstacle) => this.#onPrevented(obstacle),
      onResponded: (_stream, answer) => {
        if (this.#peer !== null) handlers.onResponded?.(this.#peer, answer);
      },
      onHashed: (_stream, answer) => {
        if (this.#peer !== null) handlers.onHashed?.(this.#peer, answer);
      },
      onUsage: (_stream, usage) => {
        if (this.#peer !== null) this.#usages.hear(this.#peer, usage);
      },
    });
    const { capture } = this.#session;
    this.ring = capture.ring;
    this.#taps = new Taps(this.ring);
    this.readers = Array.from({ length: workers }, () => capture.reader());
    this.#heartbeat = new Heartbeat({
      counts: (stream) => capture.counts(stream),
      onSilent: () => this.#onSilent(),
      onHeard: () => handlers.say?.("the agent is heard again"),
    });
    this.#counting = counts === null ? null : this.tap(({ bytes }) => this.#count(counts, bytes));
  }

  /**
   * From here on the workload runs, and signals sent to us go to it. Resolves when all is over and has been
   * delivered.
   */
  async run(options: AgentOptions): Promise<Ending> {
    this.#session.start(options);
    this.#look = setInterval(() => this.#heartbeat.look(this.#heard()), LOOK_MS);
    const ending = await this.#session.ending;
    clearInterval(this.#look);
    this.#onEnding(ending);
    return ending;
  }

  /**
   * To the workload, by way of the agent; SIGKILL ends the agent, and all that it traces with it. False: the
   * agent is gone.
   */
  signal(signal: NodeJS.Signals): boolean {
    return this.#session.capture.signal(signal);
  }

  peer(number: number): Peer | null {
    return this.#peer?.number === number ? this.#peer : null;
  }

  /** Nobody has said of which container it is. */
  ofContainer(): null {
    return null;
  }

  hostname(number: number): string {
    return this.peer(number)?.hostname ?? hostname();
  }

  prevent({ number }: Peer, version: number, rows: readonly unknown[]): boolean {
    return this.#session.capture.prevent(number, version, rows);
  }

  watch({ number }: Peer, files: readonly string[]): boolean {
    return this.#session.capture.watch(number, files);
  }

  respond({ number }: Peer, request: ResponseRequest): boolean {
    return this.#session.capture.respond(number, request);
  }

  hash({ number }: Peer, request: HashRequest): boolean {
    return this.#session.capture.hash(number, request);
  }

  tap(take: TakeBatch): Tap {
    return this.#taps.open(take);
  }

  /** Nothing: an agent of ours never outlives us. */
  keepBy(): void {}

  acknowledge(): boolean {
    return true;
  }

  health(): IntakeHealth {
    const peers = this.#heard().length;
    return { kind: "own agent", peers, problem: null, ring: ringFill(this.ring, this.readers) };
  }

  fills(): readonly PeerFill[] {
    return fillsOf(this.#peer === null ? [] : [this.#peer], (stream) => this.#session.capture.counts(stream));
  }

  usages(): readonly PeerUsage[] {
    return this.#peer === null || this.#session.hasEnded ? [] : this.#usages.of([this.#peer]);
  }

  /** The workload goes on, and nobody reads for the workers any more. */
  abandon(reason: string): GuardNews {
    for (const reader of this.readers) closeReader(this.ring, reader);
    return this.#news("Vedette stopped judging", "What the workload does is not judged any more", reason);
  }

  close(): void {
    if (this.#look !== null) clearInterval(this.#look);
    this.#session.capture.close();
  }

  #heard(): number[] {
    return this.#peer === null || this.#session.hasEnded ? [] : [this.#peer.number];
  }

  #onWake(): void {
    this.#taps.onWake();
    this.#handlers.onWake?.();
  }

  #onHello({ stream: number, source, hostname }: Hello): void {
    this.#peer = { number, name: NAME, hostname, facts: null };
    this.#source = sourceName(source);
    this.#counts?.onAgents(1);
    this.#handlers.onHost?.(this.#peer);
    this.#session.capture.askFill(number);
    this.#session.capture.askUsage(number);
    if (this.#handlers.onHello?.(this.#peer) === true) this.#session.capture.ready(number);
  }

  /** The workers judge the rest; all that came is counted. */
  #onEnding({ error, lost }: Ending): void {
    this.#counting?.finish();
    this.#counts?.onLost(NAME, this.#source, lost);
    this.#counts?.onAgents(0);
    if (error === null) return;
    this.#counts?.onGone(NAME, error.code);
    const left = error.code === "VEDETTE_WATCH_ENDED" ? "nobody watches the process" : "the workload with it";
    const output = `The agent is gone without a word, and ${left}`;
    this.#tell("Agent gone without a word", output, error.message);
  }

  #onSilent(): void {
    this.#counts?.onSilent(NAME);
    this.#tell("Agent silent", "The agent is silent, nothing of the workload is seen", SILENCE);
  }

  #count(counts: IntakeCounts, bytes: Uint8Array): true {
    counts.onBatch(NAME, factsOf(openChecked(bytes)));
    return true;
  }

  /** An agent that cannot hold its first table says so itself, and does not begin. */
  #onPrevented(obstacle: string): void {
    if (this.#holdsTable && this.#peer !== null) this.#handlers.onPrevented?.(this.#peer, obstacle);
    this.#holdsTable ||= obstacle === "";
  }

  #tell(rule: GuardNews["rule"], output: string, cause: string): void {
    this.#handlers.onNews?.(this.#news(rule, output, cause), null);
  }

  #news(rule: GuardNews["rule"], output: string, cause: string): GuardNews {
    const fields = { "agent.pid": this.#session.capture.pid, "agent.cause": cause };
    return { rule, output, fields, hostname: hostname() };
  }
}
