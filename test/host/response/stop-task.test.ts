// SPDX-License-Identifier: Apache-2.0
//
// The host has ECS stop its task, with a server that enforces signatures and answers as ECS, its metadata and
// a task's credentials do. No test waits for a time.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findingId } from "../../../host/finding/finding.js";
import { stopTask } from "../../../host/response/stop-task.js";
import { findingOf } from "../incident/shared.js";
import { type AwsReceiverOptions, awsReceiver, keysOf, REGION } from "../output/aws-receiver.js";

const ARN = `arn:aws:ecs:${REGION}:111122223333:task/shop/0a1b2c3d`;
const TASK = { TaskARN: ARN, Cluster: `arn:aws:ecs:${REGION}:111122223333:cluster/shop`, Containers: [] };
const FINDING = findingOf({ rule: "Crypto miner" });

interface Stopping {
  readonly isDry?: boolean;
  readonly over?: AbortSignal;
  readonly more?: Record<string, string | undefined>;
  readonly finding?: typeof FINDING;
}

/** Asks once, and says what came of it, what the server got, and how long each pause would have been. */
async function stopped(options: AwsReceiverOptions = {}, stopping: Stopping = {}) {
  const { isDry = false, over = new AbortController().signal, more = {}, finding = FINDING } = stopping;
  const there = await awsReceiver({ task: TASK, ...options });
  const pauses: number[] = [];
  const environment = { ...there.environment, ...more };
  const pause = async (ms: number): Promise<void> => void pauses.push(ms);
  const answer = await stopTask(finding, isDry, over, { environment, pause });
  await there.close();
  assert.equal(there.complaints, []);
  const asked = there.puts.map(({ lines }) => JSON.parse(lines[0] ?? "") as Record<string, string>);
  return { ...answer, asked, pauses, keys: there.puts.map(({ keyId }) => keyId) };
}

const error = (type: string, status = 400) => ({ status, body: JSON.stringify({ __type: type, message: "no" }) });

test("ECS is asked once to stop the host's own task, signed with the task role's keys", async () => {
  const { status, why, asked, pauses, keys } = await stopped();
  assert.equal([status, why, pauses, keys], ["done", `ECS stops ${ARN}`, [], ["AKIDONE"]]);
  assert.equal(asked, [{ cluster: TASK.Cluster, task: ARN, reason: `Vedette: Crypto miner (${findingId(FINDING)})` }]);
});

test("the reason that ECS shows is as long as it may be", async () => {
  const { asked } = await stopped({}, { finding: findingOf({ rule: "R".repeat(400) }) });
  assert.is(asked[0]!.reason!.length, 255);
});

test("a dry run finds the task and the keys, and asks ECS for nothing", async () => {
  const dry = await stopped({}, { isDry: true });
  assert.equal([dry.status, dry.asked], ["done", []]);
  assert.match(dry.why, `a dry run: it would have asked ECS to stop ${ARN}`);
  const keyless = await stopped({ keys: () => "none" }, { isDry: true });
  assert.is(keyless.status, "failed");
  assert.match(keyless.why, /a dry run: .*its answer is no JSON/);
});

test("a throttle, a fault of ECS's and a lost connection are tried again, ever later, and Retry-After counts", async () => {
  const answers = [error("ThrottlingException"), error("ServerException", 500), "reset"] as const;
  const { status, asked, pauses } = await stopped({ replies: (nth) => answers[nth] ?? null });
  assert.equal([status, asked.length, pauses], ["done", 1, [500, 1000, 2000]]);
  const never = await stopped({ replies: () => error("ThrottlingException") });
  assert.equal([never.status, never.pauses], ["failed", [500, 1000, 2000, 4000]]);
  assert.match(never.why, /it answers 400 ThrottlingException/);
});

test("a role that may not is told at once, with what it needs, and so is a cluster that is none", async () => {
  const denied = await stopped({ replies: () => error("AccessDeniedException") });
  assert.equal([denied.status, denied.pauses], ["failed", []]);
  assert.match(denied.why, /it answers 400 AccessDeniedException, so the task's role needs ecs:StopTask/);
  const unknown = await stopped({ replies: () => error("ClusterNotFoundException") });
  assert.equal([unknown.status, unknown.pauses], ["failed", []]);
  assert.match(unknown.why, /ClusterNotFoundException/);
});

test("keys that have ended are asked for anew", async () => {
  const { status, keys } = await stopped({
    keys: (nth) => keysOf(nth === 0 ? "AKIDONE" : "AKIDTWO"),
    replies: (nth) => (nth === 0 ? error("ExpiredTokenException") : null),
  });
  assert.equal([status, keys], ["done", ["AKIDTWO"]]);
});

test("without a role, and outside of ECS, it says so", async () => {
  const roleless = await stopped({}, { more: { AWS_CONTAINER_CREDENTIALS_FULL_URI: undefined } });
  assert.is(roleless.status, "failed");
  assert.match(roleless.why, /neither keys nor the address of a task's role/);
  const outside = await stopped({}, { more: { ECS_CONTAINER_METADATA_URI_V4: undefined } });
  assert.equal([outside.status, outside.asked], ["failed", []]);
  assert.match(outside.why, /this is no task of ECS/);
});

test("metadata that is not there yet is asked for again; in the end, that is said", async () => {
  const { status, why, pauses } = await stopped({ task: {} });
  assert.equal([status, pauses.length], ["failed", 4]);
  assert.match(why, /ECS does not say which task this is/);
});

test("a host that ends waits for nothing", async () => {
  const over = AbortSignal.abort();
  const { status, asked, pauses } = await stopped({ replies: () => "reset" }, { over });
  assert.equal([status, asked, pauses], ["failed", [], []]);
});

test.run();
