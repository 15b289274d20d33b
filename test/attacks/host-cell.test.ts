// SPDX-License-Identifier: Apache-2.0
//
// A tenant that has broken out of WebAssembly into its cell speaks for the cell (H9), and a cell may die
// whenever it is asked (H10). hostile-cell.mjs plays it; the honest control is a true cell beside it.
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { DEFAULT_BOUNDS } from "../../host/engine/bounds.js";
import { Cell } from "../../host/engine/cell.js";
import { Feed } from "../../host/engine/feed.js";
import type { LoadedPolicy, Tenancy } from "../../host/engine/policy.js";
import type { VedetteError } from "../../host/errors.js";
import type { Alert } from "../../host/output/alert.js";
import { ROOT } from "../../host/paths.js";
import { openBatch } from "../../host/wire/batch.js";
import { BatchBuilder } from "../../host/wire/builder.js";
import { batchOf, policyOf } from "../host/engine/shared.js";
import { until } from "../until.js";

const BURST = 20;
const tenancy = (tenant: string): Tenancy => ({
  tenant,
  scope: { containers: [], images: [], families: [], uids: [], executables: [] },
  alerts: { burst: tenant === "honest" ? 10_000 : BURST, perMinute: 1 }, // a busy machine needs many for the control
});
const policy: LoadedPolicy = { ...(await policyOf("mine")), tenancy: tenancy("team") };
const rule = policy.rules[0]!.name;

/** What a cell says that an alert is about. */
const FORGED = {
  ...{ policy: "theirs", version: "9", rule: "Theirs", tenant: "theirs", tags: ["T0"], tid: 1 },
  event: { source: "ff".repeat(16), num: 1, time: 1, type: "openat" },
  ...{
    process: null,
    ancestors: [],
    lineage: null,
    executable: null,
    file: null,
    endpoint: null,
    user: null,
    prevention: null,
  },
  container: { id: "theirs", name: null, image: null, imageDigest: null },
  task: { arn: "theirs", family: null, revision: null, cluster: null, availabilityZone: null },
};

const feed = new Feed();
const honest = bench("honest");
await honest.cell.add({ ...(await policyOf("honest")), tenancy: tenancy("honest") });
test.after(() => honest.cell.stop());

function bench(tenant: string, mode?: string, about: unknown = FORGED, uids: readonly number[] = []) {
  const alerts: { alert: Alert; stream: number }[] = [];
  const faults: VedetteError[] = [];
  const logs: string[] = [];
  const script = join(ROOT, "test/attacks/hostile-cell.mjs");
  const whose = tenancy(tenant);
  const cell = new Cell({
    tenancy: { ...whose, scope: { ...whose.scope!, uids } },
    ring: feed.ring,
    containers: new Map(),
    onAlert: (alert, stream) => void alerts.push({ alert, stream }),
    onFault: (fault) => void faults.push(fault),
    onLog: (_policy, _level, text) => void logs.push(text),
    ...(mode === undefined
      ? {}
      : { command: { execPath: process.execPath, execArgv: [script, mode, rule, JSON.stringify(about)] } }),
  });
  return { cell, alerts, faults, logs };
}

/** The control: a true cell's policy still judges. */
async function stillJudges(): Promise<void> {
  const before = honest.alerts.length;
  // A true cell may be behind, too, when many batches came at once: it is sent the next ones when it has
  // judged what it has.
  await until("the honest cell's alert", async () => {
    await feed.put(batchOf([-1]));
    return honest.alerts.length > before;
  });
  assert.is(honest.alerts.at(-1)!.alert.tenant, "honest");
}

test("H9: a cell raises no more alerts than its limit, and what was kept back is told", async () => {
  const { cell, alerts } = bench("team", "flood");
  await cell.add(policy);
  await until("its alerts", () => alerts.length >= BURST);
  await stillJudges();
  cell.stop();
  const raised = alerts.filter(({ alert }) => alert.source === "syscall");
  assert.is(raised.length, BURST);
  assert.match(alerts.at(-1)!.alert.output, /more alerts of the rule were not raised/);
});

test("H9: a cell speaks for its own tenant's rules alone, in no container that it was not shown, at no time to come", async () => {
  const { cell, alerts } = bench("team", "forge");
  await cell.add(policy);
  await until("the one of its own", () => alerts.length > 0);
  await stillJudges();
  cell.stop();
  assert.equal(
    alerts.map(({ alert, stream }) => [alert.policy, alert.tenant, alert.rule, alert.priority, alert.hostname, stream]),
    [["mine", "team", rule, policy.rules[0]!.priority, "", -1]],
  );
  assert.ok(alerts[0]!.alert.time <= BigInt(Date.now() + 5_000) * 1_000_000n);
});

