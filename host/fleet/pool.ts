// SPDX-License-Identifier: Apache-2.0
// One host of the pool of judges: it takes partitions by leases, and judges each as long as it owns it. Hosts
// share nothing but the bus and the store, and each may end at any moment.
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { LoadedPolicy } from "../engine/policy.js";
import { explain, type VedetteError } from "../errors.js";
import type { Alert } from "../output/alert.js";
import { NatsClient } from "../output/nats-client.js";
import type { NatsPlace } from "../output/nats-url.js";
import type { Store } from "../store/store.js";
import type { CommitTiming } from "./commit-timing.js";
import { FindingWriter } from "./finding-writer.js";
import { KvLeases } from "./kv-leases.js";
import { KvSnapshots } from "./kv-snapshots.js";
import { LeasePool, type LeaseTiming } from "./lease-pool.js";
import { NatsBus } from "./nats-bus.js";
import { PartitionJudge } from "./partition-judge.js";
import { PoolCounts, type PoolNumbers } from "./pool-counts.js";
import { PoolHealth } from "./pool-health.js";
import type { TenantHouse } from "./tenant-house.js";
import { Turns } from "./turns.js";

/** What a host of the pool judges, by what, and into what. The store is its caller's to close. */
export interface PoolOptions {
  readonly bus: NatsPlace;
  readonly store: Pick<Store, "write">;
  /** The same for all hosts of the pool. */
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

/** A partition that this host has now. */
export interface PartitionState {
  readonly partition: number;
  readonly epoch: number;
  readonly lag: { readonly blocks: number; readonly seconds: number };
}

const LEASES = "VD_LEASE";
const SNAPSHOTS = "VD_SNAP";
/** How long a partition that is given back may take to be committed. */
const RETURN_MS = 3_000;
const AGAIN_MS = 500;

/** Makes what it needs on the bus where it is not there. run() does all. */
export class JudgePool {
  readonly #options: PoolOptions;
  readonly #client: NatsClient;
  readonly #bus: NatsBus;
  readonly #pool: LeasePool;
  readonly #snapshots: KvSnapshots;
  readonly #counts = new PoolCounts();
  readonly #judges = new Map<number, PartitionJudge>();
  readonly #turns = new Turns();
  readonly #health: PoolHealth;
  readonly #store: Pick<Store, "write">;
  #fail: (error: unknown) => void = () => undefined;
  readonly #failed: Promise<never>;

  /** Throws VEDETTE_HTTP_FILE and VEDETTE_NATS_CREDENTIALS. */
  constructor(options: PoolOptions) {
    this.#options = options;
    this.#client = new NatsClient(options.bus);
    this.#bus = new NatsBus(options.bus);
    this.#snapshots = new KvSnapshots({ client: this.#client, bucket: SNAPSHOTS, replicas: options.replicas });
    this.#failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.#failed.catch(() => undefined);
    this.#pool = new LeasePool({
      leases: new KvLeases({ client: this.#client, bucket: LEASES, replicas: options.replicas }),
      host: `${hostname()
        .replace(/[^A-Za-z0-9_-]/g, "-")
        .slice(0, 100)}-${randomUUID()}`,
      partitions: options.partitions,
      say: options.say,
      ...(options.timing === undefined ? {} : { timing: options.timing }),
      handlers: {
        onTaken: (partition, epoch) => void this.#judge(partition, epoch).catch((error: unknown) => this.#fail(error)),
        onReturn: async (partition) => this.#judges.get(partition)?.giveBack(RETURN_MS),
        onLost: (partition) => this.#onLost(partition),
      },
    });
    this.#health = new PoolHealth(this.#pool);
    this.#store = this.#health.watched(options.store);
  }

  /** Null: this host is well. Else what is wrong, in a line. */
  get problem(): string | null {
    return this.#health.problem;
  }

  get numbers(): PoolNumbers {
    return this.#counts.read();
  }

  /** Those that this host has now. */
  get partitions(): PartitionState[] {
    return [...this.#pool.held].flatMap(([partition, epoch]) => {
      const lag = this.#judges.get(partition)?.lag;
      return lag === undefined ? [] : [{ partition, epoch, lag }];
    });
  }

  /** Until `signal`: then all is committed and given back. Throws what ends this host. */
  async run(signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const stop = (): void => over.abort();
    signal.addEventListener("abort", stop);
    const running = this.#pool.run(over.signal);
    try {
      await Promise.race([running, this.#failed]);
    } finally {
      signal.removeEventListener("abort", stop);
      over.abort();
      await running;
      await this.#bus.close();
      await this.#client.close();
    }
  }

  async #judge(partition: number, epoch: number): Promise<void> {
    const { policies, tenants, replicas, say, onFault, onTenantAlert, commit } = this.#options;
    const holds = (): boolean => this.#pool.holds(partition);
    while (holds() && this.#pool.held.get(partition) === epoch) {
      const judge = new PartitionJudge({
        ...{
          partition,
          epoch,
          holds,
          bus: this.#bus,
          snapshots: this.#snapshots,
          policies,
          counts: this.#counts,
          turns: this.#turns,
          replicas,
          say,
        },
        ...(commit === undefined ? {} : { commit }),
        ...(tenants === undefined ? {} : { tenants }),
        ...(onTenantAlert === undefined ? {} : { onTenantAlert }),
        findings: new FindingWriter({ store: this.#store, say }),
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
    this.#counts.add("fenced");
    this.#judges.get(partition)?.drop();
  }
}
