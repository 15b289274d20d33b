// SPDX-License-Identifier: Apache-2.0
//
// The agent's resident memory while 1,000 watched processes live. Its rings (shared with the watched processes, RssShmem) are
// counted apart from its own memory.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { AGENT, buildProgram } from "./programs.js";

export const PROCESSES = 1_000;
const LIMIT_MS = 120_000;

export interface AgentMemory {
  processes: number;
  // MiB.
  rss: number;
  rings: number;
}

export async function measureMemory(): Promise<AgentMemory> {
  const agent = spawn(AGENT, ["--host", "discard", "--", buildProgram("processes"), String(PROCESSES)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const timer = setTimeout(() => agent.kill("SIGKILL"), LIMIT_MS);
  await once(agent.stdout, "data");
  const status = readFileSync(`/proc/${agent.pid}/status`, "utf8");
  const mib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)![1]) / 1024;
  const memory = { processes: PROCESSES, rss: mib("VmRSS") - mib("RssShmem"), rings: mib("RssShmem") };
  agent.stdin.end();
  await once(agent, "exit");
  clearTimeout(timer);
  return memory;
}
