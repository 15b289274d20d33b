// SPDX-License-Identifier: Apache-2.0
// What policies measure reaches the main thread whatever becomes of their instances: at the end, when they
// are replaced or removed, when they trap, and from a process of their own. What an ended worker held is
// told.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Cell } from "../../../host/engine/cell.js";
import { Engine } from "../../../host/engine/engine.js";
import { Feed } from "../../../host/engine/feed.js";
import type { LoadedPolicy, Tenancy } from "../../../host/engine/policy.js";
import { Totals } from "../../../host/metric/totals.js";
import { type Batch, openBatch } from "../../../host/wire/batch.js";
import { BatchBuilder } from "../../../host/wire/builder.js";
import { cleanUp, loadSource } from "../../rules-wasm/shared.js";
import { until } from "../../until.js";
import { batchOf, ENDLESS_AT_99, policyOf } from "./shared.js";

const TENANCY: Tenancy = {
  tenant: "team",
  scope: { containers: [], images: [], families: [], uids: [], executables: [] },
  alerts: { burst: 1000, perMinute: 1000 },
};
/** Counts opens, and traps at one whose result is -99. */
const METER = await loadSource(`import { counter, meter, Openat } from "vedette";
const OPENS = counter({ name: "app.opens" });
@meter({ name: "opens" })
export function opens(e: Openat): void {
  OPENS.add(1);
  if (e.res == -99) throw new Error("asked for");
}`);
const named = (name: string, more: object = {}): LoadedPolicy => ({ ...METER, name, ...more });

/** Events that this policy has judged. */
const judgedBy = (engine: Engine, name: string): number =>
  engine.status().find(({ policy }) => policy.name === name)?.tally.events ?? 0;

/** A batch of one close. */
function closeBatch(): Batch {
  const builder = new BatchBuilder({ first: 1 });
  builder.record("close", { process: builder.process({ pid: 7, name: "cat" }) });
  return openBatch(builder.bytes());
}

class Bench {
  readonly feed = new Feed(4 << 20);
  readonly totals = new Totals();
  readonly lost: string[] = [];
  readonly handlers = {
    onAlert: () => undefined,
    onFault: () => undefined,
    onLog: () => undefined,
    onMeasured: (policy, measured) =>
      this.totals.add(
        { tenant: null, policy: policy.name, version: "1" },
        policy.admitted.metadata.metrics ?? [],
        measured,
      ),
    onUnmeasured: (policy) => void this.lost.push(policy.name),
  } satisfies Partial<Parameters<typeof Engine.start>[0]>;

  start(...policies: readonly LoadedPolicy[]): Promise<Engine> {
    const { ring } = this.feed;
    return Engine.start({ ring, readers: [this.feed.reader()], policies, budgetMs: 150, ...this.handlers });
  }

  of(name: string): number {
    const found = this.totals.scopes().find(({ owner }) => owner.policy === name);
    return found?.metrics[0]?.series[0]?.value ?? 0;
  }

  async until(what: string, condition: () => boolean): Promise<void> {
    await until(what, condition);
  }
}

test("all that was measured is there at the end", async () => {
  const bench = new Bench();
  const engine = await bench.start(named("a"), named("b"));
  for (let i = 0; i < 50; i++) await bench.feed.put(batchOf([0, -1, 0], 1 + 3 * i));
  bench.feed.close();
  await engine.finished;
  assert.equal([bench.of("a"), bench.of("b")], [150, 150]);
});

test("numbers come while batches come, and when none comes any more", async () => {
  const bench = new Bench();
  const engine = await bench.start(named("a"));
  await bench.feed.put(batchOf([0, 0]));
  await bench.until("two opens", () => bench.of("a") === 2);
  await engine.stop();
});

