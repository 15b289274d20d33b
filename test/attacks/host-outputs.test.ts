// SPDX-License-Identifier: Apache-2.0
//
// Alerts as a weapon: an output that nobody reads must not stop the host (H17), and a workload that makes its
// alerts long must not fill outputs with them (H18). Whoever can write to the folder of a file of alerts must
// not lead them elsewhere (H42).
import { chownSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../until.js";
import { HandAgent, Host, openHost, stillJudges } from "./host.js";

/** Just below a rule's burst. */
const MANY = 900;
const CONTAINERS = 4;
const LINE_BYTES = 60 << 10;
/** What the alerts of one container's burst may take, at the most: a thousand of 8 KiB. */
const BURST_BYTES_MAX = 8 << 20;
const ANSWER_MS_MAX = 10_000;
const TOLD_MS_MAX = 20_000;

const { host, secret, honest } = await openHost(test);

/** Whether the health for people is red. */
const isRed = async (): Promise<boolean> => {
  const response = await fetch(`http://${host.http}/api/v1/health`, { headers: { connection: "close" } });
  await response.text();
  return response.status === 503;
};

/** The host says that nobody reads its stdout, on stderr and by its health; it may be red for less before. */
async function saysStuck(): Promise<boolean> {
  const asked = performance.now();
  const isSaid = (await isRed()) && host.stderr.includes("VEDETTE_OUTPUT_STUCK");
  assert.is(await host.health(), 200, "/healthz stays green: it judges");
  assert.ok(performance.now() - asked < ANSWER_MS_MAX, "the thread that watches workers is held up");
  return isSaid;
}

test("H17: a stdout that nobody reads stops nothing: the host answers, says so, and loses no alert that has room", async () => {
  await stillJudges(host, honest);
  host.child.stdout!.pause();
  try {
    for (let i = 0; i < CONTAINERS; i++) {
      const noisy = await HandAgent.honest(host.socket, { secret, container: `noisy${i}` });
      noisy.write(noisy.shadow(`noise${i}`, { count: MANY }));
    }
    await until("it says that stdout is stuck", saysStuck, { ms: TOLD_MS_MAX });
    assert.ok((await host.metric("vedette_output_queued")) > 0);
  } finally {
    host.child.stdout!.resume();
  }
  for (let i = 0; i < CONTAINERS; i++)
    await until(`all alerts of noisy${i}`, () => host.alertsOf(`noise${i}`).length === MANY);
  await stillJudges(host, honest);
  await until("it is well again", async () => !(await isRed()));
});

test("H18: alerts of a 60 KB command line are cut and marked, and a burst of them is no larger than one of short alerts", async () => {
  const liar = await HandAgent.honest(host.socket, { secret, container: "liar" });
  for (let i = 0; i < 3; i++) liar.write(liar.shadow("long", { count: 600, args: ["x".repeat(LINE_BYTES)] }));
  await until("they are judged", () => host.alertsOf("long").length > 0);
  await stillJudges(host, honest);
  const lines = host.alertsOf("long").map((alert) => JSON.stringify(alert));
  const bytes = lines.reduce((sum, line) => sum + line.length, 0);
  assert.ok(bytes < BURST_BYTES_MAX, `${lines.length} alerts of ${bytes} bytes`);
  for (const line of lines) assert.match(line, /\.\.\.\(cut: \d+ bytes\)/);
});

test("H42: a link or another user's file in the place of a file of alerts gets none of them", async () => {
  const folder = mkdtempSync(join(tmpdir(), "planted-"));
  const path = (name: string): string => join(folder, name);
  const filed = await Host.start(folder, ["--alerts", path("alerts")]);
  try {
    const agent = await HandAgent.honest(filed.socket, { container: "planted" });
    let nth = 0;
    const isIn = async (name: string): Promise<void> => {
      const deed = `deed${nth++}`;
      agent.write(agent.shadow(deed));
      await until(`${deed} is in ${name}`, () => readFileSync(path(name), "utf8").includes(deed));
    };
    await isIn("alerts");
    renameSync(path("alerts"), path("kept"));
    writeFileSync(path("theirs"), "");
    symlinkSync(path("theirs"), path("alerts"));
    await isIn("kept");
    assert.is(readFileSync(path("theirs"), "utf8"), "");
    if (process.geteuid?.() !== 0) return console.log("skip: another user's file: only root can make one");
    rmSync(path("alerts"));
    chownSync(path("theirs"), 65_534, 65_534);
    renameSync(path("theirs"), path("alerts"));
    await isIn("kept");
    assert.is(readFileSync(path("alerts"), "utf8"), "");
  } finally {
    await filed.stop();
    rmSync(folder, { recursive: true });
  }
});

test.run();
