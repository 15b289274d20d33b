// SPDX-License-Identifier: Apache-2.0
// The partitions of one stage that a host of the pool has: it takes them by leases, and judges each as long
// as it owns it.
import { hostname } from "node:os";
import type { LoadedPolicy } from "../engine/policy.js";
import { explain, type VedetteError } from "../errors.js";
import type { Alert } from "../output/alert.js";
import type { NatsClient } from "../output/nats-client.js";
import type { Store } from "../store/store.js";
import type { Bus } from "./bus.js";
import type { CommitTiming } from "./commit-timing.js";
import type { FactWriter } from "./fact-writer.js";
import { FindingWriter } from "./finding-writer.js";
import { KvLeases } from "./kv-leases.js";
import { KvSnapshots } from "./kv-snapshots.js";
import { LeasePool, type LeaseTiming } from "./lease-pool.js";
import { PartitionJudge } from "./partition-judge.js";
import type { PoolCounts } from "./pool-counts.js";
import type { Stage } from "./stage.js";
import type { TenantHouse } from "./tenant-house.js";
import type { Turns } from "./turns.js";

/** What all stages of a host have. */
export interface StagePoolOptions {
  readonly stage: Stage;
  readonly client: NatsClient;
  readonly bus: Bus;
  readonly store: () => Pick<Store, "write">;
  /** How many there are, the same for all hosts of the pool. */
  readonly partitions: number;
  /** This process's: nobody else has it, nor ever had. */
  readonly id: string;
  /** Where facts go that policies tell; undefined: nowhere. */
  readonly facts?: () => FactWriter;
  readonly policies: readonly LoadedPolicy[];
  readonly tenants?: TenantHouse;
  readonly onFault?: (error: VedetteError, policy: LoadedPolicy | null) => void;
  readonly onTenantAlert?: (alert: Alert) => void;
  readonly replicas: number;
  readonly counts: PoolCounts;
  readonly turns: Turns;
  readonly say: (line: string) => void;
  readonly timing?: LeaseTiming;
  readonly commit?: CommitTiming;
}

/** A partition that this host has now. */
export interface PartitionState {
  readonly partition: number;
  readonly epoch: number;
  readonly lag: { readonly blocks: number; readonly seconds: number };
}

/** How long a partition that is given back may take to be committed. */
const RETURN_MS = 3_000;
const AGAIN_MS = 500;
const NAME_MAX = 100;

/** Makes what it needs on the bus where it is not there. run() does all. */
export class StagePool {
  readonly #options: StagePoolOptions;
  readonly #snapshots: KvSnapshots;
  readonly #judges = new Map<number, PartitionJudge>();
  readonly leases: LeasePool;
  #fail: (error: unknown) => void = () => undefined;
  readonly #failed: Promise<never>;

  constructor(options: StagePoolOptions) {
    this.#options = options;
    const { stage, client, partitions, id, replicas, counts, say, timing } = options;
    this.#snapshots = new KvSnapshots({ client, bucket: stage.buckets.snapshots, replicas });
    this.#failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.#failed.catch(() => undefined);
    this.leases = new LeasePool({
      leases: new KvLeases({ client, bucket: stage.buckets.leases, replicas }),
      host: `${hostname()
        .replace(/[^A-Za-z0-9_-]/g, "-")
        .slice(0, NAME_MAX)}-${id}`,
      ...{ partitions, say },
      ...(timing === undefined ? {} : { timing }),
      handlers: {
        onTaken: (partition, epoch, isTakeover) => {
          if (isTakeover) counts.add("takeovers");
          void this.#judge(partition, epoch).catch((error: unknown) => this.#fail(error));
        },
        onReturn: async (partition) => this.#judges.get(partition)?.giveBack(RETURN_MS),
        onLost: (partition) => this.#onLost(partition),
      },
    });
  }

  /** Those that this host has now. */
  get partitions(): PartitionState[] {
    return [...this.leases.held].flatMap(([partition, epoch]) => {
      const lag = this.#judges.get(partition)?.lag;
      return lag === undefined ? [] : [{ partition, epoch, lag }];
    });
  }

  /** Until `signal`: then all is committed and given back. Throws what ends this host. */
  async run(signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const stopped = AbortSignal.any([signal, over.signal]);
    const running = this.leases.run(stopped);
    try {
      await Promise.race([running, this.#failed]);
    } finally {
      over.abort();
      await running;
    }
  }

  async #judge(partition: number, epoch: number): Promise<void> {
    const { stage, bus, store, facts, policies, tenants, replicas, counts, turns, say } = this.#options;
    const { onFault, onTenantAlert, commit } = this.#options;
    const holds = (): boolean => this.leases.holds(partition);
    while (holds() && this.leases.held.get(partition) === epoch) {
      const judge = new PartitionJudge({
        ...{ stage, partition, epoch, holds, bus, snapshots: this.#snapshots, policies, counts, turns, replicas, say },
        ...(facts === undefined ? {} : { facts: facts() }),
        ...(commit === undefined ? {} : { commit }),
        ...(tenants === undefined ? {} : { tenants }),
        ...(onTenantAlert === undefined ? {} : { onTenantAlert }),
        findings: new FindingWriter({ store: store(), say }),
        onFault: (error, policy) => {
          say(`vedette: ${explain(error)}`);
          onFault?.(error, policy);
        },
      });
      this.#judges.set(partition, judge);
      try {
        if ((await judge.run()) === "returned") return;
      } finally {
        if (this.#judges.get(partition) === judge) this.#judges.delete(partition);
      }
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS)); // its row was another's, and it may be ours again
    }
  }

  #onLost(partition: number): void {
    this.#options.counts.add("fenced");
    this.#judges.get(partition)?.drop();
  }
}
