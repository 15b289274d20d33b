// SPDX-License-Identifier: Apache-2.0
//
// The agent's resident memory while 1,000 watched processes live, and that of the rings, which are memory of
// the watched processes too and counted apart: what the kernel says of each segment (/proc/sysvipc/shm).
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { ringsOf } from "../../test/e2e/traces.js";
import { AGENT, buildProgram } from "./programs.js";

export const PROCESSES = 1_000;
const LIMIT_MS = 300_000;

export interface AgentMemory {
  processes: number;
  /** MiB. */
  rss: number;
  rings: number;
  /** KiB: the largest. */
  ring: number;
}

/**
 * Each process makes `calls` calls as fast as it can; measured is when all have, and, with `restMs`, that
 * much later again.
 */
export async function measureMemory(calls = 0, restMs: number[] = []): Promise<AgentMemory[]> {
  const agent = spawn(AGENT, ["--host", "discard", "--", buildProgram("processes"), `${PROCESSES}`, `${calls}`], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const timer = setTimeout(() => agent.kill("SIGKILL"), LIMIT_MS);
  await once(agent.stdout, "data");
  const measured = [look(agent.pid!)];
  for (const ms of restMs) {
    await sleep(ms);
    measured.push(look(agent.pid!));
  }
  agent.stdin.end();
  await once(agent, "exit");
  clearTimeout(timer);
  return measured;
}

function look(agent: number): AgentMemory {
  const status = readFileSync(`/proc/${agent}/status`, "utf8");
  const mib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)![1]) / 1024;
  const rings = ringsOf(agent);
  const all = rings.reduce((sum, bytes) => sum + bytes, 0);
  return {
    processes: PROCESSES,
    rss: mib("VmRSS") - mib("RssShmem"),
    rings: all / 2 ** 20,
    ring: Math.max(...rings) / 2 ** 10,
  };
}
