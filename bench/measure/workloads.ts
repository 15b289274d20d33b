// SPDX-License-Identifier: Apache-2.0
//
// What the watchers are measured on. A workload runs a program once under a watcher and says how long a round took (ns, ms) or how
// many it made a second; the programs time themselves where they can, so that their starting up is not in it.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { EVENTS } from "../../build/generated/events.js";
import { buildProgram, ROOT, VEDETTE } from "./programs.js";
import type { Watcher } from "./watchers.js";

export interface Workload {
  readonly name: string;
  readonly unit: "ns" | "ms" | "/s";
  /** Calls a round makes, where that is known: gives the added time per call. */
  readonly calls?: number;
  readonly needs?: readonly string[];
  run(watcher: Watcher): number | Promise<number>;
  /** Runs it once more under a watcher that counts. */
  count(watcher: Watcher): unknown;
}

export interface Counted {
  readonly events: number;
  readonly lost: number;
  /** Of the calls that may be recorded inline, the share that was. */
  readonly inline: number;
}

const SCRATCH = mkdtempSync("/dev/shm/vedette-bench-");
process.on("exit", () => rmSync(SCRATCH, { recursive: true, force: true }));
const LIMIT_MS = 180_000;
const at = (name: string): string => join(SCRATCH, name);

function output(watcher: Watcher, argv: readonly string[]): string {
  const [command, ...args] = [...watcher.before, ...argv];
  return execFileSync(command!, args, {
    encoding: "utf8",
    timeout: LIMIT_MS,
    killSignal: "SIGKILL",
    maxBuffer: 1 << 28,
    env: { ...process.env, ...watcher.env },
    stdio: ["ignore", "pipe", "ignore"],
  });
}

function loop(name: string, kind: string, calls: number, rounds: number): Workload {
  const program = buildProgram("hot_loop");
  return {
    name,
    unit: "ns",
    calls,
    run: (watcher) =>
      Number(output(watcher, [program, kind, String(watcher.isSlow ? Math.ceil(rounds / 100) : rounds)])),
    count: (watcher) => output(watcher, [program, kind, "50000"]),
  };
}

function timed(name: string, argv: readonly string[], prepare: () => void = () => {}, needs: string[] = []): Workload {
  return {
    name,
    unit: "ms",
    needs: needs.length > 0 ? needs : [argv[0]!],
    run: (watcher) => {
      prepare();
      const begun = performance.now();
      output(watcher, argv);
      return performance.now() - begun;
    },
    count: (watcher) => {
      prepare();
      output(watcher, argv);
    },
  };
}

