// SPDX-License-Identifier: Apache-2.0
// The sidecar at work: takes agents in, says to each what it has of it already and that policies are ready, and acknowledges
// what was judged. It keeps no state of its own: after a restart agents come back and send what was not acknowledged.
//
//   hello - secret, name (guests.ts) - what ECS says (metadata.ts) - "ack" - "ready" - batches - "ack" ... - end - "ack"
import { hostname } from "node:os";
import { Capture, type End, type Hello, type StreamCounts } from "../capture/agent.js";
import { Engine } from "../engine/engine.js";
import { Bucket } from "../engine/limiter.js";
import { explain, VedetteError } from "../errors.js";
import type { Alert } from "../output/alert.js";
import { lossText } from "../output/summary.js";
import type { LoadedPolicy } from "../policy/load.js";
import { Prevention } from "../policy/prevention.js";
import type { PolicyService } from "../policy/service.js";
import type { ContainerFact, ContainerFacts } from "../wire/container.js";
import { clueOf, type Guest, Guests } from "./guests.js";
import { type BatchFacts, Ledger } from "./ledger.js";
import type { TaskMetadata } from "./metadata.js";
import type { Monitor } from "./monitor.js";
import type { Secret } from "./secret.js";

export interface StationOptions {
  readonly policies: readonly LoadedPolicy[];
  /** Threads that judge. */
  readonly workers: number;
  /** Tenants' policies, status and alerts. */
  readonly service: PolicyService;
  readonly secret: Secret | null;
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
  #unsaid = 0;
  #turn: NodeJS.Timeout | null = null;

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
    this.#guests = new Guests(options.secret);
    this.#ledger = new Ledger(capture.ring, own, workers, {
      onBatch: (stream, batch) => this.#onBatch(stream, batch),
      acknowledge: (stream, seq) => void capture.acknowledge(stream, seq),
    });
  }

  /** From here on agents are taken in. Whoever knows the secret may be any user; gives the port of a TCP address. */
  async listen(address: string): Promise<number> {
    try {
      return this.#capture.listen(address, this.#options.secret === null ? [] : [ANY_USER]);
    } catch (error) {
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
    if (this.#turn !== null) clearTimeout(this.#turn);
    this.#ledger.close();
    this.#capture.close();
    await this.#engine.finished;
    await this.#options.service.close();
  }

  hostname(stream: number): string {
    return this.#guests.get(stream)?.hostname ?? "";
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
    const guest = this.#guests.admit(hello);
    this.#options.monitor.onAgents(this.#guests.size);
    void this.#welcome(guest, hello);
  }

  async #welcome(guest: Guest, hello: Hello): Promise<void> {
    const clue = clueOf(hello);
    guest.facts = (await this.#options.metadata.find(clue)) ?? factsBy(clue);
    if (this.#guests.get(guest.stream) !== guest) return; // it has left meanwhile
    this.#engine.setContainer(guest.stream, guest.facts);
    this.#options.say(`watching ${guest.name}: ${hello.command.join(" ").slice(0, 200)}`);
    this.#capture.acknowledge(guest.stream, this.#ledger.received(guest.source));
    // What is to be denied is known before the first exec (--start security).
    if (this.#prevention.greet(guest.stream, guest.name, guest.facts)) this.#capture.ready(guest.stream);
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
    if (guest !== undefined) this.#engine.setContainer(stream, null);
    if (error !== null) {
      this.onTurnedAway(error, 0);
    } else if (guest !== undefined) {
      const losses = lossText({ lost: this.#lost.get(guest.source) ?? [], missing: counts?.missingRecords ?? 0 });
      const how = guest.hasEnded
        ? "has left"
        : "is gone without a word (its agent was killed, or its connection broke)";
      this.#options.say(`${guest.name} ${how}: ${counts?.records ?? 0} events, ${losses}`);
    }
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
    const whole = { ...withFacts(alert, this.#guests.get(stream)?.facts ?? null), hostname: this.hostname(stream) };
    this.#options.service.deliver(whole);
    this.#options.onAlert(whole);
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

/** What the agent itself says, where ECS does not. */
function factsBy({ id, name }: { id: string | null; name: string | null }): ContainerFacts | null {
  if (id === null && name === null) return null;
  const unknown = {
    image: null,
    imageId: null,
    imageRepository: null,
    imageTag: null,
    imageDigest: null,
    labels: null,
    ip: null,
  };
  const task = { cluster: null, service: null, taskArn: null, taskFamily: null, taskRevision: null };
  return { id: id ?? name ?? "", name, type: "ecs", ...unknown, ...task, containerArn: null, availabilityZone: null };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
