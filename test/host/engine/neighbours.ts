// SPDX-License-Identifier: Apache-2.0
// Forty honest tenants on one stream, with or without others that mean harm, and how soon each alert of
// theirs is heard. It is the built engine that runs, since one from the sources takes a second to start a
// worker.
import { pathToFileURL } from "node:url";
import type { LoadedPolicy } from "../../../host/engine/policy.js";
import type { VedetteError } from "../../../host/errors.js";
import { builtFile } from "../../../host/paths.js";
import { batchOf, policyOf } from "./shared.js";

const built = (name: string) => import(pathToFileURL(builtFile(`js/host/engine/${name}.js`)).href);
const { Engine } = (await built("engine")) as typeof import("../../../host/engine/engine.js");
const { Feed } = (await built("feed")) as typeof import("../../../host/engine/feed.js");

export const GOOD = 40;
export const BATCHES = 500;
/** Two of these are told. */
export const RESULTS = [-1, -99, 0, 0, 0, 0, 0, 0];
const EVERY_MS = 15;
/** The first offences are over by then. */
const SETTLED = 250;

export interface Outcome {
  /** Of the good tenants' alerts once all had offended, in ms. */
  readonly latencies: readonly number[];
  /** How long the good ones waited at most, ever. */
  readonly worst: number;
  /** The events that each policy told, in order. */
  readonly told: ReadonlyMap<string, readonly number[]>;
  readonly faults: readonly VedetteError[];
  readonly rss: number;
}

/** Makes a policy a tenant's, who has only this one. */
export function asTenant(policy: LoadedPolicy): LoadedPolicy {
  const scope = { containers: [], images: [], families: [], uids: [], executables: [] };
  return { ...policy, tenancy: { tenant: policy.name, scope, alerts: { burst: 1000, perMinute: 6000 } } };
}

export async function runBeside(hostile: readonly LoadedPolicy[], workers = 1): Promise<Outcome> {
  const good = await Promise.all(Array.from({ length: GOOD }, async (_, i) => asTenant(await policyOf(`good-${i}`))));
  // The hostile ones sit between the others, and judge before most of them.
  const policies = good.flatMap((policy, i) => [
    ...(i % 4 === 0 ? hostile.slice(i / 4, i / 4 + 1).map(asTenant) : []),
    policy,
  ]);
  const feed = new Feed();
  const sent: number[] = [];
  const latencies: number[] = [];
  const told = new Map<string, number[]>();
  const faults: VedetteError[] = [];
  let worst = 0;
  const engine = await Engine.start({
    ring: feed.ring,
    readers: Array.from({ length: workers }, () => feed.reader()),
    policies,
    onAlert: (alert) => {
      if (alert.source !== "syscall") return;
      const event = Number(alert.output.split(" ")[0]);
      const batch = Math.floor((event - 1) / RESULTS.length);
      told.set(alert.policy as string, [...(told.get(alert.policy as string) ?? []), event]);
      if (!alert.policy?.startsWith("good-")) return;
      const latency = performance.now() - (sent[batch] as number);
      worst = Math.max(worst, latency);
      if (batch >= SETTLED) latencies.push(latency);
    },
    onFault: (error) => void faults.push(error),
  });
  for (let i = 0; i < BATCHES; i++) {
    const batch = batchOf(RESULTS, 1 + RESULTS.length * i);
    sent.push(performance.now());
    await feed.put(batch);
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
  const rss = process.memoryUsage().rss;
  feed.close();
  await engine.finished;
  return { latencies, worst, told, faults, rss };
}

/** The value that a share of them does not exceed. */
export function quantile(values: readonly number[], share: number): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length * share)] ?? 0;
}
