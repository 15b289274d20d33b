// SPDX-License-Identifier: Apache-2.0
//
// A policy that is tested when the service ends: its test ends too, and nobody waits for its process.
import { execFileSync } from "node:child_process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Engine } from "../../../host/engine/engine.js";
import { madeUp } from "../../../host/engine/trial.js";
import type { VedetteError } from "../../../host/errors.js";
import { PolicyService } from "../../../host/policy/service.js";
import { BatchBuilder } from "../../../host/wire/builder.js";
import { until } from "../../until.js";
import { ENDLESS_AT_99, policyOf } from "../engine/shared.js";

/** Processes of ours in which policies are tested. */
function testing(): number {
  const all = execFileSync("ps", ["-o", "args=", "--ppid", String(process.pid)], { encoding: "utf8" });
  return all.split("\n").filter((line) => line.includes("trial-child.js")).length;
}

test("stop() ends a test that is running, and none begins behind it", async () => {
  const builder = new BatchBuilder({ first: 1 });
  const process = builder.process({ pid: 7, name: "cat" });
  builder.record("openat", { process, result: -99, params: { dirfd: -100, name: "/x", flags: 0 } });
  const policy = await policyOf("endless", ...ENDLESS_AT_99);
  const engine = { status: () => [{ id: 0, policy }] } as unknown as Engine;
  const service = new PolicyService({}, () => undefined);
  const handlers = { onAlert: () => undefined, onFault: () => undefined, onLog: () => undefined };
  await service.open(engine, new SharedArrayBuffer(64), handlers);
  const tried = service.tryPolicy("", "endless", () => [madeUp(builder.bytes())]);
  const told = tried!.then(
    ({ fault }) => `a result: ${fault}`,
    ({ code, message }: VedetteError) => `${code} ${message}`,
  );
  await until("the policy is tested", () => testing() === 1, { everyMs: 50 });
  await service.stop();
  assert.match(await told, /^VEDETTE_POLICY_TRIAL .*the host ends/);
  await until("its process is gone", () => testing() === 0, { everyMs: 50 });
  assert.is(
    service.tryPolicy("", "endless", () => []),
    null,
  );
});

test.run();
