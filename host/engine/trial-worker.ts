// SPDX-License-Identifier: Apache-2.0
// The thread of trial.ts: a new instance for each case, so that no case sees what another left.
import { parentPort } from "node:worker_threads";
import { VedetteError } from "../errors.js";
import { Totals } from "../metric/totals.js";
import { PolicyInstance, type Trap } from "../wasm/instance.js";
import type { Instrument } from "../wasm/instruments.js";
import type { Measured } from "../wasm/metrics-region.js";
import { type Batch, openBatch } from "../wire/batch.js";
import { PolicyRunner } from "./runner.js";
import type { TrialBatch, TrialCase, TrialMeasure, TrialResult } from "./trial.js";

const START = { index: 0, offset: 0 };
const WARM_SHARE = 0.3;
const PASSES_MIN = 3;

parentPort?.on("message", (one: TrialCase) => {
  parentPort?.postMessage("begun");
  parentPort?.postMessage(runCase(one));
});

function runCase({ policy, batches, measureMs, isMetered = false }: TrialCase): TrialResult {
  const alerts: TrialResult["alerts"][number][] = [];
  const logs: string[] = [];
  const totals = new Totals();
  const owner = { tenant: null, policy: policy.name, version: policy.version };
  const instruments = policy.admitted.metadata.metrics ?? [];
  const end = (fault: string | null, costs: TrialMeasure | null = null): TrialResult => ({
    alerts,
    logs,
    measured: isMetered ? [sumOf(totals, instruments)] : [],
    fault,
    measure: costs,
  });
  try {
    const opened = batches.map(openTrial);
    if (measureMs !== undefined) return end(null, measure(policy, opened, measureMs));
    const runner = new PolicyRunner(policy);
    for (const batch of opened) {
      const judgement = runner.judge(batch);
      alerts.push(...judgement.alerts);
      logs.push(...judgement.logs.map((line) => line.text));
      for (const one of runner.takeMeasured()) if (isMetered) totals.add(owner, instruments, one);
      const fault = judgement.faults[0];
      if (fault !== undefined) return end(`it failed at event ${fault.event}: ${fault.reason}`);
    }
    return end(null);
  } catch (error) {
    if (error instanceof VedetteError || (error as Trap).name === "Trap") return end((error as Error).message);
    throw error;
  }
}

/** All of it as if it had been taken at once: batch by batch it would be longer than a message may be. */
function sumOf(totals: Totals, instruments: readonly Instrument[]): Measured {
  const places = new Map(instruments.map(({ name }, index) => [name, index]));
  const metrics = totals.scopes().flatMap((scope) => scope.metrics);
  const measurements = metrics.flatMap(({ instrument: { name }, series }) =>
    series.map((one) => ({ instrument: places.get(name) as number, ...one })),
  );
  return { measurements, refused: totals.troubles()[0]?.refused ?? 0 };
}

function openTrial({ bytes, container }: TrialBatch): Batch {
  const batch = openBatch(bytes);
  batch.container = container;
  return batch;
}

function measure(
  { admitted, parameters }: TrialCase["policy"],
  batches: readonly Batch[],
  forMs: number,
): TrialMeasure {
  const silent = { onAlert: () => undefined, onLog: () => undefined };
  const instance = PolicyInstance.start(admitted, parameters, silent);
  const events = batches.reduce((sum, batch) => sum + batch.count, 0);
  const pass = (): number[] =>
    batches.map((batch) => {
      const begun = performance.now();
      const trap = instance.judge(batch, START);
      if (trap !== null) throw trap;
      return performance.now() - begun;
    });
  const before = instance.fuel;
  pass();
  const fuel = instance.fuel - before;
  for (const begun = performance.now(); performance.now() - begun < forMs * WARM_SHARE; ) pass();
  const passes: number[][] = [];
  const begun = performance.now();
  while (passes.length < PASSES_MIN || performance.now() - begun < forMs) passes.push(pass());
  const sumOf = (times: readonly number[]): number => times.reduce((sum, ms) => sum + ms, 0);
  const best = passes.reduce((least, times) => Math.min(least, sumOf(times)), Number.POSITIVE_INFINITY);
  const worstBatchMs = Math.max(...batches.map((_, i) => median(passes.map((times) => times[i] as number))));
  return { nsPerEvent: (best * 1e6) / events, worstBatchMs, fuel, memoryBytes: instance.memoryBytes };
}

/**
 * Not the longest: in that pass somebody else had the processor, and a thread's own time has the grain of a
 * tick.
 */
function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1] as number;
}