test("H9: whose an alert is, of which agent and container, is the host's word, whatever the cell says it is about", async () => {
  const { cell, alerts } = bench("team", "about");
  await cell.add(policy);
  await feed.put(batchOf([0]), 5); // what it is shown
  await until("both", () => alerts.length === 2);
  await stillJudges();
  cell.stop();
  const [shown, other] = alerts.map(({ alert }) => alert.finding);
  assert.is(other, undefined, "of a stream that it was not shown");
  assert.equal(
    [shown?.policy, shown?.version, shown?.tenant, shown?.rule, shown?.tags, shown?.task],
    ["mine", policy.version, "team", rule, policy.rules[0]!.tags, null],
  );
  assert.is(shown?.event.source, Buffer.from(batchOf([0]).source).toString("hex"));
});

test("H9: a cell names no process but those whose events it was shown: no thread, ancestor or neighbour is killed for it", async () => {
  const started = 100;
  const builder = new BatchBuilder();
  const parent = builder.process({ pid: 1, name: "init", start_time: 1n, uid: 1000 });
  const child = builder.process({ pid: 7, name: "cat", start_time: BigInt(started), uid: 1000, parent });
  const other = builder.process({ pid: 9, name: "theirs", start_time: BigInt(started), uid: 5 });
  for (const process of [child, other]) builder.record("close", { process });
  const process = { vpid: 7, name: "cat", commandLine: "cat", cwd: "/", session: 0 };
  const ancestors = [{ pid: 1, started: 1, name: "init", path: "/init" }];
  const claims = [
    { pid: 7, started },
    { pid: 8, started }, // a thread of it
    { pid: 7, started: started + 1 },
    { pid: 1, started: 1 },
    { pid: null, started: null },
    { pid: 9, started },
  ].map((named) => ({ ...FORGED, ancestors, process: { ...process, ...named } }));
  const { cell, alerts } = bench("team", "claims", claims, [1000]);
  await cell.add(policy);
  await feed.put(openBatch(builder.bytes()), 5);
  await until("all of them", () => alerts.length === claims.length);
  await stillJudges();
  cell.stop();
  const findings = alerts.map(({ alert }) => alert.finding!);
  assert.equal(
    findings.map((one) => one.process && [one.process.pid, one.process.started]),
    [[7, 100n], null, null, null, null, null],
  );
  assert.equal(
    findings.map((one) => one.ancestors.length),
    [1, 0, 0, 0, 0, 0],
  );
});

for (const [mode, what] of [
  ["form", "an alert with words of its own"],
  ["nonsense", "bytes that are no message"],
  ["long", "a message of 4 GiB"],
  ["words", "20,000 lines of log at once"],
] as const)
  test(`H9: ${what} ends the cell, which is told, and not the host`, async () => {
    const { cell, alerts, faults, logs } = bench("team", mode);
    const begun = performance.now();
    await cell.add(policy);
    await until("it is told", () => faults.some(({ code }) => code === "VEDETTE_CELL_LOST"));
    await stillJudges();
    cell.stop();
    assert.equal(alerts, []);
    const { logLinesPerMinute } = DEFAULT_BOUNDS; // so many at once, and as many again in a minute
    const mostMinutes = 1 + (performance.now() - begun) / 60_000;
    assert.ok(logs.length <= logLinesPerMinute * mostMinutes, `${logs.length} lines`);
  });

test("H9: a cell tells of faults of its own policies alone, of few, and in few words", async () => {
  const { cell, faults } = bench("team", "faults");
  await cell.add(policy);
  await until("all is said", () => cell.status().length > 0);
  await stillJudges();
  cell.stop();
  assert.equal([...new Set(faults.map(({ code }) => code))], ["VEDETTE_POLICY_TRAPPED"]);
  assert.ok(faults.length >= 1 && faults.length < 100, `${faults.length} faults`);
  for (const { message } of faults) assert.ok(message.length < 1_500);
});

test("H9: a cell that says it has judged what it was never sent is sent no more for it", async () => {
  const { cell, faults } = bench("team", "ahead");
  await cell.add(policy);
  await until("it has said so", () => cell.status().length > 0);
  await until("it is behind", async () => {
    for (let i = 0; i < 20; i++) await feed.put(batchOf([0]), 5);
    return faults.some(({ code }) => code === "VEDETTE_CELL_BEHIND");
  });
  await stillJudges();
  cell.stop();
});

test("H10: a cell that dies while it is asked costs that answer and nothing else", async () => {
  const { cell, faults } = bench("team", "dies");
  const codeOfAdding = () =>
    cell.add(policy).then(
      () => "",
      (fault: VedetteError) => fault.code,
    );
  assert.is(await codeOfAdding(), "VEDETTE_POLICY_INIT");
  await until("its end is told", () => faults.some(({ code }) => code === "VEDETTE_CELL_LOST"));
  const next = codeOfAdding(); // it is being started again
  await stillJudges();
  cell.stop();
  assert.is(await next, "VEDETTE_POLICY_INIT");
});

test.run();
