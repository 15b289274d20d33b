// SPDX-License-Identifier: Apache-2.0
//
// A tracing thread that stands still while the agent's other thread goes on (G9): the host must not take it
// for a quiet workload. What holds the thread here is a tracer, or a file system whose server (FUSE) never
// answers the agent.
import { type ChildProcess, spawn } from "node:child_process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { scratch } from "../e2e/programs.js";
import { until } from "../until.js";
import { buildAttack } from "./attack.js";
import { openHost, stillJudges } from "./host.js";

/** From the moment the thread stands still to the alert: 7 s, and what a loaded machine adds at the worst. */
const TOLD_MS_MAX = 60_000;
/** A shorter turn is no alert: 5 s, less the time that passes until the test hears of the hold. */
const TOLD_MS_MIN = 4_500;
const BUSY = "while :; do /bin/true; done";

const { host, honest, started, watch: start } = await openHost(test);

const silent = (container: string) =>
  host.alerts.filter(
    ({ rule, output_fields }) => rule === "Agent silent" && output_fields["container.name"] === container,
  );

async function watch(container: string, script: string): Promise<ChildProcess> {
  const agent = start(container, "sh", "-c", script);
  await until(`${container} is watched`, () => host.stderr.includes(`watching ${container}`));
  return agent;
}

/** Holds an agent's tracing thread, its first, until the answer is called. */
async function hold(agent: ChildProcess): Promise<() => Promise<string>> {
  const holder = spawn(buildAttack("hold_thread"), [String(agent.pid)], { stdio: ["pipe", "pipe", "ignore"] });
  started.push(holder);
  let said = "";
  holder.stdout.on("data", (text: Buffer) => {
    said += text.toString();
  });
  const ended = new Promise((resolve) => holder.on("close", resolve));
  await until("the thread is held", () => said.includes("\n"));
  assert.match(said, /^held: \d+\n$/);
  return async () => {
    holder.stdin.end();
    await ended;
    return said;
  };
}

test("G9: a tracing thread that stands still in its work is an alert within seconds, and the host says when it goes on", async () => {
  await watch("busy", BUSY);
  await watch("resting", "sleep 60");
  const stuck = await watch("stuck", BUSY);
  const letGo = await hold(stuck);
  const heldAt = performance.now();
  await until("its alert", () => silent("stuck").length === 1, { ms: TOLD_MS_MAX });
  const toldAfter = performance.now() - heldAt;
  assert.ok(toldAfter > TOLD_MS_MIN, `told after ${toldAfter} ms`);
  assert.ok((await host.metric("vedette_agents_silent_total")) === 1);
  assert.match(await letGo(), /end: reached/);
  await until("it is heard again", () => host.stderr.includes("stuck is heard again"));
  assert.is(silent("stuck").length, 1);
  assert.equal([...silent("busy"), ...silent("resting")], []);
  await stillJudges(host, honest);
});

test("G9: control: a tracing thread that is held for 3 s is no alert", async () => {
  const held = await watch("held", BUSY);
  const letGo = await hold(held);
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  assert.match(await letGo(), /end: reached/);
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  assert.equal(silent("held"), []);
  await stillJudges(host, honest);
});

/**
 * Mounts a file system that answers everybody but agents. `said` is what its server has said so far. Null:
 * mounting is not allowed here.
 */
async function mountDeaf(folder: string): Promise<{ said: () => string; end: () => void } | null> {
  const server = spawn(buildAttack("deaf_fuse"), [folder, "/bin/true"], { stdio: ["pipe", "pipe", "inherit"] });
  started.push(server);
  let said = "";
  server.stdout.on("data", (text: Buffer) => {
    said += text.toString();
  });
  await until("it is mounted, or not", () => said.includes("mounted: "));
  return said.startsWith("mounted: 0\n") ? { said: () => said, end: () => server.stdin.end() } : null;
}

test("G9: a file system (FUSE) that never answers the agent is an alert within seconds, and its end lets the agent go on", async () => {
  const folder = scratch();
  const deaf = await mountDeaf(folder);
  if (deaf === null) return console.log("skip: a file system that never answers: mounting FUSE is not allowed here");
  try {
    const agent = await watch("fuse", `sleep 1; ${folder}/program; echo over; sleep 1`);
    await until("the agent waits for the file system", () => deaf.said().includes("asked: "));
    const heldAt = performance.now();
    await until("its alert", () => silent("fuse").length === 1, { ms: TOLD_MS_MAX });
    assert.ok(performance.now() - heldAt > TOLD_MS_MIN);
    assert.is(agent.exitCode, null);
    await stillJudges(host, honest);
  } finally {
    deaf.end();
  }
  await until("it is heard again", () => host.stderr.includes("fuse is heard again"));
  await until("its workload has ended", () => host.stderr.includes("fuse has left"));
});

test.run();
