// SPDX-License-Identifier: Apache-2.0
//
// Alerts as a weapon: an output that nobody reads must not stop the host (H17), and a workload that makes its
// alerts long must not fill outputs with them (H18).
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { HandAgent, openHost, stillJudges, until } from "./host.js";

/** Just below a rule's burst. */
const MANY = 900;
const CONTAINERS = 4;
const LINE_BYTES = 60 << 10;
/** What the alerts of one container's burst may take, at the most: a thousand of 8 KiB. */
const BURST_BYTES_MAX = 8 << 20;
const ANSWER_MS_MAX = 10_000;
const TOLD_MS_MAX = 20_000;

const { host, secret, honest } = await openHost(test);

const red = async (): Promise<boolean> => (await fetch(`http://${host.http}/api/v1/health`)).status === 503;

test("H17: a stdout that nobody reads stops nothing: the host answers, says so, and loses no alert that has room", async () => {
  await stillJudges(host, honest);
  host.child.stdout!.pause();
  for (let i = 0; i < CONTAINERS; i++) {
    const noisy = await HandAgent.honest(host.socket, { secret, container: `noisy${i}` });
    noisy.write(noisy.shadow(`noise${i}`, { count: MANY }));
  }
  const begun = performance.now();
  while (!(await red())) {
    assert.ok(performance.now() - begun < TOLD_MS_MAX, `green: ${await host.metric("vedette_output_queued")} wait`);
    const asked = performance.now();
    assert.is(await host.health(), 200, "/healthz stays green: it judges");
    assert.ok(performance.now() - asked < ANSWER_MS_MAX, "the thread that watches workers is held up");
    await sleep(50);
  }
  assert.match(host.stderr, /VEDETTE_OUTPUT_STUCK/);
  assert.ok((await host.metric("vedette_output_queued")) > 0);
  host.child.stdout!.resume();
  for (let i = 0; i < CONTAINERS; i++)
    await until(`all alerts of noisy${i}`, () => host.alertsOf(`noise${i}`).length === MANY);
  await stillJudges(host, honest);
  assert.is(await red(), false);
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
