// SPDX-License-Identifier: Apache-2.0
//
// A real alert under `vedette run` has ECS stop the task: a server that enforces signatures stands for
// ECS, its metadata and the task's role. What the host is told it tells, step by step, in alerts and in
// the incident.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type AwsReceiverOptions, awsReceiver, REGION } from "../host/output/aws-receiver.js";
import { responded } from "./responding.js";

const ARN = `arn:aws:ecs:${REGION}:111122223333:task/shop/0a1b2c3d`;
/** Until an alert says this of a response, or after a minute; then the file is opened once more. */
const script = (status: string): string =>
  `: < TRIGGER; i=0; until grep -q '"response.status":"${status}"' alerts.json || [ $i -gt 300 ]; do i=$((i+1)); sleep 0.2; done; : < TRIGGER`;

async function stopped(
  row: object,
  status: string,
  options: AwsReceiverOptions = {},
  env: Record<string, string> = {},
) {
  const there = await awsReceiver({ task: { TaskARN: ARN, Cluster: "shop", Containers: [] }, ...options });
  const flags = ["--incidents"];
  const said = await responded({ action: "stop-task", ...row }, script(status), {
    flags,
    env: { ...there.environment, ...env },
  });
  await there.close();
  assert.equal(there.complaints, []);
  const whys = said.steps.map(({ output_fields: fields }) => fields["response.why"]);
  return { ...said, whys, asked: there.puts.flatMap(({ lines }) => lines.map((line) => JSON.parse(line))) };
}

test("ECS is asked once to stop the task, and each step is told", async () => {
  const { statuses, steps, whys, asked, run } = await stopped({}, "done");
  assert.equal(statuses, ["requested", "done"], run.stderr);
  assert.equal([whys[1], asked.length, asked[0].task], [`ECS stops ${ARN}`, 1, ARN]);
  const { "response.action": action, "response.by": by, "response.mode": mode } = steps[1]!.output_fields;
  assert.equal([action, by, mode], ["stop-task", "host", "enforce"]);
  assert.match(run.stderr, /Response stop-task: done/);
});

test("a dry run asks ECS for nothing", async () => {
  const { statuses, whys, asked } = await stopped({ mode: "dry-run", limit: { per_minute: 1 } }, "done");
  assert.equal(statuses.slice(0, 2), ["requested", "done"]);
  assert.match(String(whys[1]), /it would have asked ECS to stop/);
  assert.equal(asked, []);
});

test("a role that may not stop it, and a host outside of ECS, are told of", async () => {
  const replies = () => ({ status: 400, body: '{"__type":"AccessDeniedException"}' });
  const denied = await stopped({ limit: { per_minute: 1 } }, "failed", { replies });
  assert.equal(denied.statuses, ["requested", "failed", "limited"]);
  assert.match(String(denied.whys[1]), /AccessDeniedException, so the task's role needs ecs:StopTask/);
  const outside = await stopped({ limit: { per_minute: 1 } }, "failed", {}, { ECS_CONTAINER_METADATA_URI_V4: "" });
  assert.match(String(outside.whys[1]), /no task of ECS/);
});

test.run();
