// SPDX-License-Identifier: Apache-2.0
// The intake of a sidecar: agents that connect to us. It tells each agent which batches it has already and
// that policies are ready, and acknowledges what was judged. It keeps nothing on disk: after a restart agents
// connect again and send what was not acknowledged.
//
//   hello - secret, name (guests.ts) - what ECS says (host/ecs) - "ack" - "ready" - batches - "ack" ... - end - "ack"
import { chmodSync } from "node:fs";
import { hostname } from "node:os";
import {
  Capture,
  type End,
  type HashRequest,
  type Hello,
  type ResponseRequest,
  type StreamCounts,
} from "../capture/agent.js";
import { Heartbeat, LOOK_MS } from "../capture/heartbeat.js";
import { ringFill } from "../capture/ring.js";
import type { TaskMetadata } from "../ecs/metadata.js";
import { Bucket } from "../engine/limiter.js";
import { explain, VedetteError } from "../errors.js";
import type { Say } from "../log.js";
import type { GuardNews } from "../output/guard-alert.js";
import { lossText } from "../output/summary.js";
import { reasonOfErrno } from "../reason.js";
import { batchAgeMs } from "../small-task.js";
import { Doubts, QuotaByContainer } from "./doubts.js";
import { fillsOf } from "./fills.js";
import { type Guest, Guests } from "./guests.js";
import { type ArrivedBatch, Ledger } from "./ledger.js";
import type { Intake, IntakeCounts, IntakeHandlers, IntakeHealth, Peer, PeerFill, PeerUsage } from "./peer.js";
import type { Secrets } from "./secret.js";
import { type TakeBatch, type Tap, Taps } from "./tap.js";
import { Usages } from "./usages.js";

/**
 * What the sidecar's intake needs from its sensor. One reader's place in the ring is kept for each of
 * `workers`.
 */
export interface AgentsOptions {
  /** Threads that will read what comes. */
  readonly workers: number;
  readonly secrets: Secrets;
  readonly metadata: TaskMetadata;
  /** Null: nobody counts. */
  readonly counts: IntakeCounts | null;
  /** What happened to whom, in a sentence. */
  readonly say: Say;
}

/** Half of what a host without agents' spools has: the smallest task has 512 MiB for all its containers. */
const RING_BYTES = 4 << 20;
const ANY_USER = 0xffffffff;
/** Containers run as users of their own; the secret, not the file's mode, decides who is heard. */
const SOCKET_MODE = 0o666;
/** An agent whose connection broke is back sooner, if it lives. */
const RETURN_MS = 1_000;
/** How often it is looked whether others have what was judged. */
const KEPT_MS = 50;
/** How often the end of the last stream is looked for. */
const DRAIN_MS = 20;

/** The intake of `serve`. Its constructor opens the ring; agents are taken in from listen() on. */
export class Agents implements Intake {
  readonly ring: SharedArrayBuffer;
  readonly readers: readonly number[];
  readonly isRecorded = false;
  readonly unjudged = "Start it again: agents keep the events that were not judged, and send them then.";
  readonly #options: AgentsOptions;
  readonly #handlers: IntakeHandlers;
  readonly #capture: Capture;
  readonly #guests: Guests;
  readonly #ledger: Ledger;
  readonly #taps: Taps;
  readonly #lost = new Map<string, readonly number[]>();
  /** Words about strangers. */
  readonly #sayings = new Bucket({ burst: 20, perMinute: 20 });
  readonly #usages = new Usages();
  readonly #doubts: Doubts;
  /** Alerts about agents that are gone or silent. */
  readonly #ends = new QuotaByContainer();
  #unsaid = 0;
  #isKept = (_stream: number, _seq: number): boolean => true;
  #keeping: NodeJS.Timeout | null = null;
  #isClosed = false;
  readonly #heartbeat: Heartbeat;
  /**
   * What is to be told if it is still so in a moment: agents that are gone without a word and may be back,
   * and rivals.
   */
  readonly #missed = new Map<NodeJS.Timeout, () => void>();
  readonly #look: NodeJS.Timeout;

