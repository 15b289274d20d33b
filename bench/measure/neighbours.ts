// SPDX-License-Identifier: Apache-2.0
//
// How soon forty honest tenants are heard, alone and beside ten that mean harm: calm and storm by turns,
// medians of the rounds.
import { GOOD, quantile, runBeside } from "../../test/host/engine/neighbours.js";
import { HOSTILE, policyOf } from "../../test/host/engine/shared.js";
import { median } from "./median.js";

export interface NeighbourCost {
  readonly good: number;
  readonly hostile: number;
  readonly rounds: number;
  readonly calm: Latency;
  readonly storm: Latency;
}
export interface Latency {
  readonly medianMs: number;
  readonly p99Ms: number;
  /** The longest in any round, the first offences included. */
  readonly worstMs: number;
}

export async function measureNeighbours(rounds: number): Promise<NeighbourCost> {
  const hostile = await Promise.all(Object.entries(HOSTILE).map(([name, changes]) => policyOf(name, ...changes)));
  const taken = { calm: [] as Latency[], storm: [] as Latency[] };
  for (let round = 0; round < rounds; round++) {
    for (const [name, others] of [
      ["calm", []],
      ["storm", hostile],
    ] as const) {
      const { latencies, worst } = await runBeside(others);
      taken[name].push({ medianMs: quantile(latencies, 0.5), p99Ms: quantile(latencies, 0.99), worstMs: worst });
    }
  }
  return { good: GOOD, hostile: hostile.length, rounds, calm: middle(taken.calm), storm: middle(taken.storm) };
}

function middle(rounds: readonly Latency[]): Latency {
  return {
    medianMs: median(rounds.map((one) => one.medianMs)),
    p99Ms: median(rounds.map((one) => one.p99Ms)),
    worstMs: Math.max(...rounds.map((one) => one.worstMs)),
  };
}
