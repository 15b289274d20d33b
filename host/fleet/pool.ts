// SPDX-License-Identifier: Apache-2.0
// One host of the pool of judges. It judges partitions of agents' events, and partitions of the facts that
// policies tell of them. Hosts share nothing but the bus and the store, and each may end at any moment.
import { randomUUID } from "node:crypto";
import type { LoadedPolicy } from "../engine/policy.js";
import type { VedetteError } from "../errors.js";
import type { Alert } from "../output/alert.js";
import { NatsClient } from "../output/nats-client.js";
import type { NatsPlace } from "../output/nats-url.js";
import { findingLine } from "../store/lines.js";
import type { Store } from "../store/store.js";
import type { CommitTiming } from "./commit-timing.js";
import { FactWriter } from "./fact-writer.js";
import { FindingWriter } from "./finding-writer.js";
import type { LeaseTiming } from "./lease-pool.js";
import { NatsBus } from "./nats-bus.js";
import { PoolCounts, type PoolNumbers } from "./pool-counts.js";
import { PoolHealth } from "./pool-health.js";
import { type SensorsCounted, SensorWatch } from "./sensor-watch.js";
import { BLOCKS, factStage } from "./stage.js";
import { type PartitionState, StagePool } from "./stage-pool.js";
import type { TenantHouse } from "./tenant-house.js";
import { Turns } from "./turns.js";

export type { PartitionState };

/** The partition whose owner counts the sensors of the fleet. */
const FIRST = 0;

/** What a host of the pool judges, by what, and into what. The store is its caller's to close. */
export interface PoolOptions {
  readonly bus: NatsPlace;
  readonly store: Pick<Store, "write">;
  /** Of events; there are as many of facts. The same for all hosts of the pool. */
  readonly partitions: number;
  /** The operator's own. */
  readonly policies: readonly LoadedPolicy[];
  /** Where the tenants' policies are; undefined: there are none. */
  readonly tenants?: TenantHouse;
  /** A policy is at fault. */
  readonly onFault?: (error: VedetteError, policy: LoadedPolicy | null) => void;
  /** Of a tenant's policy. It may come a second time after a hand-over. */
  readonly onTenantAlert?: (alert: Alert) => void;
  /** Of what it makes on the bus: how many servers keep it, 1, 3 or 5. */
  readonly replicas: number;
  readonly say: (line: string) => void;
  readonly timing?: LeaseTiming;
  readonly commit?: CommitTiming;
}

/** Makes what it needs on the bus where it is not there. run() does all. */
export class JudgePool {
  readonly #client: NatsClient;
  readonly #bus: NatsBus;
  readonly #counts = new PoolCounts();
  readonly #events: StagePool;
  readonly #facts: StagePool;
  readonly #health: PoolHealth;
  readonly #sensors: SensorWatch;
  /** Of the pool's own: about sensors. */
  readonly #findings: FindingWriter;
  readonly #over = new AbortController();

  /** Throws VEDETTE_HTTP_FILE and VEDETTE_NATS_CREDENTIALS. */
  constructor({ bus: place, store, ...options }: PoolOptions) {
    this.#client = new NatsClient(place);
    this.#bus = new NatsBus(place);
    const bus = this.#bus;
    const own = { bus, client: this.#client, counts: this.#counts, turns: new Turns(), id: randomUUID() };
    const { partitions, replicas, say } = options;
    const facts = { bus, partitions, replicas, counts: this.#counts, say: (line: string) => say(`vedette: ${line}`) };
    const all = { ...options, ...own, store: () => this.#health.watched(store) };
    this.#events = new StagePool({ ...all, stage: BLOCKS, facts: () => new FactWriter(facts) });
    // What a policy tells of facts goes nowhere: two policies could tell each other for ever.
    this.#facts = new StagePool({ ...all, stage: factStage(partitions) });
    const { leases } = this.#events;
    this.#health = new PoolHealth(leases);
    this.#findings = new FindingWriter({ store: this.#health.watched(store), say });
    const onAlert = (alert: Alert): void => this.#tell(alert);
    this.#sensors = new SensorWatch({ bus, isMine: () => leases.holds(FIRST), onAlert, say });
  }

  /** Null: this host is well. Else what is wrong, in a line. */
  get problem(): string | null {
    return this.#health.problem;
  }

  get numbers(): PoolNumbers {
    return this.#counts.read();
  }

  /** Those of events that this host has now. */
  get partitions(): PartitionState[] {
    return this.#events.partitions;
  }

  /** Those of facts. */
  get factPartitions(): PartitionState[] {
    return this.#facts.partitions;
  }

  /** Sensors of the fleet; null: another host counts them, or they could not be counted. */
  get sensors(): SensorsCounted | null {
    return this.#sensors.seen;
  }

  #tell(alert: Alert): void {
    this.#counts.add("findings");
    this.#findings.add(findingLine(alert));
    void this.#findings.flush(this.#over.signal);
  }

  /** Until `signal`: then all is committed and given back. Throws what ends this host. */
  async run(signal: AbortSignal): Promise<void> {
    const stopped = AbortSignal.any([signal, this.#over.signal]);
    const running = [this.#events, this.#facts, this.#sensors].map((one) => one.run(stopped));
    try {
      await Promise.all(running);
    } finally {
      this.#over.abort();
      await Promise.allSettled(running);
      await this.#bus.close();
      await this.#client.close();
    }
  }
}
