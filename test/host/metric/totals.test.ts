// SPDX-License-Identifier: Apache-2.0
// Totals of what policies measure: no counter goes back, and no flood of labels takes more than its room.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { prometheusParts } from "../../../host/metric/prometheus.js";
import { ROOM } from "../../../host/metric/room.js";
import { SERIES_MAX, SERIES_OF_POLICY_MAX, Totals } from "../../../host/metric/totals.js";
import { counter, gauge, histogram, one, owner } from "./shared.js";

const valuesOf = (totals: Totals): number[] =>
  totals.scopes().flatMap(({ metrics }) => metrics.flatMap(({ series }) => series.map(({ value }) => value)));

test("counters and histograms add up, a gauge shows the last", () => {
  const totals = new Totals();
  const instruments = [counter("a"), gauge("b"), histogram("c", [1])];
  for (const value of [3, 2]) {
    totals.add(owner("p"), instruments, one(value));
    totals.add(owner("p"), instruments, one(value, [], [], 1));
    totals.add(owner("p"), instruments, one(value, [], [1, 2], 2));
  }
  assert.equal(valuesOf(totals), [5, 2, 5]);
  assert.equal(totals.scopes()[0]?.metrics[2]?.series[0]?.buckets, [2, 4]);
});

test("a new version goes on where the old one was, and one that is declared otherwise begins anew", () => {
  let now = 1n;
  const totals = new Totals(() => now);
  totals.add(owner("p"), [counter("a")], one(3));
  now = 2n;
  totals.add(owner("p", null, "2"), [counter("a", { doc: "other words", slots: 9 })], one(1));
  assert.equal(valuesOf(totals), [4]);
  assert.is(totals.scopes()[0]?.owner.version, "2");
  assert.is(totals.scopes()[0]?.metrics[0]?.start, 1n);
  totals.add(owner("p", null, "3"), [counter("a", { labels: ["app.kind"] })], one(1, ["x"]));
  assert.equal(valuesOf(totals), [1]);
  assert.is(totals.scopes()[0]?.metrics[0]?.start, 2n);
});

test("a policy that is gone shows nothing, and goes on when it is back", () => {
  const totals = new Totals();
  totals.add(owner("p"), [counter("a")], one(3));
  totals.add(owner("q"), [counter("a")], one(1));
  totals.keep([{ owner: owner("q"), instruments: [counter("a")] }]);
  assert.equal(valuesOf(totals), [1]);
  totals.add(owner("p"), [counter("a")], one(1));
  assert.equal(valuesOf(totals).sort(), [1, 4]);
});

test("tenants and policies of one name are told apart", () => {
  const totals = new Totals();
  for (const whose of [owner("p"), owner("p", "web"), owner("p", "shop")]) totals.add(whose, [counter("a")], one(1));
  assert.is(totals.scopes().length, 3);
  assert.is(totals.scopes()[0]?.owner.tenant, null, "the operator's own come first");
});

test("two policies of one name of one tenant have their own numbers, and say where they are from", () => {
  const totals = new Totals();
  const from = (place: string) => ({ ...owner("p", "web"), place: `/policies.d/web/${place}` });
  const shown = (): [string, number][] =>
    totals.scopes().map(({ owner: { policy }, metrics }) => [policy, metrics[0]?.series[0]?.value ?? 0]);
  totals.add(from("a"), [counter("a")], one(3));
  assert.equal(shown(), [["p", 3]]);
  totals.add(from("b"), [counter("a", { labels: ["x"] })], one(1, ["y"]));
  totals.add(from("a"), [counter("a")], one(1));
  totals.add(owner("p", "shop"), [counter("a")], one(7));
  assert.equal(shown(), [
    ["p@a", 4],
    ["p@b", 1],
    ["p", 7],
  ]);
  totals.keep([{ owner: from("a"), instruments: [counter("a")] }]); // the folder b is gone
  assert.equal(shown(), [["p", 4]]);
  for (const place of ["/a/own", "/b/own"]) totals.add({ ...owner("p"), place }, [counter("a")], one(1));
  assert.equal(
    shown().map(([name]) => name),
    ["p@/a/own", "p@/b/own", "p"],
  );
});

test("labels that only differ in where one ends are two sets", () => {
  const totals = new Totals();
  const instruments = [counter("a", { labels: ["x", "y"] })];
  totals.add(owner("p"), instruments, one(1, ['a","b', "c"]));
  totals.add(owner("p"), instruments, one(1, ["a", 'b","c']));
  assert.equal(valuesOf(totals), [1, 1]);
});

test("beyond the most sets of an instrument, and of a policy, what comes is counted together", () => {
  const totals = new Totals();
  const instruments = Array.from({ length: 8 }, (_, i) => counter(`a${i}`, { labels: ["x"] }));
  for (const [index] of instruments.entries())
    for (let i = 0; i < SERIES_MAX + 100; i++)
      totals.add(owner("p"), instruments, {
        measurements: [{ instrument: index, labels: [`${i}`], value: 1, buckets: [] }],
        refused: 0,
      });
  const metrics = totals.scopes()[0]?.metrics ?? [];
  const own = metrics.flatMap(({ series }) => series.filter(({ labels }) => labels !== null));
  assert.is(own.length, SERIES_OF_POLICY_MAX);
  assert.is(metrics[0]?.series.length, SERIES_MAX + 1);
  assert.is(metrics[0]?.series.at(-1)?.value, 100);
  assert.is(
    valuesOf(totals).reduce((sum, value) => sum + value, 0),
    8 * (SERIES_MAX + 100),
    "each counts once",
  );
});

