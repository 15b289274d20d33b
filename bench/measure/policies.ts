// SPDX-License-Identifier: Apache-2.0
//
// How many events a second go through N policies on one core: each recorded batch is copied into each
// policy's memory and judged there, as a worker does it, alerts and all. The policies are the pack's, again
// and again until there are N.
import { typesIn } from "../../host/engine/feed.js";
import { PolicyRunner } from "../../host/engine/runner.js";
import { loadPolicies } from "../../host/policy/load.js";
import type { Batch } from "../../host/wire/batch.js";
import { cpuMs } from "./cpu.js";
import { recordBatches } from "./record.js";

/**
 * It looks at files, of which every recording is full; a policy that has nothing in a batch is not even
 * called.
 */
const FIRST = "sensitive-file-read";
const EVENTS_MAX = 100_000;
const WARM_MS = 300;
const ROUND_MS = 500;
const ROUNDS = 5;

export interface PolicySpeed {
  readonly policies: number;
  /** Events through all of them. */
  readonly eventsPerSecond: number;
  /** Of one event in one policy. */
  readonly nsPerEvent: number;
}

export async function measurePolicies(counts: readonly number[], batches?: readonly Batch[]): Promise<PolicySpeed[]> {
  const recorded = batches ?? (await recordBatches(EVENTS_MAX));
  const pack = (await loadPolicies([])).sort((a, b) => Number(b.name === FIRST) - Number(a.name === FIRST));
  return counts.map((count) => {
    const runners = Array.from(
      { length: count },
      (_, i) => new PolicyRunner(pack[i % pack.length] as (typeof pack)[number]),
    );
    const eventsPerSecond = measureRunners(runners, recorded);
    return { policies: count, eventsPerSecond, nsPerEvent: 1e9 / eventsPerSecond / count };
  });
}

/**
 * Events a second of processor time, in the best round: what else runs on the machine can only slow it down.
 */
export function measureRunners(runners: readonly PolicyRunner[], batches: readonly Batch[]): number {
  const types = batches.map(typesIn);
  const pass = (): void => {
    for (let i = 0; i < batches.length; i++) {
      for (const runner of runners) if (runner.wants(types[i] as Uint32Array)) runner.judge(batches[i] as Batch);
    }
  };
  const events = batches.reduce((sum, batch) => sum + batch.count, 0);
  round(pass, WARM_MS);
  let best = 0;
  for (let i = 0; i < ROUNDS; i++) best = Math.max(best, events * round(pass, ROUND_MS));
  return best;
}

/** Passes a second of processor time. */
function round(pass: () => void, ms: number): number {
  const begun = cpuMs();
  let passes = 0;
  while (cpuMs() - begun < ms) {
    pass();
    passes++;
  }
  return (passes * 1000) / (cpuMs() - begun);
}
