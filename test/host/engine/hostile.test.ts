// SPDX-License-Identifier: Apache-2.0
// Fifty tenants on one stream, ten of which mean harm, in every way that gets through admission. What is
// asked of the others: all their alerts, each once. How soon, with and without the ten, is printed; `npm run
// bench -- policy` measures it.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { BATCHES, GOOD, quantile, RESULTS, runBeside } from "./neighbours.js";
import { HOSTILE, policyOf } from "./shared.js";

test("ten hostile tenants cost the other forty no alert", async () => {
  const hostile = await Promise.all(Object.entries(HOSTILE).map(([name, changes]) => policyOf(name, ...changes)));
  assert.is(hostile.length, 10);
  const calm = await runBeside([]);
  const storm = await runBeside(hostile);
  const expected = Array.from({ length: BATCHES }, (_, i) => [1, 2].map((nth) => RESULTS.length * i + nth)).flat();
  for (let i = 0; i < GOOD; i++) {
    const events = storm.told.get(`good-${i}`) ?? [];
    assert.equal(events, expected, `good-${i} was told each event once, in order`);
  }
  const [before, after] = [quantile(calm.latencies, 0.99), quantile(storm.latencies, 0.99)];
  console.log(
    `# p99 ${before.toFixed(1)} ms alone, ${after.toFixed(1)} ms with ten hostile tenants; worst ever ${storm.worst.toFixed(0)} ms; ${Math.round(calm.rss / (1 << 20))} and ${Math.round(storm.rss / (1 << 20))} MiB`,
  );
  const blamed = new Set(storm.faults.map((fault) => /policy (\S+?),? /.exec(fault.message)?.[1]));
  assert.ok(
    [...blamed].every((name) => name === undefined || Object.hasOwn(HOSTILE, name)),
    [...blamed].join(" "),
  );
  for (const name of ["endless", "slow", "recursive", "trapping", "outOfRange"])
    assert.ok(blamed.has(name), `${name} was found out`);
});

test.run();
