// SPDX-License-Identifier: Apache-2.0
//
// A policy that is tested when the service ends: its test ends too, and nobody waits for its process. And
// tenants' own outputs, when tenants.yaml is read again.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Engine } from "../../../host/engine/engine.js";
import { madeUp } from "../../../host/engine/trial.js";
import type { VedetteError } from "../../../host/errors.js";
import { PolicyService } from "../../../host/policy/service.js";
import { BatchBuilder } from "../../../host/wire/builder.js";
import { until } from "../../until.js";
import { ENDLESS_AT_99, policyOf } from "../engine/shared.js";
import { ALERT } from "../output/shared.js";

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
  const tried = service.seated.try("", "endless", () => [madeUp(builder.bytes())]);
  const told = tried!.then(
    ({ fault }) => `a result: ${fault}`,
    ({ code, message }: VedetteError) => `${code} ${message}`,
  );
  await until("the policy is tested", () => testing() === 1, { everyMs: 50 });
  await service.stop();
  assert.match(await told, /^VEDETTE_POLICY_TRIAL .*the host ends/);
  await until("its process is gone", () => testing() === 0, { everyMs: 50 });
  assert.is(
    service.seated.try("", "endless", () => []),
    null,
  );
});

test("what waits in a tenant's output when tenants.yaml is read again, and finds no end, is counted as dropped", async () => {
  const folder = mkdtempSync(join(tmpdir(), "vedette-service-"));
  const [file, pipe] = [join(folder, "tenants.yaml"), join(folder, "pipe")];
  mkdirSync(join(folder, "policies.d"));
  execFileSync("mkfifo", [pipe]); // nobody reads it
  const write = (tenants: object): void => writeFileSync(file, JSON.stringify({ tenants }));
  write({ blue: { alerts: pipe } });
  const said: string[] = [];
  const flags = { policiesD: join(folder, "policies.d"), tenants: file };
  const service = new PolicyService(flags, (text) => void said.push(text));
  const fails = (error: Error): never => assert.unreachable(error.message) as never;
  const engine = { status: () => [], containers: new Map() } as unknown as Engine;
  const handlers = { onAlert: () => undefined, onFault: fails, onLog: () => undefined };
  await service.open(engine, new SharedArrayBuffer(64), handlers);
  const dropped = (): unknown[] => service.outputs().map(({ name, state, dropped }) => [name, state, dropped.closed]);
  const reread = async (times: number): Promise<void> => {
    service.deliver({ ...ALERT, tenant: "blue" });
    service.hangUp();
    await until("read again", () => said.filter((text) => text === `${file} was read again`).length === times);
  };
  await reread(1);
  assert.equal(dropped(), [["tenant blue", "ok", 1]]);
  write({ red: { alerts: pipe } });
  await reread(2);
  assert.equal(dropped(), [
    ["tenant red", "ok", 0],
    ["tenant blue", "gone", 2],
  ]);
  assert.is(said.filter((text) => text === "1 alert of tenant blue could not be sent").length, 2);
  await service.stop();
  await service.close();
  rmSync(folder, { recursive: true });
});

test.run();