  constructor(options: AgentsOptions, handlers: IntakeHandlers) {
    this.#options = options;
    this.#handlers = handlers;
    this.#doubts = new Doubts(handlers.onNews);
    const capture = new Capture({
      ringBytes: RING_BYTES,
      onWake: () => this.#onWake(),
      onHello: (hello) => this.#onHello(hello),
      onEnd: (end) => this.#onEnd(end),
      onPrevented: (stream, obstacle) => this.#onPrevented(stream, obstacle),
      onResponded: (stream, answer) => {
        const guest = this.#guests.get(stream);
        if (guest !== undefined) handlers.onResponded(guest, answer);
      },
      onHashed: (stream, answer) => {
        const guest = this.#guests.get(stream);
        if (guest !== undefined) handlers.onHashed(guest, answer);
      },
      onUsage: (stream, usage) => {
        const guest = this.#guests.get(stream);
        if (guest !== undefined) this.#usages.hear(guest, usage);
      },
      onClosed: (stream, error, counts) => this.#onClosed(stream, error, counts),
      onStranger: (error) => this.#onTurnedAway(error, 0),
      onRefused: (error, more) => this.#onTurnedAway(error, more),
    });
    this.#capture = capture;
    this.ring = capture.ring;
    this.#taps = new Taps(this.ring);
    this.readers = Array.from({ length: options.workers }, () => capture.reader());
    this.#guests = new Guests(options.secrets);
    this.#ledger = new Ledger(capture.ring, capture.reader(), this.readers, {
      onBatch: (stream, batch) => this.#onBatch(stream, batch),
      acknowledge: (stream, seq) => void capture.acknowledge(stream, seq),
      isKept: (stream, seq) => this.#isKept(stream, seq),
    });
    this.#heartbeat = new Heartbeat({
      counts: (stream) => capture.counts(stream),
      onSilent: (stream) => this.#onSilent(stream),
      onHeard: (stream) => options.say(`${this.#guests.get(stream)?.name} is heard again`),
    });
    this.#look = setInterval(() => this.#lookAround(), LOOK_MS);
  }

  /**
   * From here on agents are taken in. Whoever knows the secret may be any user; gives the port of a TCP
   * address.
   */
  listen(address: string): number {
    const { areNone } = this.#options.secrets;
    const port = this.#capture.listen(address, areNone ? [] : [ANY_USER]);
    if (address.startsWith("/") && !areNone) chmodSync(address, SOCKET_MODE);
    return port;
  }

  peer(number: number): Peer | null {
    return this.#guests.author(number) ?? null;
  }

  ofContainer(id: string): Peer | null {
    return this.#guests.ofContainer(id) ?? null;
  }

  hostname(number: number): string {
    return this.#guests.author(number)?.hostname ?? "";
  }

  prevent({ number }: Peer, version: number, rows: readonly unknown[]): boolean {
    return this.#capture.prevent(number, version, rows);
  }

  watch({ number }: Peer, files: readonly string[]): boolean {
    return this.#capture.watch(number, files);
  }

  respond({ number }: Peer, request: ResponseRequest): boolean {
    return this.#capture.respond(number, request);
  }

  hash({ number }: Peer, request: HashRequest): boolean {
    return this.#capture.hash(number, request);
  }

  tap(take: TakeBatch): Tap {
    return this.#taps.open(take);
  }

  keepBy(isKept: (stream: number, seq: number) => boolean): void {
    this.#isKept = isKept;
    this.#keeping = setInterval(() => this.#ledger.turn(), KEPT_MS);
  }

  acknowledge(): boolean {
    this.#ledger.turn();
    return this.#ledger.isIdle || (this.#keeping !== null && this.#ledger.waitsForOthers);
  }

  health(): IntakeHealth {
    const { obstacle } = this.#capture.state();
    return {
      kind: "agents",
      peers: this.#guests.size,
      problem: obstacle === 0 ? null : `agents cannot be taken in: ${reasonOfErrno(obstacle)}`,
      ring: ringFill(this.ring, this.readers),
    };
  }

  fills(): readonly PeerFill[] {
    return fillsOf(this.#guests.all(), (stream) => this.#capture.counts(stream));
  }

  usages(): readonly PeerUsage[] {
    return this.#usages.of(this.#guests.all());
  }

  /**
   * Takes what still comes until every agent has ended, or the time is up. From then on nothing more comes.
   */
  async drain(ms: number): Promise<void> {
    const deadline = performance.now() + ms;
    const isOver = () => this.#guests.size === 0 && this.#ledger.isIdle;
    while (!isOver() && performance.now() < deadline) await pause(DRAIN_MS);
    this.#ledger.turn();
    this.#ledger.turn();
    this.close();
  }

  /** Agents keep what was not judged for the host that comes after this one. */
  abandon(reason: string): GuardNews {
    this.close();
    return {
      rule: "Vedette stopped judging",
      output: "The host has stopped judging, and ends",
      fields: { "vedette.reason": reason },
      hostname: hostname(),
    };
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#look);
    clearInterval(this.#keeping ?? undefined);
    // What would still be told after a while is told now.
    for (const [timer, tell] of this.#missed) {
      clearTimeout(timer);
      tell();
    }
    this.#ledger.close();
    this.#capture.close();
  }

  /** Twice a second: who is silent, and who left long ago. */
  #lookAround(): void {
    this.#heartbeat.look(this.#guests.heard());
    for (const number of this.#guests.forgetLeft()) this.#handlers.onForgotten(number);
  }

  #onWake(): void {
    this.#taps.onWake();
    this.#handlers.onWake();
  }

  /** Throws when it is refused: the capture tells the agent and ends the stream. */
  #onHello(hello: Hello): void {
    const guest = this.#admit(hello);
    this.#options.counts?.onAgents(this.#guests.size);
    const rival = this.#guests.rivalOf(guest);
    if (rival !== undefined) this.#onRival(guest, rival);
    void this.#welcome(guest, hello);
  }

  #admit(hello: Hello): Guest {
    try {
      return this.#guests.admit(hello);
    } catch (error) {
      if (error instanceof VedetteError && error.code === "VEDETTE_NAME_UNPROVEN") this.#doubts.onUnproven(hello);
      throw error;
    }
  }

  /** A container that was started anew is no dispute: its old agent's connection ends in a moment. */
  #onRival(guest: Guest, rival: Guest): void {
    this.#tellLater(() => {
      if (this.#guests.get(rival.number) === rival) this.#doubts.onRival(guest, rival);
    });
  }

  #tellLater(what: () => void): void {
    const tell = (): void => {
      this.#missed.delete(timer);
      what();
    };
    const timer = setTimeout(tell, RETURN_MS);
    this.#missed.set(timer, tell);
  }

  async #welcome(guest: Guest, hello: Hello): Promise<void> {
    const told = await this.#options.metadata.find(this.#guests.clueOf(guest, hello));
    guest.facts = this.#guests.factsOf(guest, hello, told);
    if (this.#guests.get(guest.number) !== guest) return; // it has left meanwhile
    this.#options.say(`watching ${guest.name}: ${hello.command.join(" ").slice(0, 200)}`);
    this.#capture.acknowledge(guest.number, this.#ledger.received(guest.source));
    this.#capture.askFill(guest.number);
    this.#capture.askUsage(guest.number);
    const ageMs = batchAgeMs();
    if (ageMs !== null) this.#capture.letAge(guest.number, ageMs);
    // What is to be denied is known before the first exec (--start security).
    if (this.#handlers.onHello(guest)) this.#capture.ready(guest.number);
    if (told === null) await this.#learnLater(guest, hello);
  }

  /** Its workload does not wait for ECS. */
  async #learnLater(guest: Guest, hello: Hello): Promise<void> {
    const isThere = () => this.#guests.get(guest.number) === guest;
    const told = await this.#options.metadata.findLater(this.#guests.clueOf(guest, hello), isThere);
    if (told === null || !isThere()) return;
    guest.facts = this.#guests.factsOf(guest, hello, told);
    this.#handlers.onFacts(guest);
  }

  #onPrevented(stream: number, obstacle: string): void {
    const guest = this.#guests.get(stream);
    if (guest !== undefined) this.#handlers.onPrevented(guest, obstacle);
  }

  #onEnd({ stream, lost, next }: End): void {
    const guest = this.#guests.get(stream);
    if (guest === undefined || guest.hasEnded) return;
    guest.hasEnded = true;
    this.#ledger.end(stream, next > 0 ? next : this.#ledger.received(guest.source) + 1);
    this.#onLost(guest, lost);
    this.#handlers.onEnding?.(guest);
    this.#onWake();
  }

  #onClosed(stream: number, error: VedetteError | null, counts: StreamCounts | undefined): void {
    const guest = this.#guests.leave(stream);
    this.#options.counts?.onAgents(this.#guests.size);
    this.#ledger.forget(stream);
    if (guest !== undefined) this.#handlers.onLeft(guest);
    if (error !== null) this.#onTurnedAway(error, 0);
    if (guest === undefined) return;
    if (!guest.hasEnded) this.#onMissed(guest, error);
    const losses = lossText({ lost: this.#lost.get(guest.source) ?? [], missing: counts?.missingRecords ?? 0 });
    if (!this.#guests.has(guest.source)) this.#lost.delete(guest.source);
    const how = guest.hasEnded ? "has left" : "is gone without a word (its agent was killed, or its connection broke)";
    const level = guest.hasEnded ? "info" : "warning";
    this.#options.say(`${guest.name} ${how}: ${counts?.records ?? 0} events, ${losses}`, level);
  }

  /** It is gone and has not said that its workload ended. */
  #onMissed(guest: Guest, error: VedetteError | null): void {
    const cause = error === null ? "its connection ended" : `it was refused: ${error.code}`;
    this.#tellLater(() => {
      const isBack = this.#guests.has(guest.source);
      this.#options.counts?.onGone(guest.name, isBack ? "returned" : (error?.code ?? "closed"));
      if (isBack) this.#options.say(`${guest.name} is back: its connection had broken`);
      else
        this.#tellOfGuest(
          guest,
          "Agent gone without a word",
          "An agent is gone without a word, nothing of its container is seen any more",
          cause,
        );
    });
  }

  #onSilent(stream: number): void {
    const guest = this.#guests.get(stream);
    if (guest === undefined) return;
    this.#options.counts?.onSilent(guest.name);
    const cause = "it is connected and says nothing: it was stopped, or its connection was taken from it";
    this.#tellOfGuest(guest, "Agent silent", "An agent is silent, nothing of its container is seen", cause);
  }

  #tellOfGuest(guest: Guest, rule: GuardNews["rule"], output: string, cause: string): void {
    const untold = this.#ends.take(rule, guest.name);
    if (untold === null) return;
    const fields = {
      "container.name": guest.name,
      "agent.pid": guest.pid,
      "agent.cause": cause,
      ...(untold === 0 ? {} : { "agent.ends_untold": untold }),
    };
    this.#handlers.onNews({ rule, output, fields, hostname: guest.hostname }, guest);
  }

  /**
   * Somebody was refused, and `more` others. Whoever can connect can have this happen: it is counted, and
   * said so many times a minute.
   */
  #onTurnedAway(error: VedetteError, more: number): void {
    this.#options.counts?.onRefusal(error, 1 + more);
    this.#unsaid += more;
    if (!this.#sayings.take(performance.now() * 1e6)) {
      this.#unsaid++;
      return;
    }
    const others = this.#unsaid === 0 ? "" : ` (${this.#unsaid} others were refused before this)`;
    this.#unsaid = 0;
    this.#options.say(`${explain(error)}${others}`, "warning");
  }

  #onBatch(stream: number, batch: ArrivedBatch): void {
    const guest = this.#guests.get(stream);
    if (guest === undefined) return;
    this.#options.counts?.onBatch(guest.name, batch);
    for (const stranger of batch.strangers)
      this.#options.say(
        explain(new VedetteError("VEDETTE_STRANGER_REFUSED", { ...stranger, container: guest.name })),
        "warning",
      );
    this.#onLost(guest, batch.lost);
  }

  #onLost(guest: Guest, lost: readonly number[]): void {
    this.#lost.set(guest.source, lost);
    this.#options.counts?.onLost(guest.name, guest.source, lost);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
