// SPDX-License-Identifier: Apache-2.0
// The sidecar at work: takes agents in, says to each what it has of it already and that policies are ready, and acknowledges
// what was judged. It keeps no state of its own: after a restart agents come back and send what was not acknowledged.
//
//   hello - secret, name (guests.ts) - what ECS says (metadata.ts) - "ack" - "ready" - batches - "ack" ... - end - "ack"
import { hostname } from "node:os";
import { Capture, type End, type Hello, type StreamCounts } from "../capture/agent.js";
import { Heartbeat, LOOK_MS } from "../capture/heartbeat.js";
import type { TaskMetadata } from "../ecs/metadata.js";
import { Engine } from "../engine/engine.js";
import { Bucket, SUPPRESSED } from "../engine/limiter.js";
import { Progress } from "../engine/progress.js";
import { explain, VedetteError } from "../errors.js";
import type { Alert } from "../output/alert.js";
import { type GuardNews, guardAlert } from "../output/guard-alert.js";
import { lossText } from "../output/summary.js";
import type { LoadedPolicy } from "../policy/load.js";
import { Prevention } from "../policy/prevention.js";
import type { PolicyService } from "../policy/service.js";
import { reasonOf, reasonOfErrno } from "../reason.js";
import type { ContainerFact, ContainerFacts } from "../wire/container.js";
import { Doubts } from "./doubts.js";
import { type Guest, Guests } from "./guests.js";
import { type BatchFacts, Ledger } from "./ledger.js";
import type { Monitor } from "./monitor.js";
import type { Secrets } from "./secret.js";

export interface StationOptions {
  readonly policies: readonly LoadedPolicy[];
  /** Threads that judge. */
  readonly workers: number;
  /** Tenants' policies, status and alerts. */
  readonly service: PolicyService;
  readonly secrets: Secrets;
  readonly metadata: TaskMetadata;
  readonly monitor: Monitor;
  readonly onAlert: (alert: Alert) => void;
  /** What happened to whom, in a sentence. */
  readonly say: (line: string) => void;
}

/** How soon a judged batch is acknowledged. */
const TURN_MS = 5;
/** Half of what a host without agents' spools has: the sidecar of the smallest task stays under 100 MiB. */
const RING_BYTES = 4 << 20;
const ANY_USER = 0xffffffff;
/** An agent whose connection broke is back sooner, if it lives. */
const RETURN_MS = 1_000;
/** How often the end of the last stream is looked for. */
const DRAIN_MS = 20;

export class Station {
  readonly #capture: Capture;
  readonly #guests: Guests;
  readonly #ledger: Ledger;
  readonly #engine: Engine;
  readonly #prevention: Prevention;
  readonly #options: StationOptions;
  readonly #lost = new Map<string, readonly number[]>();
  /** Words about strangers. */
  readonly #sayings = new Bucket({ burst: 20, perMinute: 20 });
  readonly #doubts = new Doubts((news, guest) => this.#tellOfGuard(news, guest));
  #unsaid = 0;
  readonly #heartbeat: Heartbeat;
  readonly #progress: Progress;
  /** What is to be told if it is still so in a moment: agents that are gone without a word and may be back, and rivals. */
  readonly #missed = new Map<NodeJS.Timeout, () => void>();
  readonly #look: NodeJS.Timeout;
  #problem: string | null = null;
  #isOver = false;
  #turn: NodeJS.Timeout | null = null;
  /** Resolves when it has stopped judging and cannot go on. */
  readonly failed: Promise<VedetteError>;

