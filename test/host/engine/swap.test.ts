// SPDX-License-Identifier: Apache-2.0
// Swapping policies under load: every event is judged by exactly one version, whatever else happens to the
// worker, and what a policy has counted is not lost.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { LoadedPolicy } from "../../../host/engine/policy.js";
import type { VedetteError } from "../../../host/errors.js";
import { cleanUp, loadSource } from "../../rules-wasm/shared.js";
import { Bench, upTo } from "./bench.js";
import { ENDLESS_AT_99, ENDLESS_INIT, policyOf } from "./shared.js";

const sorted = (numbers: readonly number[]): number[] => [...numbers].sort((a, b) => a - b);
const counting = (text: string) => `import { Counter, minutes, note, Openat, Priority, rule } from "vedette";
const SEEN = new Counter(minutes(60), 64);
@rule({ name: "count", priority: Priority.Debug, output: "${text}" })
export function count(e: Openat): bool {
  if (e.res == -99) throw new Error("on purpose");
  note(SEEN.hit(e, 1).toString());
  return true;
}`;

test("200 swaps under load judge every event once", async () => {
  const tenancy = {
    tenant: "team",
    scope: { containers: [], images: [], families: [], uids: [], executables: [] },
    alerts: { burst: 1e9, perMinute: 1e9 }, // nothing is held back, so that all can be counted
    bounds: { usPerEvent: 1000, alerts: { burst: 1e9, perMinute: 1e9 }, logLinesPerMinute: 60 },
  };
  const versions = [
    { ...(await policyOf("even")), tenancy },
    { ...(await policyOf("odd")), tenancy },
  ];
  const bench = await Bench.start([versions[0] as LoadedPolicy, await policyOf("other")], 2);
  let isDone = false;
  const load = (async () => {
    while (!isDone) {
      await bench.put(-1, -2, -1);
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  let id = 0;
  for (let i = 1; i <= 200; i++) id = await bench.engine.replace(id, versions[i % 2] as LoadedPolicy);
  isDone = true;
  await load;
  const last = await bench.end();
  assert.ok(last > 600, "there was load meanwhile");
  assert.ok(bench.told("even").length > 0 && bench.told("odd").length > 0);
  const both = bench.told("even", "odd");
  assert.is(new Set(both).size, both.length, "none was judged twice");
  assert.is(both.length, last, "none was missed");
  assert.equal(bench.faults, []);
});

test("a swap that a worker's end interrupts happens once", async () => {
  const bench = await Bench.start([await policyOf("old"), await policyOf("endless", ...ENDLESS_AT_99)]);
  const fresh = await policyOf("new");
  let id = 0;
  for (let i = 0; i < 5; i++) {
    const swap = bench.engine.replace(id, i % 2 === 0 ? fresh : await policyOf("old"));
    await bench.put(-1, -99, -1);
    await bench.put(-1);
    id = await swap;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  const last = await bench.end();
  assert.equal(sorted(bench.told("old", "new")), upTo(last));
});

test("a version that cannot start leaves the old one in its place", async () => {
  const bench = await Bench.start([await policyOf("old")]);
  const trap = await policyOf("traps", [
    '(i32.const 0))\n  (func (export "vedette_on_batch")',
    '(unreachable))\n  (func (export "vedette_on_batch")',
  ]);
  for (const [bad, words] of [
    [trap, /unreachable/],
    [await policyOf("endless", ...ENDLESS_INIT), /init took longer/],
  ] as const) {
    await bench.put(-1);
    try {
      await bench.engine.replace(0, bad);
      assert.unreachable();
    } catch (error) {
      assert.is((error as VedetteError).code, "VEDETTE_POLICY_INIT", String(error));
      assert.match((error as VedetteError).message, words);
    }
    await bench.put(-1);
  }
  assert.equal(
    bench.engine.status().map((seat) => [seat.policy.name, seat.state]),
    [["old", "judging"]],
  );
  assert.equal(sorted(bench.told("old")).length <= (await bench.end()), true);
  assert.equal(sorted(bench.told("old")), upTo(4));
});

test("a policy can be added and taken away", async () => {
  const bench = await Bench.start([await policyOf("a")]);
  await bench.put(-1);
  while (bench.told("a").length < 1) await new Promise((resolve) => setTimeout(resolve, 5));
  const id = await bench.engine.add(await policyOf("b"));
  await bench.put(-1);
  while (bench.told("b").length < 1) await new Promise((resolve) => setTimeout(resolve, 5));
  await bench.engine.remove(id);
  await bench.put(-1);
  await bench.end();
  assert.equal(bench.told("a"), [1, 2, 3]);
  assert.equal(bench.told("b"), [2]);
});

test("state outlives a trap, another policy's end, and a new version of the same state", async () => {
  const count = await loadSource(counting("one"), "state: counts\n");
  const bench = await Bench.start([
    count,
    await policyOf("endless", ...ENDLESS_AT_99.map(([from, to]) => [from, to.replaceAll("-99", "-98")] as const)),
  ]);
  await bench.put(-1, -1);
  await bench.put(-1, -99, -1); // the trap costs what the batch before it counted
  await bench.put(-98); // the other one loops: the worker is replaced
  await bench.put(-1);
  while (bench.alerts.filter((alert) => alert.policy === "under-test").length < 6)
    await new Promise((resolve) => setTimeout(resolve, 10));
  const again = await loadSource(counting("two"), "state: counts\n");
  const id = await bench.engine.replace(0, again);
  await bench.put(-1);
  while (bench.alerts.filter((alert) => alert.output.startsWith("two")).length < 1)
    await new Promise((resolve) => setTimeout(resolve, 10));
  await bench.engine.replace(id, await loadSource(counting("three"), "state: other counts\n"));
  await bench.put(-1);
  await bench.end();
  const outputs = bench.alerts.filter((alert) => alert.policy === "under-test").map((alert) => alert.output);
  assert.equal(outputs, ["one 1", "one 2", "one 3", "one 3", "one 4", "one 5", "two 6", "three 1"]);
});

test("status tells what each policy did and how it is", async () => {
  const bench = await Bench.start([await policyOf("good"), await policyOf("endless", ...ENDLESS_AT_99)]);
  await bench.put(-1, 0);
  await bench.put(-99);
  while (bench.faults.length < 1) await new Promise((resolve) => setTimeout(resolve, 10));
  const [good, endless] = bench.engine.status();
  assert.is(good?.state, "judging");
  assert.ok(
    (good?.tally.events ?? 0) >= 2 &&
      (good?.tally.alerts ?? 0) >= 1 &&
      (good?.tally.ns ?? 0) > 0 &&
      (good?.tally.memoryBytes ?? 0) > 0,
  );
  assert.is(endless?.state, "resting");
  assert.match(endless?.lastError as string, /took longer/);
  await bench.end();
});

test.after(cleanUp);
test.run();
