// SPDX-License-Identifier: Apache-2.0
// What a tenant may take with all its policies together, and where it is judged when it takes much. Others
// notice nothing of it, and its own honest policies judge every event once wherever they are.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openReader, RingReader } from "../../../host/capture/ring.js";
import { missedBetween, WorkerControl } from "../../../host/engine/control.js";
import { Feed } from "../../../host/engine/feed.js";
import { workerOf } from "../../../host/engine/placement.js";
import type { LoadedPolicy, Tenancy } from "../../../host/engine/policy.js";
import { openBatch } from "../../../host/wire/batch.js";
import { BatchBuilder } from "../../../host/wire/builder.js";
import { cleanUp, loadSource } from "../../rules-wasm/shared.js";
import { Bench, upTo } from "./bench.js";
import { type Change, ENDLESS_AT_99, LONG_AT_99, policyOf } from "./shared.js";

const PAUSE_MS = 2;
const NOBODY_IS_HELD_BACK = { burst: 1e9, perMinute: 1e9 };

const tenancy = (tenant: string, usPerEvent = 5): Tenancy => ({
  tenant,
  scope: { containers: [], images: [], families: [], uids: [], executables: [] },
  alerts: NOBODY_IS_HELD_BACK,
  bounds: { usPerEvent, alerts: NOBODY_IS_HELD_BACK, logLinesPerMinute: 60 },
});

async function of(tenant: string, name: string, ...changes: readonly Change[]): Promise<LoadedPolicy> {
  return { ...(await policyOf(name, ...changes)), tenancy: tenancy(tenant) };
}

const start = (policies: readonly LoadedPolicy[], workers = 1): Promise<Bench> =>
  Bench.start(policies, workers, PAUSE_MS);

test("a tenant of many policies, none of which takes too long alone, has one budget", async () => {
  const many = await Promise.all(Array.from({ length: 10 }, (_, i) => of("many", `many-${i}`, ...LONG_AT_99)));
  const bench = await start([...many, await of("other", "good")]);
  for (let i = 0; i < 30; i++) await bench.put(-1, -99);
  const last = await bench.end();
  const overspent = bench.faults.filter(([fault]) => fault.code === "VEDETTE_TENANT_OVERSPENT");
  assert.ok(overspent.length > 0, bench.faults.map(([fault]) => fault.message).join("\n"));
  assert.match(overspent[0]?.[0].message as string, /of the tenant many together .* the policy many-\d/);
  assert.ok(
    bench.faults.every(([, policy]) => policy?.tenancy?.tenant === "many"),
    "the owner is told, and nobody else",
  );
  assert.equal(bench.told("good"), upTo(last));
});

test("of a tenant's policies the one that took the most is sent to rest, and the others judge on", async () => {
  const bench = await start([
    await of("team", "honest-1"),
    await of("team", "guilty", ...LONG_AT_99),
    await of("team", "honest-2"),
    await of("other", "good"),
  ]);
  const isOver = (): boolean => bench.faults.length > 0;
  for (let i = 0; i < 2000 && !isOver(); i++) await bench.put(-1, -99, -99, -99);
  await bench.until(() => bench.state("honest-1") === "slow");
  for (let i = 0; i < 50; i++) await bench.put(-1);
  const last = await bench.end();
  assert.equal(new Set(bench.faults.map(([, policy]) => policy?.name)), new Set(["guilty"]));
  for (const name of ["honest-1", "honest-2", "good"]) assert.equal(bench.told(name), upTo(last), name);
});

test("who goes to the slow worker misses no event, judges none twice, and keeps its state", async () => {
  const counting = await loadSource(
    `import { Counter, minutes, note, Openat, Priority, rule } from "vedette";
const SEEN = new Counter(minutes(60), 64);
@rule({ name: "count", priority: Priority.Debug, output: "%evt.num" })
export function count(e: Openat): bool { note(SEEN.hit(e, 1).toString()); return true; }`,
  );
  for (let round = 0; round < 5; round++) {
    const bench = await start(
      [
        await of("other", "good"),
        await of("team", "endless", ...ENDLESS_AT_99),
        await of("team", "honest"),
        { ...counting, tenancy: tenancy("team") },
      ],
      1 + (round % 2),
    );
    for (let i = 0; i < 20; i++) await bench.put(-1, -2);
    await bench.put(-99, -1);
    await bench.feedUntil(() => bench.state("honest") === "slow");
    await bench.put(-1, -1);
    const last = await bench.end();
    for (const name of ["good", "honest"]) assert.equal(bench.told(name), upTo(last), name);
    const counted = bench.alerts.filter((alert) => alert.policy === "under-test").map((alert) => alert.output);
    assert.equal(
      counted,
      upTo(last).map((event) => `${event} ${event}`),
    );
    assert.equal(
      bench.faults.map(([fault]) => fault.code),
      ["VEDETTE_POLICY_OVERRUN"],
    );
    assert.match(bench.logs.join(), /all policies of the tenant team are judged by the slow worker/);
  }
});

