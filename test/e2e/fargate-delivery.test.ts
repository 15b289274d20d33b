// SPDX-License-Identifier: Apache-2.0
//
// What an agent does while its host is late, slow, stuck or gone: nothing that the workload notices beyond
// what was asked for, and no event that is neither delivered nor counted.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { EVENTS, LOST } from "../../build/generated/events.js";
import type { Batch } from "../../host/wire/batch.js";
import { DeafHost } from "../lab/deaf-host.js";
import { until, within } from "../lab/task.js";

const folder = mkdtempSync(join(tmpdir(), "delivery-"));
test.after(() => rmSync(folder, { recursive: true, force: true }));

const COUNT = 20_000;
const DD = ["dd", "if=/dev/zero", "of=/dev/null", "bs=512", `count=${COUNT}`, "status=none"];
const SPOOL_MIN = "2097152";
const RUN_MS_MAX = 90_000;
const started: ChildProcess[] = [];
test.after.each(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
});

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

function agent(options: string[], command: string[]): Promise<Ended> {
  const begun = performance.now();
  const child = spawn("build/vedette-capture", [...options, "--", ...command], { stdio: ["ignore", "pipe", "pipe"] });
  started.push(child);
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) child[name].on("data", (text) => (texts[name] += text));
  const ended = new Promise<Ended>((done) =>
    child.on("close", (status) => done({ status, ...texts, ms: performance.now() - begun })),
  );
  return within(ended, RUN_MS_MAX, "the agent did not end");
}

let made = 0;
const socket = () => join(folder, `${++made}.sock`);
const lostOf = (lost: readonly (number | bigint)[], name: string) =>
  Number(lost[LOST.findIndex((one) => one.name === name)]);

/** Calls of these names that succeeded. */
function countOf(batches: readonly Batch[], ...names: string[]): number {
  const wanted = new Set(EVENTS.filter(({ name }) => names.includes(name)).map(({ id }) => id));
  const isOne = ({ recordView: view }: Batch, at: number) =>
    wanted.has(view.getUint16(at, true)) && view.getBigInt64(at + 24, true) >= 0n;
  return batches.flatMap((batch) => [...batch.offsets].filter((at) => isOne(batch, at))).length;
}

const recordsOf = (host: DeafHost) => host.batches.reduce((sum, batch) => sum + batch.count, 0);

/** The same command before a host that keeps up: what there is to be seen. */
async function hostThatReads(command: string[]): Promise<DeafHost> {
  const path = socket();
  const host = new DeafHost(path, { reads: true, acknowledges: true });
  const { status } = await agent(["--host", `unix:${path}`], command);
  host.close();
  assert.is(status, 0);
  return host;
}

test("a host that comes late gets everything", async () => {
  const path = socket();
  const ended = agent(
    ["--host", `unix:${path}`, "--start", "availability"],
    ["sh", "-c", "echo begun; sleep 1; echo over"],
  );
  await sleep(500);
  const host = new DeafHost(path, { reads: true, acknowledges: true });
  const { status, stdout, stderr } = await ended;
  host.close();
  assert.equal([status, stdout, stderr], [0, "begun\nover\n", ""]);
  assert.is(host.batches[0]!.first, 1);
  for (const [index, batch] of host.batches.slice(1).entries())
    assert.is(batch.first, host.batches[index]!.first + host.batches[index]!.count);
  assert.ok(host.end !== null);
});

test("a host that never comes costs the workload nothing, and what was lost is told", async () => {
  const { status, stdout, stderr } = await agent(
    ["--host", `unix:${socket()}`, "--start", "availability"],
    ["sh", "-c", "echo fine; exit 4"],
  );
  assert.equal([status, stdout], [4, "fine\n"]);
  assert.match(stderr, /^vedette-capture: \d+ events could not be delivered: the host was gone\n$/);
});

test("under security the workload waits until policies are loaded", async () => {
  const path = socket();
  const host = new DeafHost(path, { reads: true, acknowledges: true, isReady: false });
  const timeout = ["--start-timeout", "1"];
  const refused = await agent(["--host", `unix:${path}`, "--start", "security", ...timeout], ["echo", "never"]);
  assert.equal([refused.status, refused.stdout], [125, ""]);
  assert.match(refused.stderr, /did not say in time that its policies are loaded\. \[VEDETTE_HOST_UNREACHABLE\]/);
  assert.ok(refused.ms >= 1000);
  const allowed = await agent(
    ["--host", `unix:${path}`, "--start", "security", ...timeout, "--on-start-timeout", "run"],
    ["echo", "anyway"],
  );
  assert.equal([allowed.status, allowed.stdout], [0, "anyway\n"]);
  host.close();
});

