// SPDX-License-Identifier: Apache-2.0
//
// An agent that ends before all of its workload has: as process 1 when the workload's first process ends, and
// by a signal when only descendants of that are left. They end with it, and what they had done by then is
// told, though it stood in their rings.
// Also with: VEDETTE_ASSUME_KERNEL=5.10.
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { EVENTS } from "../../build/generated/events.js";
import { DeafHost } from "../lab/deaf-host.js";
import { until } from "../until.js";
import { buildFixture } from "./fixtures.js";
import { AGENT, hasCommand, run, scratch, start } from "./programs.js";
import { nonesuch, serve } from "./serving.js";
import { NONESUCH } from "./told.js";

const ROUNDS = 10;
const COUNT = 20;
const burst = buildFixture("burst");
/** It writes until it is ended: the size of its file is the number of writes that the kernel completed. */
const BEGIN = `"${burst}" & until [ -s burst ]; do :; done;`;
/** For a job of the workload's first process: until that has ended, and the agent knows it. */
const FIRST_HAS_LEFT = "while [ -e /proc/$$ ]; do :; done;";

/** Events of a type: those with a result, and those that were under way. */
function told(host: DeafHost, type: string): { done: number; underWay: number } {
  const wanted = new Set(EVENTS.filter(({ name }) => name === type).map(({ id }) => id));
  const results = host.batches.flatMap(({ recordView: view, offsets }) =>
    [...offsets].filter((at) => wanted.has(view.getUint16(at, true))).map((at) => view.getBigInt64(at + 24, true)),
  );
  const done = results.filter((result) => result >= 0n).length;
  return { done, underWay: results.length - done };
}

/** Whether each of its threads sleeps, or is stopped. */
const isAsleep = (pid: number): boolean =>
  readdirSync(`/proc/${pid}/task`).every((tid) =>
    /\) [St] /.test(readFileSync(`/proc/${pid}/task/${tid}/stat`, "utf8")),
  );

async function ends(before: string[], script: string, status: number, processes: number): Promise<void> {
  for (let round = 0; round < ROUNDS; ++round) {
    const folder = scratch();
    const host = new DeafHost(join(folder, "host.sock"), { reads: true, acknowledges: true });
    const agent = [AGENT, "--host", `unix:${join(folder, "host.sock")}`, "--on-overload", "block"];
    const ended = await run([...before, ...agent, "--", "sh", "-c", BEGIN + script], { cwd: folder });
    host.close();
    assert.is(ended.status, status, ended.stderr);
    assert.is(ended.stderr, "");
    assert.ok(host.end !== null, "the agent said that it ends");
    const written = statSync(join(folder, "burst")).size;
    const { done, underWay } = told(host, "write");
    assert.ok(written === done || (written === done + 1 && underWay === 1), `${written} written, ${done} told of`);
    assert.is(told(host, "procexit").done, processes, "ends of processes");
  }
}

if (hasCommand("unshare"))
  test("process 1 takes the workload's jobs along, and tells of them to the end", () =>
    ends(["unshare", "-p", "-f", "--mount-proc"], "exit 7", 7, 2));
else console.log("skip: an agent that is process 1: unshare is missing");

test("a signal takes along whom the workload left behind, and they are told of to the end", () =>
  ends([], `(${FIRST_HAS_LEFT} kill -TERM $PPID; exec sleep 60) & exit 0`, 143, 3));

test("what descendants do after the end arrives at a real host", async () => {
  const folder = scratch();
  writeFileSync(join(folder, "rules.yaml"), NONESUCH);
  const host = await serve(folder, ["--falco-rules", "rules.yaml", "--alerts", "alerts"]);
  await host.watches(`(${FIRST_HAS_LEFT} ${nonesuch(COUNT)}) & exit 0`);
  await host.says("has left");
  assert.ok(/has left: \d+ events, 0 lost/.test(host.said()), host.said());
  await host.end();
  const alerts = readFileSync(join(folder, "alerts"), "utf8").split("\n").filter(Boolean);
  assert.is(alerts.length, COUNT);
});

if (hasCommand("python3"))
  test("a first process that waits for its SIGTERM ends with its own status, and nobody is taken along", async () => {
    const wait = "import os, signal; signal.pthread_sigmask(0, [15]); os.kill(os.getppid(), 15); signal.sigwait([15])";
    // The agent goes round its loop for each of these programs, after the end of the first process.
    const goesOn = `${FIRST_HAS_LEFT} for i in $(seq ${COUNT}); do cat /dev/null; done; echo over`;
    const script = `(${goesOn}) & exec python3 -c '${wait}; os._exit(4)'`;
    const ended = await run([AGENT, "--", "sh", "-c", script], { cwd: scratch() });
    assert.is(ended.status, 4, ended.stderr);
    assert.is(ended.stdout, "over\n");
  });
else console.log("skip: a first process that waits for its SIGTERM: python3 is missing");

test("a signal ends an agent whose host reads nothing, with whom the workload left behind", async () => {
  const folder = scratch();
  const host = new DeafHost(join(folder, "host.sock"), { reads: false, acknowledges: false });
  const agent = [AGENT, "--host", `unix:${join(folder, "host.sock")}`, "--spool", "2097152", "--on-overload", "block"];
  // Only whom the first process leaves behind writes so much that the agent has no room.
  const script = `(${FIRST_HAS_LEFT} exec sh -c 'echo $$ > pid; exec "${burst}"') & exit 0`;
  const { child, ended } = start([...agent, "--", "sh", "-c", script], { cwd: folder, limitMs: 60_000 });
  const [pid, file] = [join(folder, "pid"), join(folder, "burst")];
  await until("it writes", () => existsSync(file));
  const sleeps = () => isAsleep(child.pid!) && isAsleep(Number(readFileSync(pid, "utf8")));
  await until("it waits for room", () => {
    const before = statSync(file).size;
    return before > 0 && sleeps() && statSync(file).size === before;
  });
  child.kill("SIGTERM");
  const { status, stderr } = await ended;
  host.close();
  assert.is(status, 143, stderr);
  assert.match(stderr, /events could not be delivered/);
});

test.run();
