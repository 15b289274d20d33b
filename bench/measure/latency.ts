// SPDX-License-Identifier: Apache-2.0
//
// How long it is from a system call to its alert, as whoever reads Vedette's standard output sees it: the
// program names in each call the time at which it makes it. An open is recorded inline, an unlink is traced:
// the two ways an event can come. At rest, beside a steady load in the same workload, and beside as much as
// the machine gives.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { median } from "./median.js";
import { buildProgram, VEDETTE } from "./programs.js";

export const LOADS = ["0", "20000", "max"] as const;
const WAYS = ["opened", "unlinked"] as const;
const CALLS = 250;
/** Until the program's libraries are patched and the policy's code is warm. */
const WARMING = 50;

export interface AlertLatency {
  /** Reads a second beside it; max: one reader a processor, as fast as it goes. */
  readonly load: (typeof LOADS)[number];
  readonly way: (typeof WAYS)[number];
  readonly alerts: number;
  readonly missing: number;
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly worstMs: number;
}

type Times = Record<(typeof WAYS)[number], number[]>;

/** Loads by turns; of each round its own figures, and the medians of these. */
export async function measureLatency(rounds: number): Promise<AlertLatency[]> {
  const folder = mkdtempSync(join(tmpdir(), "vedette-bench-"));
  try {
    writePolicy(folder);
    const runs = new Map<string, Times[]>();
    for (let round = 0; round < rounds; round++) {
      for (const load of LOADS) runs.set(load, [...(runs.get(load) ?? []), await runOnce(folder, load)]);
    }
    return LOADS.flatMap((load) =>
      WAYS.map((way) =>
        figures(
          load,
          way,
          (runs.get(load) ?? []).map((one) => one[way]),
        ),
      ),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function figures(load: AlertLatency["load"], way: AlertLatency["way"], rounds: readonly number[][]): AlertLatency {
  const of = (share: number): number =>
    median(rounds.map((times) => [...times].sort((a, b) => a - b)[Math.floor(times.length * share)] ?? Number.NaN));
  const alerts = rounds.reduce((sum, times) => sum + times.length, 0);
  const missing = rounds.length * (CALLS - WARMING) - alerts;
  return { load, way, alerts, missing, medianMs: of(0.5), p99Ms: of(0.99), worstMs: Math.max(...rounds.flat()) };
}

function runOnce(folder: string, load: string): Promise<Times> {
  const times: Times = { opened: [], unlinked: [] };
  const seen = { opened: 0, unlinked: 0 };
  const command = [buildProgram("timed_opens"), String(CALLS), load, folder];
  const [node, ...words] = [
    ...VEDETTE,
    "run",
    "--policy",
    join(folder, "policy"),
    "--alerts",
    "stdout",
    "--",
    ...command,
  ];
  const child = spawn(node as string, words, { stdio: ["ignore", "pipe", "inherit"] });
  createInterface(child.stdout).on("line", (line) => {
    const now = process.hrtime.bigint();
    const [, way, at] = /\/(opened|unlinked)\/(\d+)/.exec(line) ?? [];
    if (way === undefined || at === undefined) return;
    const kind = way as (typeof WAYS)[number];
    if (++seen[kind] > WARMING) times[kind].push(Number(now - BigInt(at)) / 1e6);
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (status) =>
      status === 0 ? resolve(times) : reject(new Error(`vedette run ended with ${status}`)),
    );
  });
}

function writePolicy(folder: string): void {
  const path = join(folder, "policy");
  mkdirSync(path);
  writeFileSync(join(path, "policy.yaml"), "name: latency\n");
  writeFileSync(
    join(path, "index.ts"),
    `import { AnyOpen, Priority, rule, Unlink } from "vedette";
@rule({ name: "opened", priority: Priority.Notice, output: "%fd.nameraw" })
export function opened(e: AnyOpen): bool { return e.fd.nameraw.startsWith("${folder}/opened/"); }
@rule({ name: "unlinked", priority: Priority.Notice, output: "%evt.arg.path" })
export function unlinked(e: Unlink): bool { return e.path.startsWith("${folder}/unlinked/"); }
`,
  );
}