test("a new version and a removal lose nothing of what was measured, while batches come", async () => {
  const bench = new Bench();
  const beside = named("beside");
  const engine = await bench.start(beside);
  let id = await engine.add(named("a"));
  let sent = 0;
  const put = async (count: number): Promise<void> => {
    await bench.feed.put(batchOf(new Array<number>(count).fill(0), 1 + sent));
    sent += count;
  };
  for (let version = 2; version < 10; version++) {
    await put(3);
    const replaced = engine.replace(id, named("a", { version: String(version) }));
    await put(2); // on its way while the two change places
    id = await replaced;
  }
  await put(1);
  await bench.until("all batches are judged", () => judgedBy(engine, "beside") === sent);
  await engine.remove(id);
  assert.is(bench.of("a"), sent, "each open was judged by one version, and is counted once");
  await put(4);
  bench.feed.close();
  await engine.finished;
  assert.equal([bench.of("a"), bench.of("beside")], [sent - 4, sent], "what was removed counts no more");
});

test("a gauge of a policy that sees nothing more is told while its worker is busy with others", async () => {
  const bench = new Bench();
  const gauge = await loadSource(`import { Close, gauge, meter } from "vedette";
const LAST = gauge({ name: "app.last" });
@meter({ name: "last" })
export function last(e: Close): void {
  LAST.set(7);
}`);
  const engine = await bench.start(named("a"), { ...gauge, name: "quiet" });
  await bench.feed.put(closeBatch());
  let isOver = false;
  const busy = (async () => {
    for (let i = 0; !isOver; i++) {
      await bench.feed.put(batchOf([0], 2 + i));
      await new Promise((resolve) => setTimeout(resolve, 1)); // its worker waits 10 ms for a batch, and finds one
    }
  })();
  await bench.until("the gauge", () => bench.of("quiet") === 7);
  isOver = true;
  await busy;
  await engine.stop();
});

test("a trap loses nothing: what was measured until the trap counts", async () => {
  const bench = new Bench();
  const engine = await bench.start(named("a"));
  await bench.feed.put(batchOf([0, -99, 0, -99, 0]));
  bench.feed.close();
  await engine.finished;
  assert.is(bench.of("a"), 5);
});

test("a worker that is ended loses at most what was not asked for yet, tells it, and no total goes back", async () => {
  const bench = new Bench();
  const endless = await policyOf("endless", ...ENDLESS_AT_99);
  const engine = await bench.start(named("a"), endless);
  await bench.feed.put(batchOf([0, 0]));
  await bench.until("two opens", () => bench.of("a") === 2);
  await bench.feed.put(batchOf([-99], 3));
  await bench.until("the end of the worker", () => bench.lost.length > 0);
  assert.equal(bench.lost, ["a"]);
  assert.ok(bench.of("a") >= 2);
  await bench.feed.put(batchOf([0, 0, 0], 4));
  bench.feed.close();
  await engine.finished;
  assert.ok(
    bench.of("a") === 5 || bench.of("a") === 6,
    `${bench.of("a")} of 6, where the one of the ended worker may be lost`,
  );
});

test("a process of a tenant's own gives what it measures, and its end is told", async () => {
  const bench = new Bench();
  const { ring } = bench.feed;
  const cell = new Cell({ tenancy: TENANCY, ring, containers: new Map(), ...bench.handlers });
  await cell.add(named("a", { tenancy: TENANCY }));
  await bench.feed.put(batchOf([0, 0]));
  await bench.until("two opens", () => bench.of("a") === 2);
  await bench.feed.put(batchOf([0], 3));
  bench.feed.close();
  await cell.finished;
  assert.is(bench.of("a"), 3);
});

test("what a policy of a tenant's own process measured last is there when it is removed or replaced", async () => {
  const bench = new Bench();
  const { ring } = bench.feed;
  const cell = new Cell({ tenancy: TENANCY, ring, containers: new Map(), ...bench.handlers });
  const judged = (): number => cell.status().reduce((sum, { tally }) => sum + tally.events, 0);
  let id = await cell.add(named("a", { tenancy: TENANCY }));
  await bench.feed.put(batchOf([0, 0]));
  await bench.until("two events", () => judged() === 2);
  id = await cell.replace(id, named("a", { tenancy: TENANCY, version: "2" }));
  assert.is(bench.of("a"), 2);
  await bench.feed.put(batchOf([0, 0, 0], 3));
  await bench.until("three events", () => judged() === 3);
  await cell.remove(id);
  assert.is(bench.of("a"), 5);
  assert.equal(cell.status(), []);
  cell.stop();
});

test.after(cleanUp);
test.run();
