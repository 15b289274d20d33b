// SPDX-License-Identifier: Apache-2.0
//
// `npm run bench -- console [--json] [--rounds N]`: what the console, the control API and the store cost a
// sidecar that was not asked for them. A host as the image has it, and one in which their code is absent, are
// started in turn; their memory is compared when they listen, and so are the bytes that they take on a disk.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Plugin } from "esbuild";
import { builtFile } from "../host/paths.js";
import { median } from "./measure/median.js";

const { bundleHost, keepCompiled } = (await import(
  builtFile("js/host/image/bundle.js")
)) as typeof import("../host/image/bundle.js");

const ROUNDS = 15;
const MIB = 2 ** 20;
/** The most that either may be more than without. */
const BAR_MIB = 1;
/** From when it listens until its memory is looked at, ms. */
const REST_MS = 1_500;
const WAIT_MS_MAX = 60_000;
/** Files of threads and packages that nobody else loads. */
const OWN_FILES = ["store-thread.cjs", "condition-thread.cjs", "pg.cjs"];
const absent: Plugin = {
  name: "absent",
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /\/(control|store)\// }, ({ path }) => ({ path, namespace: "absent" }));
    onLoad({ filter: /./, namespace: "absent" }, () => ({ contents: "module.exports = {};" }));
  },
};

const given = process.argv.indexOf("--rounds");
const rounds = given < 0 ? ROUNDS : Number(process.argv[given + 1]);
// Beside build/host: from there the policies are found.
const [whole, without] = [builtFile("host.with"), builtFile("host.without")];
try {
  await make(whole, []);
  await make(without, [absent]);
  for (const name of OWN_FILES) rmSync(join(without, name));
  const [kept, absentKib]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    kept.push(await memoryOf(whole));
    absentKib.push(await memoryOf(without));
  }
  const report = {
    rounds,
    rssMib: { with: median(kept) / 1_024, without: median(absentKib) / 1_024 },
    diskMib: { with: (bytesOf(whole) + bytesOf(builtFile("web"))) / MIB, without: bytesOf(without) / MIB },
    barMib: BAR_MIB,
  };
  if (process.argv.includes("--json")) console.log(JSON.stringify(report));
  else
    for (const [what, { with: more, without: less }] of [
      ["memory when it listens (RSS)", report.rssMib],
      ["bytes on a disk", report.diskMib],
    ] as const)
      console.log(`${what}: ${more.toFixed(2)} MiB, without ${less.toFixed(2)}: ${(more - less).toFixed(2)} more`);
} finally {
  for (const folder of [whole, without]) rmSync(folder, { recursive: true, force: true });
}

async function make(folder: string, plugins: readonly Plugin[]): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  await bundleHost(folder, ["assemblyscript"], plugins);
  keepCompiled(folder, "serve");
}

/** KiB, a moment after it listens. */
async function memoryOf(folder: string): Promise<number> {
  const scratch = mkdtempSync(join(tmpdir(), "bench-console-"));
  const words = [join(folder, "start.cjs"), "serve", "--listen", "unix:host.sock", "--http", "unix:http.sock"];
  const host = spawn(process.execPath, words, { cwd: scratch, stdio: ["ignore", "ignore", "pipe"] });
  try {
    await listening(host);
    await sleep(REST_MS);
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${host.pid}/status`, "utf8"))![1]);
  } finally {
    host.removeAllListeners("exit");
    host.kill("SIGKILL");
    rmSync(scratch, { recursive: true });
  }
}

function listening(host: ChildProcess): Promise<void> {
  let said = "";
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`it does not listen: ${said}`)), WAIT_MS_MAX);
    host.once("exit", (status) => reject(new Error(`it ended with ${status}: ${said}`)));
    host.stderr!.setEncoding("utf8").on("data", (part: string) => {
      said += part;
      if (!said.includes("listening at")) return;
      clearTimeout(late);
      resolve();
    });
  });
}

function bytesOf(folder: string): number {
  return readdirSync(folder).reduce((all, name) => all + statSync(join(folder, name)).size, 0);
}