// A server under the watcher, its client bare.
function served(
  name: string,
  argv: (port: number) => string[],
  client: (port: number) => string[],
  parse: RegExp,
  needs: string[],
): Workload {
  let next = 17000 + (process.pid % 1000) * 8;
  const run = async (watcher: Watcher): Promise<number> => {
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
      const said = spawnSync(asks!, how, { encoding: "utf8", timeout: LIMIT_MS }).stdout;
      return Number(parse.exec(said)?.[1] ?? Number.NaN);
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

function once(path: string, make: () => void): string {
  if (!existsSync(path)) make();
  return path;
}

function tree(files: number): string {
  return once(at("tree"), () => {
    for (let i = 0; i < files; i++) {
      if (i % 500 === 0) mkdirSync(at(`tree/${i / 500}`), { recursive: true });
      writeFileSync(at(`tree/${Math.floor(i / 500)}/${i}`), "");
    }
  });
}

function fioRun(watcher: Watcher): number {
  const args = [
    "--name=x",
    "--ioengine=psync",
    "--rw=randread",
    "--bs=4k",
    "--size=64m",
    `--directory=${SCRATCH}`,
    "--runtime=2",
    "--time_based",
  ];
  const report = output(watcher, ["fio", ...args, "--output-format=json"]);
  return (JSON.parse(report.slice(report.indexOf("{"))) as { jobs: { read: { iops: number } }[] }).jobs[0]!.read.iops;
}

const fio: Workload = { name: "fio psync 4 KiB on tmpfs", unit: "/s", needs: ["fio"], run: fioRun, count: fioRun };

function redis(pipeline: number): Workload {
  return served(
    `redis GET, pipeline ${pipeline}`,
    (port) => ["redis-server", "--port", String(port), "--save", "", "--appendonly", "no", "--dir", SCRATCH],
    (port) => [
      "redis-benchmark",
      "-p",
      String(port),
      "-t",
      "get",
      "-n",
      String(pipeline * 100_000),
      "-P",
      String(pipeline),
      "--csv",
    ],
    /"GET","([\d.]+)"/,
    ["redis-server", "redis-benchmark"],
  );
}

const nginx = served(
  "nginx, wrk with 16 connections",
  (port) => {
    const config = at(`nginx.${port}.conf`);
    const events = "worker_processes 1; daemon off; error_log stderr; events { worker_connections 256; }";
    writeFileSync(
      config,
      `pid ${at(`nginx.${port}.pid`)}; ${events} http { access_log off; server { listen 127.0.0.1:${port}; location / { return 200 "hello"; } } }`,
    );
    return ["nginx", "-c", config];
  },
  (port) => ["wrk", "-t1", "-c16", "-d2s", `http://127.0.0.1:${port}/`],
  /Requests\/sec:\s+([\d.]+)/,
  ["nginx", "wrk"],
);

function goProgram(): string {
  const out = join(ROOT, "build/bench/copy_and_serve");
  return once(out, () =>
    execFileSync("go", ["build", "-o", out, join(ROOT, "bench/programs/copy_and_serve.go")], {
      env: { ...process.env, CGO_ENABLED: "0" },
    }),
  );
}

export function workloads(): Workload[] {
  const sources = at("c");
  const compiles = `for i in $(seq 50); do gcc -c -O1 -o ${SCRATCH}/o.o ${sources}/$i.c; done`;
  const inserts = at("inserts.sql");
  const big = at("big");
  return [
    loop("pread 4 KiB", "pread", 1, 1_000_000),
    loop("pread 1 byte", "pread1", 1, 1_000_000),
    loop("pwrite 4 KiB to tmpfs", "pwrite", 1, 1_000_000),
    loop("lseek", "lseek", 1, 2_000_000),
    loop("open, fstat, read, close", "files", 4, 200_000),
    fio,
    redis(1),
    redis(16),
    nginx,
    timed("find over 50,000 files", ["find", tree(50_000), "-size", "+1k"]),
    timed("sqlite, 20,000 inserts", ["sqlite3", at("db"), `.read ${inserts}`], () => {
      rmSync(at("db"), { force: true });
      writeFileSync(
        inserts,
        `create table t(a,b);\n${Array.from({ length: 2000 }, (_, i) => `insert into t values(${i},'x');`).join("\n")}\n`,
      );
    }),
    timed("git status", ["git", "-C", ROOT, "status", "--porcelain"]),
    timed("git log", ["git", "-C", ROOT, "log", "--stat", "-n", "50"]),
    timed(
      "gcc, 50 files",
      ["sh", "-c", compiles],
      () => {
        once(sources, () => {
          mkdirSync(sources);
          for (let i = 1; i <= 50; i++)
            writeFileSync(join(sources, `${i}.c`), `#include <stdio.h>\nint f${i}(void) { return puts("x"); }\n`);
        });
      },
      ["gcc"],
    ),
    timed("500 x /bin/true", ["sh", "-c", "i=0; while [ $i -lt 500 ]; do /bin/true; i=$((i+1)); done"]),
    timed("static Go, copy of 64 MiB", [goProgram(), "copy", big, at("copy")], () =>
      once(big, () => writeFileSync(big, Buffer.alloc(64 << 20))),
    ),
    served(
      "static Go, HTTP",
      (port) => [goProgram(), "serve", String(port)],
      (port) => ["wrk", "-t1", "-c16", "-d2s", `http://127.0.0.1:${port}/`],
      /Requests\/sec:\s+([\d.]+)/,
      ["wrk"],
    ),
    timed("Node, 20,000 reads of files", [
      process.execPath,
      "-e",
      'const fs=require("fs");for(let i=0;i<20000;i++)fs.readFileSync("/etc/hostname")',
    ]),
    timed("Python, imports", [
      pythonItself(),
      "-c",
      "import asyncio,json,http.client,unittest,sqlite3,xml.dom.minidom,email,decimal,logging.config",
    ]),
  ];
}

export function isInstalled(command: string): boolean {
  return command.includes("/") || spawnSync("sh", ["-c", `command -v ${command}`]).status === 0;
}

// Behind `python3` there may be a shell script that looks for one.
function pythonItself(): string {
  const asked = spawnSync("python3", ["-c", "import os, sys; print(os.path.realpath(sys.executable))"], {
    encoding: "utf8",
  });
  return asked.status === 0 ? asked.stdout.trim() : "python3";
}

const HOT = new Set(EVENTS.filter((event) => event.tier === "hot").map((event) => event.name));

/** What a run of the workload makes of events. A server's client is not counted: it is not watched. */
export async function countEvents(workload: Workload): Promise<Counted> {
  const path = at("summary.json");
  rmSync(path, { force: true });
  await workload.count({ name: "count", before: [...VEDETTE, "trace", "--summary", "--json", "-o", path, "--"] });
  const summary = JSON.parse(readFileSync(path, "utf8")) as {
    events: number;
    lost: number;
    calls: Record<string, { count: number; tiers: { inline: number } }>;
  };
  const hot = Object.entries(summary.calls)
    .filter(([name]) => HOT.has(name))
    .map(([, call]) => call);
  const all = hot.reduce((sum, call) => sum + call.count, 0);
  const inline = hot.reduce((sum, call) => sum + call.tiers.inline, 0);
  return { events: summary.events, lost: summary.lost, inline: all === 0 ? 0 : inline / all };
}
