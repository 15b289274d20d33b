// SPDX-License-Identifier: Apache-2.0
//
// `npm run bench -- top [--json] [--rate N] [--seconds N]`: what `vedette top` costs beside 20,000 events a
// second of twenty processes, at five frames a second on a terminal of 80 x 24, which is script(1)'s. It is
// measured of the process that draws, and of the host that counts for it: the host's CPU with `vedette top`,
// and without it in turn. And what counting one event takes, by itself.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Activity, VIEWS } from "../host/activity/activity.js";
import { builtFile } from "../host/paths.js";
import { ShortEvents } from "../host/policy/short-event.js";
import { openBatch } from "../host/wire/batch.js";
import { cpuMs } from "./measure/cpu.js";
import { buildProgram } from "./measure/programs.js";

const number = (name: string, usual: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? usual : Number(process.argv[at + 1]);
};
const [rate, seconds] = [number("rate", 20_000), number("seconds", 20)];
const MAIN = builtFile("js/host/main.js");
const FRAME = "\x1b[?2026h";
const BAR = 0.01;
const TICKS_PER_S = 100;
const ROUNDS = 3;
const PROCESSES = 20;

/** Seconds of CPU that a process has had, all its threads together. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
}

/** Of one core. */
async function shareOf(pid: number): Promise<number> {
  const [before, begun] = [cpuOf(pid), performance.now()];
  await sleep(seconds * 1_000);
  return (cpuOf(pid) - before) / ((performance.now() - begun) / 1_000);
}

/** ns of CPU for one event, by view: of 20 processes, each with 10 files, in batches of 200. */
function countingNs(view: (typeof VIEWS)[number]["id"]): number {
  const events = new ShortEvents();
  for (let i = 0; i < 200; i++)
    events.add(i % 2 === 0 ? "read" : "write", {
      ...{ proc: { name: "worker", pid: 100 + (i % 20), args: ["--serve"] }, fd: `/srv/file-${i % 10}`, res: 100 },
    });
  const batch = openBatch(events.bytes());
  const activity = new Activity(view);
  const run = (batches: number): void => {
    for (let i = 0; i < batches; i++) activity.add(batch);
  };
  run(500);
  const before = cpuMs();
  run(2_000);
  return ((cpuMs() - before) * 1e6) / (2_000 * batch.count);
}

const folder = mkdtempSync(join(tmpdir(), "vedette-bench-top-"));
const socket = join(folder, "control.sock");
const pidFile = join(folder, "pid");
// Each a row that changes in each frame.
const each = `${buildProgram("paced")} ${rate / PROCESSES} ${ROUNDS * (2 * seconds + 60)}`;
const load = ["sh", "-c", `for i in $(seq ${PROCESSES}); do ${each} & done; wait`];
const host = spawn(process.execPath, [MAIN, "run", "-q", "--control", socket, "--", ...load], {
  ...{ stdio: "ignore", detached: true },
});
while (!existsSync(socket)) await sleep(100);
await sleep(5_000); // policies settle

async function opened(): Promise<{ child: ChildProcess; pid: number; bytes: () => string }> {
  rmSync(pidFile, { force: true });
  const top = `echo $$ > ${pidFile}; exec ${process.execPath} ${MAIN} top --socket ${socket} --interval 0.2`;
  const child = spawn("script", ["-qfec", `stty cols 80 rows 24; ${top}`, "/dev/null"], {
    stdio: ["pipe", "pipe", "ignore"],
    env: { ...process.env, SHELL: "/bin/sh", TERM: "xterm", LC_ALL: "C.UTF-8" },
  });
  let text = "";
  child.stdout!.setEncoding("latin1").on("data", (part: string) => {
    text += part;
  });
  while (!text.includes("ev/s")) await sleep(100);
  await sleep(3_000); // it has started, and V8 has compiled what it runs
  text = "";
  return { child, pid: Number(readFileSync(pidFile, "utf8")), bytes: () => text };
}

interface Round {
  readonly hostAlone: number;
  readonly host: number;
  readonly top: number;
  readonly frames: number;
  readonly bytes: number;
  /** As the screen says. */
  readonly seen: number;
}
const rounds: Round[] = [];
for (let i = 0; i < ROUNDS; i++) {
  const hostAlone = await shareOf(host.pid!);
  const { child, pid, bytes } = await opened();
  const [hosts, top] = await Promise.all([shareOf(host.pid!), shareOf(pid)]);
  const drawn = bytes();
  const seen = Number([...drawn.matchAll(/(\d+) ev\/s/g)].at(-1)?.[1]);
  const frames = drawn.split(FRAME).length - 1;
  rounds.push({ hostAlone, host: hosts, top, frames: frames / seconds, bytes: drawn.length / seconds, seen });
  child.stdin!.write("q");
  await new Promise((done) => child.once("exit", done));
}
process.kill(-host.pid!, "SIGKILL"); // the group: a signal to the host alone goes to the shell
rmSync(folder, { recursive: true, force: true });

const median = (of: (round: Round) => number): number => rounds.map(of).sort((a, b) => a - b)[ROUNDS >> 1]!;
const report = {
  ...{ rate, seconds, rounds, top: median(({ top }) => top), frames: median(({ frames }) => frames) },
  ...{ bytes: median(({ bytes }) => bytes), hostMore: median(({ host, hostAlone }) => host - hostAlone) },
  countingNs: Object.fromEntries(VIEWS.map(({ id }) => [id, countingNs(id)])),
};
const percent = (share: number): string => `${(share * 100).toFixed(2)} % of a core`;
if (process.argv.includes("--json")) console.log(JSON.stringify(report));
else {
  console.log(
    `beside ${rate} events/s (the screen says ${median(({ seen }) => seen)}), 80 x 24, ${report.frames.toFixed(1)} frames/s of ${(report.bytes / Math.max(1, report.frames)).toFixed(0)} bytes`,
  );
  console.log(
    `vedette top    ${percent(report.top)}   bar: at most ${percent(BAR)}: ${report.top <= BAR ? "met" : "not met"}`,
  );
  console.log(
    `the host more  ${percent(report.hostMore)}   each round: ${rounds.map(({ host, hostAlone }) => `${percent(hostAlone)} and ${percent(host)}`).join("; ")}`,
  );
  for (const [view, ns] of Object.entries(report.countingNs))
    console.log(`  counting, ${view.padEnd(12)} ${ns.toFixed(0).padStart(5)} ns an event`);
}
process.exit(0);