  /** Resolves when policies are ready; agents are not taken in yet. */
  static async open(options: StationOptions): Promise<Station> {
    let station: Station | null = null;
    const capture = new Capture({
      ringBytes: RING_BYTES,
      onWake: () => station?.onWake(),
      onHello: (hello) => station?.onHello(hello),
      onEnd: (end) => station?.onEnd(end),
      onPrevented: (stream, obstacle) => prevention.onAnswer(stream, obstacle),
      onClosed: (stream, error, counts) => station?.onClosed(stream, error, counts),
      onStranger: (error) => station?.onTurnedAway(error, 0),
      onRefused: (error, more) => station?.onTurnedAway(error, more),
    });
    const prevention = new Prevention(options.policies, {
      send: (stream, version, rows) => capture.prevent(stream, version, rows),
      watch: (stream, files) => capture.watch(stream, files),
      onFault: (error) => handlers.onFault(error, null),
    });
    const workers = Array.from({ length: options.workers }, () => capture.reader());
    const own = capture.reader();
    const handlers = {
      onAlert: (alert: Alert, stream: number) => station?.onAlert(alert, stream),
      onFault: (error: VedetteError, policy: LoadedPolicy | null) => {
        options.monitor.onFault(error);
        options.say(explain(error));
        const alert = options.service.faultAlert(error, policy, hostname());
        options.service.deliver(alert);
        options.onAlert(alert);
      },
      onLog: (policy: string, _level: number, text: string) => options.say(`${policy}: ${text}`),
      onPolicies: (watched: readonly LoadedPolicy[]) => prevention.setPolicies([...options.policies, ...watched]),
    };
    const engine = await Engine.start({
      ring: capture.ring,
      readers: workers,
      policies: options.policies,
      hostname: (stream) => station?.hostname(stream) ?? "",
      ...handlers,
    }).catch((error: unknown) => {
      capture.close();
      throw error;
    });
    await options.service.open(engine, capture.ring, handlers).catch(async (error: unknown) => {
      capture.close();
      await engine.stop();
      throw error;
    });
    station = new Station(options, capture, engine, prevention, [own, ...workers]);
    return station;
  }

