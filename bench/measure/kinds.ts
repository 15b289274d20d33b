// SPDX-License-Identifier: Apache-2.0
//
// The kinds of workloads: a loop that times itself, a program that is run to its end, a server with a client
// outside. Each says how long a round took (ns, ms) or how many it made a second, and what that took of the
// processors, which is the better measure on a machine that has other work.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { buildProgram } from "./programs.js";
import type { Watcher } from "./watchers.js";

export interface Taken {
  readonly value: number;
  /**
   * Processor time in ns: of a loop and of fio a call's, the program's own; else of a run or a request, the
   * watcher's part included.
   */
  readonly cpuNs: number;
}

export interface Workload {
  readonly name: string;
  readonly unit: "ns" | "ms" | "/s";
  /** Calls a round makes, where that is known: gives the added time per call. */
  readonly calls?: number;
  readonly needs?: readonly string[];
  run(watcher: Watcher): Taken | Promise<Taken>;
  /** Runs it once more under a watcher that counts. */
  count(watcher: Watcher): unknown;
}

const LIMIT_MS = 180_000;

export function output(watcher: Watcher, argv: readonly string[], cwd?: string): string {
  const [command, ...args] = [...watcher.before, ...argv];
  return execFileSync(command!, args, {
    encoding: "utf8",
    ...(cwd === undefined ? {} : { cwd }),
    timeout: LIMIT_MS,
    killSignal: "SIGKILL",
    maxBuffer: 1 << 28,
    env: { ...process.env, ...watcher.env },
    stdio: ["ignore", "pipe", "ignore"],
  });
}

export function loop(name: string, kind: string, calls: number, rounds: number): Workload {
  const program = buildProgram("hot_loop");
  return {
    name,
    unit: "ns",
    calls,
    run: (watcher) => {
      const count = watcher.isSlow ? Math.ceil(rounds / 100) : rounds;
      const [value, cpuNs] = output(watcher, [program, kind, String(count)])
        .split(" ")
        .map(Number);
      return { value: value!, cpuNs: cpuNs! };
    },
    count: (watcher) => output(watcher, [program, kind, "50000"]),
  };
}

export function timed(
  name: string,
  argv: readonly string[],
  prepare: () => void = () => {},
  needs: string[] = [],
): Workload {
  return {
    name,
    unit: "ms",
    needs: needs.length > 0 ? needs : [argv[0]!],
    run: (watcher) => {
      prepare();
      return timedRun(watcher, argv);
    },
    count: (watcher) => {
      prepare();
      output(watcher, argv);
    },
  };
}

/** The shell's `time` knows what all that it waited for took: of a watcher's, what it watches too. */
export function timedRun(watcher: Watcher, argv: readonly string[], cwd?: string): Taken {
  const script = 'TIMEFORMAT="%3R %3U %3S"; { time "$@" > /dev/null 2>&1; } 2>&1';
  const env = Object.entries(watcher.env ?? {}).map(([name, value]) => `${name}=${value}`);
  const command = [...watcher.before, ...(env.length > 0 ? ["env", ...env] : []), ...argv];
  const said = output({ name: "time", before: ["bash", "-c", script, "bash"] }, command, cwd);
  const [real, user, system] = said.trim().split(" ").map(Number);
  return { value: real! * 1e3, cpuNs: (user! + system!) * 1e9 };
}

/** A server under the watcher, its client bare. */
export function served(
  name: string,
  argv: (port: number) => string[],
  client: (port: number) => string[],
  parse: RegExp,
  needs: string[],
): Workload {
  let next = 17000 + (process.pid % 1000) * 8;
  const run = async (watcher: Watcher): Promise<Taken> => {
    const port = next++;
    const [command, ...args] = [...watcher.before, ...argv(port)];
    const server = spawn(command!, args, {
      env: { ...process.env, ...watcher.env },
      stdio: "ignore",
      detached: true,
    });
    try {
      await listening(port);
      const [asks, ...how] = client(port);
      const before = treeCpuNs(server.pid!);
      const begun = performance.now();
      const said = spawnSync(asks!, how, { encoding: "utf8", timeout: LIMIT_MS }).stdout;
      const seconds = (performance.now() - begun) / 1e3;
      const value = Number(parse.exec(said)?.[1] ?? Number.NaN);
      return { value, cpuNs: (treeCpuNs(server.pid!) - before) / (value * seconds) };
    } finally {
      process.kill(-server.pid!, "SIGTERM");
      await new Promise((done) => {
        const late = setTimeout(() => process.kill(-server.pid!, "SIGKILL"), 3000);
        server.on("exit", () => done(clearTimeout(late)));
      });
    }
  };
  return { name, unit: "/s", needs, run, count: run };
}

async function listening(port: number): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    if (spawnSync("bash", ["-c", `exec 3<>/dev/tcp/127.0.0.1/${port}`], { stdio: "ignore" }).status === 0) return;
    await new Promise((done) => setTimeout(done, 25));
  }
  throw new Error(`nothing listens on ${port}`);
}

// What the threads of a process and of its descendants have run so far: the first number of schedstat
// (proc(5)).
function treeCpuNs(root: number): number {
  const tasks = read(() => readdirSync(`/proc/${root}/task`)) ?? [];
  const own = tasks.map((tid) => Number(textOf(`/proc/${root}/task/${tid}/schedstat`).split(" ")[0]));
  const children = tasks.flatMap((tid) => textOf(`/proc/${root}/task/${tid}/children`).split(" ").filter(Boolean));
  return [...own, ...children.map((pid) => treeCpuNs(Number(pid)))].reduce((sum, ns) => sum + ns, 0);
}

function textOf(path: string): string {
  return read(() => readFileSync(path, "utf8").trim()) ?? "";
}

// A task may have ended meanwhile.
function read<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