test("a tenant that loops in all its policies gets two calls of a batch, and is told what it missed", async () => {
  const bombs = await Promise.all(Array.from({ length: 6 }, (_, i) => of("team", `bomb-${i}`, ...ENDLESS_AT_99)));
  const bench = await start([...bombs, await of("other", "good")]);
  await bench.put(-99, -1);
  const last = await bench.end();
  assert.equal(bench.told("good"), upTo(last));
  assert.equal(
    bench.faults.map(([fault]) => fault.code),
    ["VEDETTE_POLICY_OVERRUN", "VEDETTE_POLICY_OVERRUN", "VEDETTE_TENANT_OVERRUN"],
  );
  assert.match(
    bench.faults[2]?.[0].message as string,
    /tenant team together took longer than 150 ms for one batch: 4 of them, bomb-2 among these, did not judge it/,
  );
});

test("a policy that comes back after many batches is heard again", async () => {
  const bench = await start([await of("team", "endless", ...ENDLESS_AT_99), await of("other", "good")]);
  for (let i = 0; i < 300; i++) await bench.put(-1);
  await bench.put(-99);
  await bench.until(() => bench.state("endless") === "slow");
  const before = bench.told("endless").length;
  for (let i = 0; i < 20; i++) await bench.put(-1);
  const last = await bench.end();
  assert.equal(bench.told("endless").slice(before), upTo(last).slice(-20));
  assert.equal(bench.told("good"), upTo(last));
});

test("tenants that are dealt out among workers judge every event once, whoever loops beside them", async () => {
  const names = ["a", "b", "c", "d", "e", "f"];
  assert.is(new Set(names.map((name) => workerOf(name, 3))).size, 3, "all three have somebody");
  const policies = await Promise.all(
    names.flatMap((name) => [
      of(name, `good-${name}`),
      ...(name < "d" ? [of(name, `endless-${name}`, ...ENDLESS_AT_99)] : []),
    ]),
  );
  const bench = await start([await policyOf("own"), ...policies], 3);
  for (let i = 0; i < 30; i++) await bench.put(-1, i === 10 ? -99 : -2);
  const last = await bench.end();
  for (const name of ["own", ...names.map((one) => `good-${one}`)]) assert.equal(bench.told(name), upTo(last), name);
  assert.is(bench.faults.length, 3);
});

test("the slow worker holds nobody up: what it cannot keep up with is counted, and told to the owners", async () => {
  const bench = await start([
    await of("team", "endless", ...ENDLESS_AT_99),
    await of("team", "honest"),
    await of("other", "good"),
  ]);
  let seq = 0;
  const put = async (result: number, bytes: number): Promise<void> => {
    const builder = new BatchBuilder({ seq: ++seq, first: seq });
    const process = builder.process({ pid: 7, name: "cat" });
    builder.record("openat", { process, result, params: { dirfd: -100, name: "/x", flags: 0 } });
    for (let i = 0; i * 4096 < bytes; i++)
      builder.record("write", { process, params: { data: Buffer.alloc(4096, `${seq} ${i};`) } });
    await bench.feed.put(openBatch(builder.bytes()));
  };
  await put(-99, 0);
  for (let i = 0; i < 2000 && bench.told("endless").length === 0; i++) {
    await put(-1, 0);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await put(-99, 0); // it is back, and loops at the slow worker
  for (let i = 0; i < 150; i++) await put(-1, 64 << 10); // twice the ring
  await bench.until(() => bench.told("good").length === seq);
  for (let i = 0; i < 20; i++) await put(-1, 0);
  await bench.end();
  assert.is(bench.told("good").length, seq);
  const behind = bench.faults.filter(([fault]) => fault.code === "VEDETTE_POLICY_BEHIND");
  const missed = behind.reduce((sum, [fault]) => sum + Number(/: (\d+) batches/.exec(fault.message)?.[1]), 0);
  assert.ok(behind.every(([, policy]) => policy?.tenancy?.tenant === "team"));
  assert.ok(missed > 50, `${missed} were missed: the writers did not wait for it`);
  assert.is(bench.told("honest").length + missed, seq);
});

test("a reader that nobody waits for is overtaken, sees only what is whole, and knows what it missed", async () => {
  const feed = new Feed(1 << 20);
  const waited = new RingReader(feed.ring, feed.reader());
  const slow = new RingReader(feed.ring, openReader(feed.ring, false));
  const control = new WorkerControl();
  let missed = 0;
  let seen = 0;
  const read = (): void => {
    for (let raw = slow.next(0); raw !== null; raw = slow.next(0)) {
      assert.is(openBatch(raw.bytes).seq, raw.number);
      missed += missedBetween([control.reach(raw.number)], raw.number);
      control.close(raw.number);
      seen++;
    }
  };
  for (let seq = 1; seq <= 500; seq++) {
    const builder = new BatchBuilder({ seq });
    builder.record("write", { params: { data: Buffer.alloc(4096, `${seq}`) } });
    assert.ok(feed.offer(openBatch(builder.bytes())), "there is always room");
    waited.next(0);
    waited.release();
    if (seq < 10 || seq > 490) read();
  }
  assert.equal([seen + missed, seen < 60], [500, true]);
});

test.after(cleanUp);
test.run();
