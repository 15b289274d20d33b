// SPDX-License-Identifier: Apache-2.0
//
// Attacks on a response that has the task stopped (docs/threat-model.md, A12): who has another task stopped,
// who has this one stopped without a row of his, who says in the host's place that it was, and what of a
// program's words gets to AWS.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { stringify } from "yaml";
import { VedetteError } from "../../host/errors.js";
import { readTenants } from "../../host/policy/tenants.js";
import { stopTask } from "../../host/response/stop-task.js";
import { scratch } from "../e2e/programs.js";
import { alertOf, findingOf } from "../host/incident/shared.js";
import { awsReceiver, REGION } from "../host/output/aws-receiver.js";
import { answer, rowOf, stage } from "../host/response/stage.js";
import { until } from "../until.js";

const ARN = `arn:aws:ecs:${REGION}:111122223333:task/shop/0a1b2c3d`;
const STOP = rowOf({ action: "stop-task" });
const never = new AbortController().signal;

test("A12: whatever task an alert names, the host has its own stopped, and no word of a program gets to AWS", async () => {
  const there = await awsReceiver({ task: { TaskARN: ARN, Cluster: "shop" } });
  const honest = findingOf({ rule: "Crypto miner", container: "victim" });
  const task = { arn: ARN.replace("0a1b", "ffff"), cluster: "other", family: null, revision: null };
  const text = '"}, "cluster": "other", "x": {"y": "';
  const forged = {
    ...honest,
    task: { ...task, availabilityZone: null },
    process: { ...honest.process!, name: text, commandLine: text },
    container: { id: "victim", name: "victim", image: null, imageDigest: null },
  };
  const { status } = await stopTask(forged, false, never, { environment: there.environment });
  await there.close();
  assert.is(status, "done");
  const { reason, ...asked } = JSON.parse(there.puts[0]!.lines[0]!) as Record<string, string>;
  assert.equal(asked, { cluster: "shop", task: ARN });
  assert.match(reason!, /^Vedette: Crypto miner \([0-9a-f-]{36}\)$/);
});

test("A12: a name that is none of a task's sends no request, wherever it would lead", async () => {
  const names = ["evil.example/x", "", "eu-west-1.evil.example#", "eu-west-1\r\nhost: evil", "../eu-west-1"];
  for (const region of names) {
    const there = await awsReceiver({ task: { TaskARN: ARN.replace(REGION, region), Cluster: "shop" } });
    const { status, why } = await stopTask(findingOf(), false, never, { environment: there.environment });
    await there.close();
    assert.equal([status, there.puts.length, there.asked()], ["failed", 0, 0], JSON.stringify(region));
    assert.match(why, /no name of a task/);
  }
});

test("A12: nobody without an agent's connection, and no tenant without a row, has the task stopped", () => {
  const { responder, stops, told, web } = stage([STOP], { rival: () => [] });
  responder.onAlert(alertOf({ pid: 1 }), null);
  responder.onAlert(alertOf({ pid: 1, tenant: "rival" }), web);
  const { tenant: _hidden, ...unsigned } = alertOf({ pid: 1, tenant: "rival" });
  responder.onAlert(unsigned, web);
  assert.equal([stops.length, told()], [0, []]);
});

test("A12: an agent's answer to what its host does itself is not believed", async () => {
  const { responder, stops, told, web } = stage([STOP]);
  responder.onAlert(alertOf({ pid: 1 }), web);
  for (const id of [0, 1, 2]) assert.is(responder.onAnswer(web, answer(id, "done")), "unasked");
  responder.onLeft(web); // nor does it get away with what is under way
  stops[0]!.answer({ status: "failed", why: "AccessDeniedException" });
  await until("answered", () => told().length === 2);
  assert.equal(told(), ["requested by host", "failed by host"]);
});

test("A12: a thousand alerts of ten containers' worth have ECS asked once at a time, and by five a minute of each", async () => {
  const { responder, stops, told, web, db } = stage([STOP]);
  for (let pid = 0; pid < 1000; pid++) {
    responder.onAlert(alertOf({ pid }), pid % 2 === 0 ? web : db);
    if (pid % 10 !== 0) continue;
    const answered = stops.length;
    stops.at(-1)!.answer({ status: "failed", why: "ThrottlingException" });
    await until("answered", () => told().filter((one) => one.startsWith("failed")).length === answered);
  }
  assert.ok(stops.length <= 10, String(stops.length));
  assert.is(told().filter((one) => one === "limited by host").length, 2);
});

test("A12: tenants.yaml gives no tenant the task, unless all of it is in its scope", () => {
  const read = (scope: object) => {
    const file = join(scratch(), "tenants.yaml");
    const respond = [{ rules: ["Rule"], action: "stop-task", mode: "enforce" }];
    writeFileSync(file, stringify({ tenants: { acme: { scope, respond } } }));
    return readTenants(file).get("acme")!.responses.length;
  };
  const families = { task_families: ["acme-*"] };
  const wrong = [{ containers: ["acme-*"] }, { images: ["acme/*"] }, { uids: [7] }, { executables: ["/srv/*"] }];
  for (const scope of [{}, ...wrong, ...wrong.map((more) => ({ ...families, ...more }))]) {
    try {
      read(scope);
      assert.unreachable(JSON.stringify(scope));
    } catch (error) {
      assert.ok(error instanceof VedetteError && error.code === "VEDETTE_TENANTS_YAML", String(error));
      assert.match(
        (error as Error).message,
        /its scope (must name task families and nothing else|names no containers)/,
      );
    }
  }
  assert.is(read(families), 1);
});

test.run();
