// SPDX-License-Identifier: Apache-2.0
// Totals of what policies measure: no counter goes back, and no flood of labels takes more than its room.
import { test } from "uvu";
import * as assert from "uvu/assert";
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
  totals.keep([owner("q")]);
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

test.run();
