// SPDX-License-Identifier: Apache-2.0
// Which findings repeat another one: the first is told at once, then the 10th, the 100th and the last. A rule
// may set key, threshold and window. A flood of kinds forgets the flooder's own.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Grouping } from "../../../host/incident/incident.js";
import { REPEAT_BOUNDS } from "../../../host/incident/repeats.js";
import { alertOf, SECOND, START } from "./shared.js";

const GROUPED = { dedup: null, threshold: 1, windowNs: null, runbook: null };

test("N2: of 1,000 reads of one file four are told, and all count", () => {
  const grouping = new Grouping();
  const told: number[] = [];
  for (let i = 1; i <= 1000; i++) {
    const { repeat } = grouping.take(alertOf({ at: i / 100, file: 7 }))!;
    assert.is(repeat!.count, i);
    if (repeat!.isTold) told.push(repeat!.count);
  }
  assert.equal(told, [1, 10, 100, 1000]);
  assert.is(grouping.stats().repeats, 999);
  const [incident] = [...grouping.all()];
  const [row] = incident!.view.rows;
  assert.equal([row!.count, row!.samples.length, incident!.view.rows.length], [1000, 5, 1]);
});

test("another rule, file or lineage is no repeat", () => {
  const grouping = new Grouping();
  const counts = [
    { file: 7 },
    { file: 8 },
    { file: 7, rule: "B" },
    { file: 7, pid: 20, above: [19, 1] },
    { file: 7 },
  ].map((said) => grouping.take(alertOf(said))!.repeat!.count);
  assert.equal(counts, [1, 1, 1, 1, 2]);
});

test("commands of the script that a container runs first repeat each other", () => {
  const grouping = new Grouping();
  const counts = [10, 11, 12].map((pid) => grouping.take(alertOf({ file: 7, pid, above: [1] }))!.repeat!.count);
  assert.equal(counts, [1, 2, 3]);
  assert.is([...grouping.all()][0]!.view.rows.length, 1);
});

test("after a minute without any, the last is told if nobody was told of it, and the next is a first", () => {
  const grouping = new Grouping({ tellsEnds: true });
  for (const at of [0, 1, 2]) grouping.take(alertOf({ at, file: 7 }));
  assert.equal(grouping.tick(START + 30n * SECOND), []);
  const [last, ...others] = grouping.tick(START + 63n * SECOND);
  assert.equal(others, []);
  assert.equal(last!.repeat, { count: 3, isTold: true, isLast: true });
  assert.is(last!.time, START + 2n * SECOND);
  assert.is(grouping.take(alertOf({ at: 64, file: 7 }))!.repeat!.count, 1);
  assert.equal(grouping.end(), []);
});

test("what goes on without a break is told anew each hour", () => {
  const grouping = new Grouping();
  let firsts = 0;
  for (let at = 0; at < 3 * 3600; at += 30) if (grouping.take(alertOf({ at, file: 7 }))!.repeat!.count === 1) firsts++;
  assert.is(firsts, 3);
});

test("A14: a rule's own key, threshold and window", () => {
  const grouping = new Grouping();
  const take = (said: Parameters<typeof alertOf>[0], is: Partial<typeof GROUPED>) =>
    grouping.take(alertOf(said, { grouping: { ...GROUPED, ...is } as never }));
  assert.is(take({ rule: "A", file: 7 }, { dedup: "x" as never })!.repeat!.count, 1);
  assert.is(take({ rule: "A", file: 8, pid: 20 }, { dedup: "x" as never })!.repeat!.count, 2);
  assert.equal(
    [1, 2].map(() => take({ rule: "B" }, { threshold: 3 })),
    [null, null],
  );
  assert.equal(take({ rule: "B" }, { threshold: 3 })!.repeat, { count: 3, isTold: true });
  assert.is(grouping.stats().withheld, 2);
  take({ rule: "C" }, { windowNs: (2n * SECOND) as never });
  assert.is(take({ rule: "C", at: 3 }, { windowNs: (2n * SECOND) as never })!.repeat!.count, 1);
});

test("a flood of kinds forgets the flooder's own, and what is kept of last alerts is bounded", () => {
  const grouping = new Grouping({ tellsEnds: true, repeatBounds: { ...REPEAT_BOUNDS, most: 50, kept: 5 } });
  grouping.take(alertOf({ tenant: "quiet", file: 7 }));
  for (let file = 0; file < 500; file++)
    for (let twice = 0; twice < 2; twice++) grouping.take(alertOf({ tenant: "loud", file }));
  assert.is(grouping.take(alertOf({ tenant: "quiet", file: 7 }))!.repeat!.count, 2);
  assert.ok(grouping.end().length <= 5);
});

test("an alert of no event has neither repeat nor incident", () => {
  const { finding: _, ...news } = alertOf();
  assert.equal(new Grouping().take(news), news);
});

test.run();
