// SPDX-License-Identifier: Apache-2.0
//
// The few highest of many are those that sorting all of them would have put first.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { topOf } from "../../../host/activity/top-of.js";
import { Random } from "../falco/random.js";

test("they are those that a sort puts first, in its order, whatever the values", () => {
  const r = new Random(19);
  for (let round = 0; round < 300; round++) {
    const all = Array.from({ length: r.below(200) }, (_, place) => ({ place, value: r.below(r.of([2, 20, 2000])) }));
    const limit = r.below(30);
    const sorted = all.toSorted((a, b) => b.value - a.value).slice(0, limit); // a stable sort
    const found = topOf(all, ({ value }) => value, limit);
    assert.equal(found, sorted, `round ${round}`);
  }
});

test("each value is asked for once", () => {
  const all = Array.from({ length: 1000 }, (_, i) => (i * 7919) % 1000);
  let asked = 0;
  const measure = (one: number): number => {
    asked++;
    return one;
  };
  const found = topOf(all, measure, 3);
  assert.equal(found, [999, 998, 997]);
  assert.is(asked, all.length);
});

test.run();
