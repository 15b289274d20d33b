// SPDX-License-Identifier: Apache-2.0
//
// Chance against everything that a stranger or a tenant reaches, for twelve seconds (`npm run fuzz` for
// longer): the host does not end or hang, stays within its bounds, and every alert of an honest agent comes.
// Of time nothing is asked here.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { BOUNDS, fuzzHost, REST } from "./fuzzer.js";

const MS = 12_000;

test("H16: chance at every door ends nothing, leaves nothing, and holds no honest alert back", async () => {
  const seed = Number(process.env.VEDETTE_FUZZ_SEED ?? Date.now() % 1e9);
  const report = await fuzzHost(seed, MS);
  const again = `again: VEDETTE_FUZZ_SEED=${seed} npm test -- host-fuzz`;
  assert.is(report.end, null, `${again}\n${report.stderr.slice(-3_000)}`);
  assert.is(report.waits.length, report.sent, `honest alerts; ${again}`);
  assert.equal(report.forged, [], `alerts in the honest agent's name; ${again}`);
  assert.equal(report.unwell, [], again);
  for (const what of ["ownMib", "descriptors", "threads"] as const) {
    const { before, most, after } = report;
    assert.ok(most[what] <= before[what] + BOUNDS[what], `${what}: ${before[what]}, then ${most[what]}; ${again}`);
    assert.ok(after[what] <= before[what] + REST[what], `${what}: ${before[what]}, ${after[what]} stayed; ${again}`);
  }
});

test.run();
