// SPDX-License-Identifier: Apache-2.0
// What a host of the pool says of itself: /healthz and /api/v1/health for whoever looks after it, with status
// 503 where it is of no use, /metrics for Prometheus. No task and no tenant stands in a label: there are too
// many.
import type { ServerResponse } from "node:http";
import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import { HttpServer } from "../http-server.js";
import { VERSION } from "../version.js";
import type { PartitionState } from "./pool.js";
import type { PoolNumbers } from "./pool-counts.js";
import type { SensorsCounted } from "./sensor-watch.js";

/** What is asked at each look. */
export interface PoolSeen {
  readonly numbers: PoolNumbers;
  /** What is wrong with the host, in a line; null: nothing. */
  readonly problem: string | null;
  /** Those that the host has now. */
  readonly partitions: readonly PartitionState[];
  /** The same of facts. */
  readonly factPartitions: readonly PartitionState[];
  /** Of the whole fleet; null: this host does not count them. */
  readonly sensors: SensorsCounted | null;
}

/** A tenant's policy, in all partitions that the host has. */
export interface PolicySeen {
  readonly tenant: string;
  readonly policy: string;
  readonly version: string;
  readonly state: string;
  readonly events: number;
  readonly alerts: number;
  readonly lastError: string | null;
}

type Numbers = { readonly [Name in keyof PoolNumbers as PoolNumbers[Name] extends number ? Name : never]: string };

const COUNTERS: { readonly [Name in keyof Numbers]: readonly [metric: string, help: string] } = {
  blocks: ["blocks_total", "blocks that were read"],
  events: ["events_total", "events that were given to policies"],
  findings: ["findings_total", "findings that policies raised, also again after a hand-over"],
  duplicates: ["duplicates_total", "batches that had been judged before"],
  lostBlocks: ["lost_blocks_total", "blocks that the bus dropped before they were read"],
  fenced: ["fenced_total", "times that a partition was lost before it was given back"],
  takeovers: ["takeovers_total", "partitions that were taken from another host, which had not given them back"],
  poison: ["poison_total", "blocks that could not be judged"],
  facts: ["facts_total", "facts that policies told, also again after a hand-over"],
  factsDropped: ["facts_dropped_total", "facts that were too many, had no usable key, or were not taken by the bus"],
  factsJudged: ["facts_judged_total", "facts that were given to policies"],
  refused: ["refused_total", "blocks that say another tenant or task than their subject"],
};

/** The server and its numbers. */
export class PoolMonitor extends HttpServer {
  /** Both are asked at each look. `policies`: those of tenants. */
  constructor(seen: PoolSeen, policies: () => readonly PolicySeen[]) {
    const registry = registryOf(() => seen);
    super((request, response) => {
      const path = request.url?.split("?", 1)[0];
      const status = seen.problem === null ? 200 : 503;
      if (path === "/healthz") response.writeHead(status).end(`${seen.problem ?? "ok"}\n`);
      else if (path === "/metrics") void answer(registry, response);
      else if (path === "/api/v1/health")
        response.setHeader("content-type", "application/json").writeHead(status).end(healthJson(seen, policies()));
      else response.writeHead(404).end();
    });
  }
}

function healthJson(
  { numbers, problem, partitions, factPartitions, sensors }: PoolSeen,
  policies: readonly PolicySeen[],
): string {
  const told = policies.map(({ tenant, policy, version, state, events, alerts, lastError }) => ({
    ...{ tenant, policy, version, state, events, alerts, lastError },
  }));
  const states = sensors?.states ?? null;
  const said = {
    ...{ version: VERSION, problem, partitions, factPartitions },
    sensors: states,
    policies: told,
    ...numbers,
  };
  return `${JSON.stringify(said, null, 2)}\n`;
}

function registryOf(seen: () => PoolSeen): Registry {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  for (const { name } of registry.getMetricsAsArray())
    if (name.startsWith("nodejs_")) registry.removeSingleMetric(name);
  for (const [name, [metric, help]] of Object.entries(COUNTERS))
    new Counter({
      ...{ name: `vedette_pool_${metric}`, help, registers },
      collect() {
        this.reset();
        this.inc(seen().numbers[name as keyof Numbers]);
      },
    });
  new Counter({
    ...{ name: "vedette_pool_lost_events_total", help: "events that never came, by why", registers },
    labelNames: ["cause"],
    collect() {
      this.reset();
      for (const [cause, events] of Object.entries(seen().numbers.lost)) this.inc({ cause }, events);
    },
  });
  const gauge = (name: string, help: string, value: (seen: PoolSeen) => number): Gauge =>
    new Gauge({
      ...{ name: `vedette_pool_${name}`, help, registers },
      collect() {
        this.set(value(seen()));
      },
    });
  gauge("partitions", "partitions that this host has", ({ partitions }) => partitions.length);
  gauge("fact_partitions", "partitions of facts that this host has", ({ factPartitions }) => factPartitions.length);
  gauge("fact_lag_messages", "messages of facts that are not judged yet", ({ factPartitions }) =>
    factPartitions.reduce((sum, { lag }) => sum + lag.blocks, 0),
  );
  gauge("lag_blocks", "blocks that are not judged yet", ({ partitions }) =>
    partitions.reduce((sum, { lag }) => sum + lag.blocks, 0),
  );
  gauge("lag_seconds", "how old the block is that was judged last, where others wait", ({ partitions }) =>
    Math.max(0, ...partitions.map(({ lag }) => lag.seconds)),
  );
  gauge(
    "handover_seconds",
    "how long the partition that was taken last waited here until it was judged on",
    ({ numbers }) => numbers.handover.last,
  );
  registerFleet(registry, () => seen().sensors);
  return registry;
}

/** A host that does not count them has none of these, so that a sum over all hosts is the fleet's. */
function registerFleet(registry: Registry, sensors: () => SensorsCounted | null): void {
  const gauge = (name: string, help: string, label: string, values: (seen: SensorsCounted) => Values): Gauge =>
    new Gauge({
      ...{ name: `vedette_fleet_${name}`, help, labelNames: [label], registers: [registry] },
      collect() {
        this.reset();
        const seen = sensors();
        for (const [value, count] of seen === null ? [] : values(seen)) this.set({ [label]: value }, count);
      },
    });
  gauge("sensors", "sensors by how they are", "state", ({ states }) => Object.entries(states));
  gauge("policy_sensors", "sensors that beat and have the policy", "digest", ({ policies }) => policies);
  gauge("uncounted", "beats that were refused, and sensors for which there was no room", "why", (seen) => [
    ["refused", seen.refused],
    ["no_room", seen.unlisted],
  ]);
}

type Values = Iterable<readonly [value: string, count: number]>;

async function answer(registry: Registry, response: ServerResponse): Promise<void> {
  const text = await registry.metrics();
  response.setHeader("content-type", registry.contentType).end(text);
}
