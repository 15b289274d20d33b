// SPDX-License-Identifier: Apache-2.0
//
// Alerts as a weapon: an output that nobody reads must not stop the host (H17), and a workload that makes its
// alerts long must not fill outputs with them (H18).
import { test } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../until.js";
import { HandAgent, openHost, stillJudges } from "./host.js";

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

test.run();
