// SPDX-License-Identifier: Apache-2.0
// What the host says at /metrics, over its own HTTP server.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { LoadedPolicy } from "../../../host/engine/policy.js";
import { Health } from "../../../host/sensor/health.js";
import { Monitor } from "../../../host/sensor/monitor.js";
import { Roster } from "../../../host/sensor/roster.js";
import { histogram } from "../metric/shared.js";

const times = histogram("app.times", [0.5, 1], { labels: ["app.path"] });
const meter = {
  name: "meter",
  version: "1",
  admitted: { metadata: { metrics: [times] } },
} as unknown as LoadedPolicy;

async function ask(monitor: Monitor): Promise<Response> {
  const port = await monitor.listen("127.0.0.1:0");
  return fetch(`http://127.0.0.1:${port}/metrics`);
}

test("what is scraped is the host's numbers, a line without text, and all that policies measure", async () => {
  const monitor = new Monitor(new Health());
  for (let i = 0; i < 500; i++)
    monitor.onMeasured(meter, {
      measurements: [{ instrument: 0, labels: [`/${"x".repeat(100)}${i}`], value: 1, buckets: [1, 0, 0] }],
      refused: 0,
    });
  const response = await ask(monitor);
  const text = await response.text();
  assert.is(response.status, 200);
  assert.match(response.headers.get("content-type") ?? "", "text/plain; version=0.0.4");
  assert.match(text, "\n\n# HELP app_times app.times\n# TYPE app_times histogram\n");
  assert.is(text.match(/^app_times_bucket\{.*le="\+Inf"\} 1$/gm)?.length, 500);
  assert.match(text, /^vedette_policy_measurements_refused_total\{tenant="",policy="meter"\} 0$/m);
  monitor.close();
});

test("what an agent lost is counted once, also where batches of before come behind its last word", async () => {
  const monitor = new Monitor(new Health());
  const roster = new Roster(monitor);
  const peer = { number: 1, name: "app", hostname: "h", facts: null };
  roster.onHello(peer);
  for (const lost of [0, 40, 100, 30, 60, 90]) roster.onLost("app", "one", [lost, 1]);
  roster.onLost("app", "two", [7]);
  assert.equal(monitor.eventTotals(), { arrived: 0, lost: 108 });
  assert.match(await (await ask(monitor)).text(), /^vedette_lost_events_total\{container="app",reason="spool"\} 107$/m);
  assert.match(JSON.stringify(roster.rows()), /"spool":107\b/);
  monitor.close();
});

test("numbers that cannot be written are an answer of 500, and the next one is answered too", async () => {
  const health = new Health();
  const monitor = new Monitor(health);
  health.outputs = () => {
    throw new Error("asked for");
  };
  const response = await ask(monitor);
  assert.equal([response.status, await response.text()], [500, "the numbers could not be written\n"]);
  const again = await fetch(response.url);
  assert.is(again.status, 500);
  monitor.close();
});

test("a visitor who goes in the middle of the numbers ends nothing", async () => {
  const monitor = new Monitor(new Health());
  const labels = Array.from({ length: 2000 }, (_, i) => `/${i}`.padEnd(128, "x"));
  monitor.onMeasured(meter, {
    measurements: labels.map((label) => ({ instrument: 0, labels: [label], value: 1, buckets: [1, 0, 0] })),
    refused: 0,
  });
  const response = await ask(monitor);
  const reader = response.body?.getReader();
  await reader?.read();
  await reader?.cancel();
  const whole = await (await fetch(response.url)).text();
  assert.match(whole, `/1999${"x".repeat(123)}`);
  monitor.close();
});

test("a path of health that is another page's name says whether it lives, and opens no other page", async () => {
  for (const healthz of ["/metrics", "/api/v1/health", "/versions"]) {
    const monitor = new Monitor(new Health());
    const port = await monitor.listen("127.0.0.1:0", { healthz, pages: [healthz], versions: "{}" });
    const answered = await fetch(`http://127.0.0.1:${port}${healthz}`);
    assert.equal([answered.status, await answered.text()], [503, "starting\n"], healthz);
    assert.is((await fetch(`http://127.0.0.1:${port}/healthz`)).status, 404);
    monitor.close();
  }
});

test.run();
