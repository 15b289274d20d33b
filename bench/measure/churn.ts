// SPDX-License-Identifier: Apache-2.0
//
// What processes, executables and agents that come and go leave behind: resident memory of the agent and of
// `vedette serve` when half of them are gone, and when all are. What is the same at both times does not grow.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Host } from "../../test/attacks/host.js";
import { buildFixture } from "../../test/e2e/fixtures.js";
import { says } from "../../test/e2e/programs.js";
import { until } from "../../test/until.js";
import { AGENT, buildProgram } from "./programs.js";

const PARENTS = 4;
const AGENTS_AT_ONCE = 4;
const SETTLE_MS = 1_000;

export interface Grown {
  readonly what: string;
  readonly count: number;
  /** MiB without its rings when half are gone, and when all are; null: no agent lives as long. */
  readonly agent: readonly [number, number] | null;
  /** Of its own, without pages of files. */
  readonly host: readonly [number, number];
  readonly seconds: number;
}

export interface Counts {
  readonly processes: number;
  readonly executables: number;
  readonly agents: number;
}

/**
 * All with one host, one after the other. Throws when a program, an agent or the host fails, or an event is
 * lost.
 */
export async function measureChurn(counts: Counts): Promise<Grown[]> {
  const folder = mkdtempSync(join(tmpdir(), "churn-"));
  const host = await Host.start(folder);
  try {
    const programs: [what: string, count: number, argv: string[]][] = [
      ["processes", counts.processes, [buildProgram("churn"), `${PARENTS}`, `${counts.processes}`]],
      [
        "executables",
        counts.executables,
        [buildProgram("executables"), buildFixture("leave"), `${counts.executables}`],
      ],
    ];
    const grown: Grown[] = [];
    for (const [what, count, argv] of programs) grown.push({ what, count, ...(await ofProgram(host, folder, argv)) });
    grown.push({ what: "agents", count: counts.agents, ...(await ofAgents(host, folder, counts.agents)) });
    const lost = await host.metric("vedette_lost_events_total");
    if (lost !== 0) throw new Error(`${lost} events were lost`);
    return grown;
  } finally {
    await host.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

type Measured = Omit<Grown, "what" | "count">;

async function ofProgram(host: Host, folder: string, argv: string[]): Promise<Measured> {
  const begun = performance.now();
  const agent = spawn(AGENT, ["--host", `unix:${host.socket}`, "--on-overload", "block", "--", ...argv], {
    cwd: folder,
    env: { ...process.env, VEDETTE_CONTAINER: "churn" },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const failed = once(agent, "exit").then(([status]) =>
    Promise.reject(new Error(`${argv.join(" ")} ended with ${status}`)),
  );
  const ended = once(agent, "exit");
  failed.catch(() => {}); // looked at while a word is waited for
  const look = async (word: string): Promise<[number, number]> => {
    await Promise.race([says(agent, word), failed]);
    await sleep(SETTLE_MS);
    return [mibOf(agent), host.ownMib];
  };
  const half = await look("half");
  agent.stdin.write("\n");
  const all = await look("done");
  agent.stdin.end();
  const [status] = await ended;
  if (status !== 0) throw new Error(`${argv.join(" ")} ended with ${status}`);
  return { agent: [half[0], all[0]], host: [half[1], all[1]], seconds: secondsSince(begun) };
}

async function ofAgents(host: Host, folder: string, count: number): Promise<Measured> {
  const begun = performance.now();
  const some = async (from: number, to: number): Promise<number> => {
    let next = from;
    const one = async (): Promise<void> => {
      for (let number = next++; number < to; number = next++) {
        const agent = spawn(AGENT, ["--host", `unix:${host.socket}`, "--", buildFixture("leave")], {
          cwd: folder,
          env: { ...process.env, VEDETTE_CONTAINER: `app-${number}` },
          stdio: ["ignore", "ignore", "inherit"],
        });
        const [status] = await once(agent, "exit");
        if (status !== 5) throw new Error(`an agent ended with ${status}`);
      }
    };
    await Promise.all(Array.from({ length: AGENTS_AT_ONCE }, one));
    await until("all agents are gone", async () => (await host.metric("vedette_agents")) === 0);
    await sleep(SETTLE_MS);
    return host.ownMib;
  };
  const half = await some(0, count / 2);
  const all = await some(count / 2, count);
  return { agent: null, host: [half, all], seconds: secondsSince(begun) };
}

/** A ring grows when its program has filled it, and is kept for the next: how many do is chance. */
function mibOf({ pid }: ChildProcess): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const kib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)![1]);
  return (kib("VmRSS") - kib("RssShmem")) / 1024;
}
const secondsSince = (begun: number): number => Math.round((performance.now() - begun) / 1_000);
