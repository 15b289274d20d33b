// SPDX-License-Identifier: Apache-2.0
//
// The numbers of `run` while its workload runs: events, alerts and losses, as under `serve`.
import { writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { closeReader } from "../../../host/capture/ring.js";
import { OwnAgent } from "../../../host/intake/intake.js";
import { Monitor } from "../../../host/sensor/monitor.js";
import { Health } from "../../../host/sensor/sensor.js";
import { scratch, start, VEDETTE } from "../../e2e/programs.js";
import { NONESUCH } from "../../e2e/told.js";
import { until } from "../../until.js";

const WAIT_MS_MAX = 30_000;
const COUNTED = 'container="this workload"';

/** A number of Prometheus' text; 0 where it is not there. */
function numberOf(text: string, name: string): number {
  const line = text.split("\n").find((one) => one.startsWith(`vedette_${name}`));
  return Number(line?.split(" ").at(-1) ?? 0);
}

/** What the control API answers; nothing where nobody answers yet. */
function metricsAt(socketPath: string): Promise<string> {
  return new Promise((done) => {
    const asked = request({ socketPath, path: "/api/v1/metrics", headers: { host: "v" } }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      response.on("end", () => done(text));
    });
    asked.on("error", () => done("")).end();
  });
}

test("run: the control API counts events and alerts while the workload runs", async () => {
  const folder = scratch();
  writeFileSync(join(folder, "rules.yaml"), NONESUCH);
  const words = ["run", "--falco-rules", "rules.yaml", "--control", "control.sock", "--"];
  const workload = "cat /nonesuch/1; until test -e go; do sleep 0.05; done";
  const { child, ended } = start([...VEDETTE, ...words, "sh", "-c", workload], { cwd: folder, limitMs: WAIT_MS_MAX });
  const numbers = () => metricsAt(join(folder, "control.sock"));
  await until("an alert is counted", async () => numberOf(await numbers(), 'alerts_total{rule="nonesuch"') === 1);
  const before = await numbers();
  assert.is(numberOf(before, "agents "), 1);
  assert.ok(numberOf(before, `batches_total{${COUNTED}`) > 0, before);
  const events = numberOf(before, `events_total{${COUNTED}`);
  assert.ok(events > 0);
  await until("the count grows", async () => numberOf(await numbers(), `events_total{${COUNTED}`) > events);
  assert.is(child.exitCode, null);
  writeFileSync(join(folder, "go"), "");
  assert.is((await ended).status, 0);
});

test("run: what the agent sheds is counted while it sheds, and at the end every event is counted or lost", async () => {
  const monitor = new Monitor(new Health());
  const agent = new OwnAgent(1, {}, monitor);
  const [slow] = agent.readers;
  const dd = "dd if=/dev/zero of=/dev/null bs=1 count=200000 2>/dev/null; until test -e go; do sleep 0.05; done";
  const folder = scratch();
  const options = ["--spool", "2097152", "--on-overload", "shed"];
  const ended = agent.run({ command: ["sh", "-c", `cd ${folder}; ${dd}`], options });
  const lost = async () => numberOf(await monitor.metrics(), `lost_events_total{${COUNTED},reason="spool"`);
  // The place of a worker that judges nothing: the ring fills, and behind it the spool.
  await sleep(1_500);
  closeReader(agent.ring, slow!);
  await until("a loss is counted", async () => (await lost()) > 0);
  assert.is(numberOf(await monitor.metrics(), "agents "), 1);
  writeFileSync(join(folder, "go"), "");
  const ending = await ended;
  agent.close();
  assert.equal([ending.status, ending.missing], [0, await lost()]);
  const told = numberOf(await monitor.metrics(), `events_total{${COUNTED}`);
  assert.ok(told + (await lost()) >= 400_000, `${told} told`);
  assert.is(numberOf(await monitor.metrics(), "agents "), 0);
});

test.run();