  private constructor(
    options: StationOptions,
    capture: Capture,
    engine: Engine,
    prevention: Prevention,
    [own, ...workers]: [number, ...number[]],
  ) {
    this.#options = options;
    this.#capture = capture;
    this.#engine = engine;
    this.#prevention = prevention;
    this.#guests = new Guests(options.secrets);
    this.#ledger = new Ledger(capture.ring, own, workers, {
      onBatch: (stream, batch) => this.#onBatch(stream, batch),
      acknowledge: (stream, seq) => void capture.acknowledge(stream, seq),
    });
    this.#heartbeat = new Heartbeat({
      counts: (stream) => capture.counts(stream),
      onSilent: (stream) => this.#onSilent(stream),
      onHeard: (stream) => options.say(`${this.#guests.get(stream)?.name} is heard again`),
    });
    this.#progress = new Progress(capture.ring, workers);
    this.#look = setInterval(() => this.#lookAround(), LOOK_MS);
    this.failed = engine.finished.then(
      () => new Promise<never>(() => undefined), // it ended as it should
      (error: unknown) => this.#fail(error),
    );
  }

  /** Twice a second: who is silent, and what does not move. */
  #lookAround(): void {
    this.#heartbeat.look(this.#guests.heard());
    for (const stream of this.#guests.forgetLeft()) this.#engine.setContainer(stream, null);
    const { obstacle } = this.#capture.state();
    const stuck = this.#progress.stuck();
    if (this.#isOver) return;
    if (stuck > 0) this.#problem = `${stuck} policy workers do not move`;
    else if (obstacle !== 0) this.#problem = `agents cannot be taken in: ${reasonOfErrno(obstacle)}`;
    else this.#problem = null;
  }

  /** Its agents keep what was not judged for the host that comes after it. */
  #fail(cause: unknown): VedetteError {
    const error = new VedetteError("VEDETTE_STOPPED_JUDGING", { reason: reasonOf(cause) }, { cause });
    this.#isOver = true;
    this.#problem = error.message;
    this.#tellOfGuard({
      rule: "Vedette stopped judging",
      output: "The host has stopped judging, and ends",
      fields: { "vedette.reason": reasonOf(cause) },
      hostname: hostname(),
    });
    this.#endTimers();
    this.#ledger.close();
    this.#capture.close();
    void this.#engine.stop();
    return error;
  }

  /** From here on agents are taken in. Whoever knows the secret may be any user; gives the port of a TCP address. */
  async listen(address: string): Promise<number> {
    try {
      const port = this.#capture.listen(address, this.#options.secrets.areNone ? [] : [ANY_USER]);
      this.#options.monitor.health = () => this.#problem;
      return port;
    } catch (error) {
      clearInterval(this.#look);
      this.#capture.close();
      await this.#engine.stop();
      throw error;
    }
  }

  /** Takes what still comes until every agent has ended, or the time is up; then judges what is there. */
  async drain(ms: number): Promise<void> {
    const deadline = performance.now() + ms;
    const isOver = () => this.#guests.size === 0 && this.#ledger.isIdle;
    while (!isOver() && performance.now() < deadline) await pause(DRAIN_MS);
    this.#ledger.turn();
    this.#ledger.turn();
    this.#endTimers();
    this.#ledger.close();
    this.#capture.close();
    await this.#engine.finished;
    await this.#options.service.close();
  }

  /** What would still be told after a while is told now. */
  #endTimers(): void {
    if (this.#turn !== null) clearTimeout(this.#turn);
    clearInterval(this.#look);
    for (const [timer, tell] of this.#missed) {
      clearTimeout(timer);
      tell();
    }
  }

  hostname(stream: number): string {
    return this.#guests.author(stream)?.hostname ?? "";
  }

  onWake(): void {
    this.#turn ??= setTimeout(() => {
      this.#turn = null;
      this.#ledger.turn();
      if (!this.#ledger.isIdle) this.onWake();
    }, TURN_MS);
  }

  /** Throws when it is refused: the capture tells the agent and ends the stream. */
  onHello(hello: Hello): void {
    const guest = this.#admit(hello);
    this.#options.monitor.onAgents(this.#guests.size);
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
    const tell = (): void => {
      this.#missed.delete(timer);
      if (this.#guests.get(rival.stream) === rival) this.#doubts.onRival(guest, rival);
    };
    const timer = setTimeout(tell, RETURN_MS);
    this.#missed.set(timer, tell);
  }

  async #welcome(guest: Guest, hello: Hello): Promise<void> {
    const told = await this.#options.metadata.find(this.#guests.clueOf(guest, hello));
    guest.facts = this.#guests.factsOf(guest, hello, told);
    if (this.#guests.get(guest.stream) !== guest) return; // it has left meanwhile
    this.#engine.setContainer(guest.stream, guest.facts);
    this.#options.say(`watching ${guest.name}: ${hello.command.join(" ").slice(0, 200)}`);
    this.#capture.acknowledge(guest.stream, this.#ledger.received(guest.source));
    // What is to be denied is known before the first exec (--start security).
    if (this.#prevention.greet(guest.stream, guest.name, guest.facts)) this.#capture.ready(guest.stream);
    if (told === null) await this.#learnLater(guest, hello);
  }

  /** Its workload does not wait for ECS. */
  async #learnLater(guest: Guest, hello: Hello): Promise<void> {
    const isThere = () => this.#guests.get(guest.stream) === guest;
    const told = await this.#options.metadata.findLater(this.#guests.clueOf(guest, hello), isThere);
    if (told === null || !isThere()) return;
    guest.facts = this.#guests.factsOf(guest, hello, told);
    this.#engine.setContainer(guest.stream, guest.facts);
    this.#prevention.greet(guest.stream, guest.name, guest.facts);
  }

  onEnd({ stream, lost }: End): void {
    const guest = this.#guests.get(stream);
    if (guest === undefined) return;
    guest.hasEnded = true;
    this.#ledger.end(stream, guest.source);
    this.#onLost(guest, lost);
    this.onWake();
  }

  onClosed(stream: number, error: VedetteError | null, counts: StreamCounts | undefined): void {
    const guest = this.#guests.leave(stream);
    this.#prevention.leave(stream);
    this.#options.monitor.onAgents(this.#guests.size);
    this.#ledger.forget(stream);
    if (error !== null) this.onTurnedAway(error, 0);
    if (guest !== undefined) {
      if (!guest.hasEnded) this.#onMissed(guest, error);
      const losses = lossText({ lost: this.#lost.get(guest.source) ?? [], missing: counts?.missingRecords ?? 0 });
      const how = guest.hasEnded
        ? "has left"
        : "is gone without a word (its agent was killed, or its connection broke)";
      this.#options.say(`${guest.name} ${how}: ${counts?.records ?? 0} events, ${losses}`);
    }
  }

  /** It is gone and has not said that its workload ended. */
  #onMissed(guest: Guest, error: VedetteError | null): void {
    const cause = error === null ? "its connection ended" : `it was refused: ${error.code}`;
    const tell = (): void => {
      this.#missed.delete(timer);
      const isBack = this.#guests.has(guest.source);
      this.#options.monitor.onGone(guest.name, isBack ? "returned" : (error?.code ?? "closed"));
      if (isBack) this.#options.say(`${guest.name} is back: its connection had broken`);
      else
        this.#tellOfGuest(
          guest,
          "Agent gone without a word",
          "An agent is gone without a word, nothing of its container is seen any more",
          cause,
        );
    };
    const timer = setTimeout(tell, RETURN_MS);
    this.#missed.set(timer, tell);
  }

  #onSilent(stream: number): void {
    const guest = this.#guests.get(stream);
    if (guest === undefined) return;
    this.#options.monitor.onSilent(guest.name);
    const cause = "it is connected and says nothing: it was stopped, or its connection was taken from it";
    this.#tellOfGuest(guest, "Agent silent", "An agent is silent, nothing of its container is seen", cause);
  }

  #tellOfGuest(guest: Guest, rule: GuardNews["rule"], output: string, cause: string): void {
    const fields = { "container.name": guest.name, "agent.pid": guest.pid, "agent.cause": cause };
    this.#tellOfGuard({ rule, output, fields, hostname: guest.hostname }, guest);
  }

  #tellOfGuard(news: GuardNews, guest: Guest | null = null): void {
    const alert = withFacts(guardAlert(news), guest?.facts ?? null);
    this.#options.monitor.onAlert(alert);
    this.#options.onAlert(alert);
  }

  /** Somebody was refused, and `more` others. Whoever can connect can have this happen: it is counted, and said so many times a minute. */
  onTurnedAway(error: VedetteError, more: number): void {
    this.#options.monitor.onRefusal(error, 1 + more);
    this.#unsaid += more;
    if (!this.#sayings.take(performance.now() * 1e6)) {
      this.#unsaid++;
      return;
    }
    const others = this.#unsaid === 0 ? "" : ` (${this.#unsaid} others were refused before this)`;
    this.#unsaid = 0;
    this.#options.say(`${explain(error)}${others}`);
  }

  onAlert(alert: Alert, stream: number): void {
    this.#options.monitor.onAlert(alert);
    const author = this.#authorOf(alert, stream);
    const whole = { ...withFacts(alert, author?.facts ?? null), hostname: author?.hostname ?? "" };
    this.#options.service.deliver(whole);
    this.#options.onAlert(whole);
  }

  /** What a limit kept back is told of with the next batch, whoever's that is: it says itself which container it is about. */
  #authorOf({ rule, source, outputFields }: Alert, stream: number): Guest | undefined {
    if (source !== "internal" || rule !== SUPPRESSED) return this.#guests.author(stream);
    const id = outputFields.find(([name]) => name === "container.id")?.[1];
    return typeof id === "string" ? this.#guests.ofContainer(id) : undefined;
  }

  #onBatch(stream: number, batch: BatchFacts): void {
    const guest = this.#guests.get(stream);
    if (guest === undefined) return;
    this.#options.monitor.onBatch(guest.name, batch);
    for (const stranger of batch.strangers)
      this.#options.say(explain(new VedetteError("VEDETTE_STRANGER_REFUSED", { ...stranger, container: guest.name })));
    this.#onLost(guest, batch.lost);
  }

  #onLost(guest: Guest, lost: readonly number[]): void {
    this.#lost.set(guest.source, lost);
    this.#options.monitor.onLost(guest.name, guest.source, lost);
  }
}

/** Every alert says which task, container and image it is about, whatever its rule's output says. */
const FIELDS: Readonly<Record<string, ContainerFact>> = {
  "container.id": "id",
  "container.name": "name",
  "container.image": "image",
  "container.image.digest": "imageDigest",
  "ecs.cluster": "cluster",
  "ecs.task.arn": "taskArn",
  "ecs.task.family": "taskFamily",
  "ecs.task.revision": "taskRevision",
  "ecs.availability_zone": "availabilityZone",
};

function withFacts(alert: Alert, facts: ContainerFacts | null): Alert {
  if (facts === null) return alert;
  const has = new Set(alert.outputFields.map(([name]) => name));
  const more = Object.entries(FIELDS).filter(([name]) => !has.has(name));
  return {
    ...alert,
    outputFields: [...alert.outputFields, ...more.map(([name, fact]) => [name, facts[fact]] as const)],
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