test("what was refused and what is lost is counted by policy", () => {
  const totals = new Totals();
  totals.add(owner("p"), [], { measurements: [], refused: 2 });
  totals.lose(owner("p"));
  assert.equal(totals.troubles(), [{ owner: owner("p"), refused: 2, lost: 1 }]);
});

test("a sum that would be no number is refused and counted, and the sum stays what it was", () => {
  const totals = new Totals();
  const instruments = [counter("a"), histogram("b", [1])];
  for (let i = 0; i < 3; i++) {
    totals.add(owner("p"), instruments, one(1e308));
    totals.add(owner("p"), instruments, one(-1e308, [], [1, 0], 1));
  }
  assert.equal(valuesOf(totals), [1e308, -1e308]);
  assert.equal(totals.scopes()[0]?.metrics[1]?.series[0]?.buckets, [1, 0], "a bucket counts what the sum does");
  totals.add(owner("p"), instruments, one(1e308, [], [Number.MAX_SAFE_INTEGER, 1], 1));
  assert.equal(totals.scopes()[0]?.metrics[1]?.series[0]?.buckets, [1, 0]);
  assert.is(totals.troubles()[0]?.refused, 5);
});

test("what a new version does not declare any more is gone, with its room", () => {
  const totals = new Totals();
  for (let version = 0; version < 500; version++) {
    const instruments = Array.from({ length: 64 }, (_, i) => counter(`v${version}.a${i}`, { doc: "d".repeat(500) }));
    for (const [index] of instruments.entries()) totals.add(owner("p", "t"), instruments, one(1, [], [], index));
    totals.keep([{ owner: owner("p", "t"), instruments }]);
  }
  assert.equal(valuesOf(totals), new Array(64).fill(1));
  assert.is(totals.troubles()[0]?.refused, 0, "the room of those before was given back");
});

test("a tenant that adds and removes policies keeps its own last eight, and no other's numbers go for it", () => {
  const totals = new Totals();
  totals.add(owner("quiet", "web"), [counter("a")], one(5));
  for (let i = 0; i < 200; i++) {
    totals.add(owner(`p${i}`, "evil"), [counter("a")], one(1));
    totals.keep([]);
  }
  totals.add(owner("quiet", "web"), [counter("a")], one(1));
  for (const i of [192, 199, 191]) totals.add(owner(`p${i}`, "evil"), [counter("a")], one(1));
  assert.equal(valuesOf(totals), [6, 2, 2, 1]);
});

/** Adds a histogram of 64 bounds with labels as long as they get, `count` sets. */
function flood(totals: Totals, policy: string, tenant: string | null, count: number): void {
  const labels = Array.from({ length: 8 }, (_, i) => `app.label${i}`);
  const bounds = Array.from({ length: 64 }, (_, i) => i + 0.125);
  const buckets = new Array<number>(65).fill(1);
  for (let i = 0; i < count; i++) {
    const values = labels.map((_, k) => `${i}-${k}`.padEnd(128, "\u20ac"));
    totals.add(owner(policy, tenant), [histogram("app.times", bounds, { labels })], one(1, values, buckets));
  }
}
const bytesOf = (totals: Totals): number => {
  let bytes = 0;
  for (const text of prometheusParts(totals.scopes(), [])) bytes += Buffer.byteLength(text);
  return bytes;
};

test("the text of one policy, of one tenant and of all tenants is bounded in bytes, and each number counts", () => {
  const totals = new Totals();
  flood(totals, "p0", "t0", 300);
  assert.ok(bytesOf(totals) <= ROOM.policy, `${bytesOf(totals)} bytes of one policy`);
  assert.is(totals.scopes()[0]?.metrics[0]?.series.at(-1)?.labels, null, "the rest is counted together");
  for (const policy of ["p1", "p2"]) flood(totals, policy, "t0", 100);
  assert.ok(bytesOf(totals) <= ROOM.tenant, `${bytesOf(totals)} bytes of one tenant`);
  for (let i = 1; i < 8; i++) for (const policy of ["p0", "p1"]) flood(totals, policy, `t${i}`, 100);
  assert.ok(bytesOf(totals) <= ROOM.tenants, `${bytesOf(totals)} bytes of all tenants`);
  const counted = valuesOf(totals).reduce((sum, value) => sum + value, 0);
  assert.is(counted, 300 + 2 * 100 + 14 * 100);
  flood(totals, "own", null, 10);
  assert.is(totals.scopes()[0]?.metrics[0]?.series.length, 10, "the operator has room of its own");
});

test("what does not even fit into what is counted together is refused, and counted", () => {
  const totals = new Totals();
  const bounds = Array.from({ length: 64 }, (_, i) => i);
  const instruments = Array.from({ length: 64 }, (_, i) => histogram(`a${i}.${"x".repeat(90)}`, bounds));
  const buckets = new Array<number>(65).fill(1);
  for (let policy = 0; policy < 20; policy++)
    for (const [index] of instruments.entries())
      totals.add(owner(`p${policy}`, "t"), instruments, one(1, null, buckets, index));
  const counted = valuesOf(totals).length;
  const refused = totals.troubles().reduce((sum, one) => sum + one.refused, 0);
  assert.ok(refused > 0 && bytesOf(totals) <= ROOM.tenant);
  assert.is(counted + refused, 20 * 64);
});

test.run();