test("a full spool sheds hot calls' events alone, and the counts are exact", async () => {
  const path = socket();
  const host = new DeafHost(path, { reads: false, acknowledges: true });
  const report = join(folder, "lost.json");
  const options = ["--spool", SPOOL_MIN, "--on-overload", "shed", "--lost-report", report];
  const command = ["sh", "-c", `${DD.join(" ")}; true; exec true`];
  const ended = agent(["--host", `unix:${path}`, ...options], command);
  await sleep(2500);
  host.read();
  const { status } = await ended;
  host.close();
  assert.is(status, 0);
  const { spool, ...others } = JSON.parse(readFileSync(report, "utf8")) as Record<string, number>;
  assert.ok(spool! > 0, "nothing was shed: the spool was never full");
  assert.is(
    Object.values(others).reduce((sum, count) => sum + count, 0),
    0,
  );
  assert.is(recordsOf(host) + spool!, recordsOf(await hostThatReads(command)));
  assert.is(lostOf((host.end as [number, number, number[]])[2], "spool"), spool);
  assert.is(countOf(host.batches, "execve"), 3);
  assert.is(countOf(host.batches, "procexit"), 2);
  const hot = countOf(host.batches, "read", "write");
  assert.ok(hot + spool! >= 2 * COUNT);
});

/** Guarded calls, whose events wait for room; and more than there is room for. */
const GUARDED = 40_000;
const STORM = ["perl", "-e", `$> = 0 for 1..${GUARDED}; print "over\\n"`];

test("a host that takes nothing, or is gone for good, holds the workload up for 10 s at most, and what that cost is told", async () => {
  const one = async (isGone: boolean) => {
    const path = socket();
    const host = new DeafHost(path, { reads: isGone, acknowledges: false });
    const ended = agent(["--host", `unix:${path}`, "--spool", SPOOL_MIN], STORM);
    if (isGone) await until(() => host.batches.length > 0, "no batch came").then(() => host.close());
    const { status, stdout, stderr } = await ended;
    if (!isGone) host.close();
    assert.equal([status, stdout], [0, "over\n"]);
    const told =
      /^vedette-capture: (\d+) events could not be delivered: the host was gone\. Before that, (\d+) were dropped, because there was no room for them\n$/;
    const [, undelivered, dropped] = told.exec(stderr) ?? [];
    assert.ok(Number(undelivered) > 0 && Number(dropped) > 0, stderr);
    assert.ok(Number(undelivered) + Number(dropped) >= GUARDED, stderr);
  };
  await Promise.all([one(true), one(false)]);
});

test("under block the workload waits, and nothing is lost", async () => {
  const path = socket();
  const host = new DeafHost(path, { reads: false, acknowledges: true });
  const ended = agent(["--host", `unix:${path}`, "--spool", SPOOL_MIN, "--on-overload", "block"], DD);
  const isOver = await Promise.race([ended.then(() => true), sleep(3000, false)]);
  assert.is(isOver, false, "the workload did not wait");
  host.read();
  const { status, stderr } = await ended;
  host.close();
  assert.equal([status, stderr], [0, ""]);
  assert.is(recordsOf(host), recordsOf(await hostThatReads(DD)));
  assert.ok(countOf(host.batches, "write") >= COUNT);
  assert.equal(
    host.batches.at(-1)!.lost.map(Number),
    LOST.map(() => 0),
  );
});

test("what a host did not acknowledge is sent again to the next one, from there on", async () => {
  const path = socket();
  const first = new DeafHost(path, { reads: true, acknowledges: false });
  const ended = agent(
    ["--host", `unix:${path}`],
    ["sh", "-c", "for i in 1 2 3 4 5 6 7 8; do /bin/true $i; sleep 0.1; done"],
  );
  await until(() => first.batches.length >= 3, "no batches came");
  first.close();
  await sleep(200);
  const second = new DeafHost(path, { reads: true, acknowledges: true });
  const { status } = await ended;
  second.close();
  assert.is(status, 0);
  assert.is(second.batches[0]!.first, 1);
  assert.equal(second.batches[0]!.source, first.batches[0]!.source);
  assert.ok(countOf(second.batches, "execve") >= 9);
  assert.ok(second.end !== null);
});

test("connections that break at any byte lose nothing and tell nothing twice", async () => {
  const path = socket();
  let chance = 1;
  let connections = 0;
  const breaksAfter = () => {
    chance = (chance * 48271) % 0x7fffffff;
    return ++connections > 30 ? Number.POSITIVE_INFINITY : 2_000 + (chance % 150_000);
  };
  const host = new DeafHost(path, { reads: true, acknowledges: true, breaksAfter });
  const { status, stderr } = await agent(["--host", `unix:${path}`, "--on-overload", "block"], DD);
  host.close();
  assert.equal([status, stderr], [0, ""]);
  assert.ok(connections > 5, `${connections} connections`);
  const batches = [...new Map(host.batches.map((batch) => [batch.seq, batch])).values()];
  let next = 1;
  for (const { first, count } of batches) {
    assert.is(first, next, "in order, without a gap");
    next = first + count;
  }
  assert.is(next - 1, recordsOf(await hostThatReads(DD)));
});

test("a host that refuses is not asked again, and the workload goes on", async () => {
  const path = socket();
  const host = new DeafHost(path, { reads: true, acknowledges: true, refuses: true });
  const { status, stdout, stderr } = await agent(["--host", `unix:${path}`, "--start", "availability"], ["echo", "on"]);
  host.close();
  assert.equal([status, stdout, host.hellos.length], [0, "on\n", 1]);
  assert.match(stderr, /events could not be delivered/);
});

test.run();
