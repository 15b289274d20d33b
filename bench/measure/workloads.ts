// SPDX-License-Identifier: Apache-2.0
//
// What the watchers are measured on: see kinds.ts.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loop, output, served, type Taken, timed, type Workload } from "./kinds.js";
import { ROOT } from "./programs.js";
import type { Watcher } from "./watchers.js";

const SCRATCH = mkdtempSync("/dev/shm/vedette-bench-");
process.on("exit", () => rmSync(SCRATCH, { recursive: true, force: true }));
const at = (name: string): string => join(SCRATCH, name);

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

interface FioJob {
  readonly usr_cpu: number;
  readonly sys_cpu: number;
  readonly read: { readonly iops: number; readonly total_ios: number /** ms */; readonly runtime: number };
}

function fioRun(watcher: Watcher): Taken {
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
  const [job] = (JSON.parse(report.slice(report.indexOf("{"))) as { jobs: FioJob[] }).jobs;
  const busy = ((job!.usr_cpu + job!.sys_cpu) / 100) * job!.read.runtime * 1e6;
  return { value: job!.read.iops, cpuNs: busy / job!.read.total_ios };
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
