// SPDX-License-Identifier: Apache-2.0
// How much of the machine is ours, and how many policy workers suit it. A container often may use less than
// it sees: its cgroup's quota says so (cgroup-v2.rst cpu.max, sched-bwc.rst), and on Fargate, where a task of
// a quarter core sees two, ECS does.
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";

const WORKERS_MAX = 4;

/** Processors, maybe a part of one. `task`: what ECS gives the whole task; null: no limit is known. */
export function processors(task: number | null = null, root = "/sys/fs/cgroup"): number {
  return Math.min(availableParallelism(), quota(root) ?? Number.POSITIVE_INFINITY, task ?? Number.POSITIVE_INFINITY);
}

/** Half of them, the other half being the workload's, but at least one and at most four. */
export function workersFor(count: number): number {
  return Math.min(Math.max(1, Math.floor(count / 2)), WORKERS_MAX);
}

/** Of the control group that we see, version 2 or 1; null: none. */
function quota(root: string): number | null {
  const [most, period] = numbers(`${root}/cpu.max`);
  if (most !== undefined && period !== undefined) return most / period;
  const [of1 = -1] = numbers(`${root}/cpu/cpu.cfs_quota_us`);
  const [period1] = numbers(`${root}/cpu/cpu.cfs_period_us`);
  return of1 > 0 && period1 !== undefined ? of1 / period1 : null;
}

/** `max`, and a file that is not there, are no numbers. */
function numbers(path: string): number[] {
  try {
    const words = readFileSync(path, "latin1").trim().split(" ").map(Number);
    return words.every(Number.isFinite) ? words : [];
  } catch {
    return [];
  }
}
