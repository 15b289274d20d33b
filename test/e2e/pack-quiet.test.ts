// SPDX-License-Identifier: Apache-2.0
//
// The default pack says nothing of benign programs: not while the everyday programs run in a container, and
// not when their recordings are judged for two hours of event time, in a few passes here.
// `npm run bench -- quiet` makes more of them.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { loadPolicies } from "../../host/policy/load.js";
import { HOURS, judgeHours, type Recorded, recordBenign } from "../lab/benign.js";
import { scratch } from "./programs.js";

const PASSES = 12;
const EVENTS_MIN = 500_000;
let recorded: Recorded[] = [];

test("no alert comes from any everyday program in a container", async () => {
  recorded = await recordBenign(scratch());
  assert.ok(recorded.length >= 10, `${recorded.length}`);
  for (const { name, batches, alerts } of recorded) {
    assert.is(alerts, "", name);
    assert.ok(batches.length > 0, name);
  }
});

test(`none comes from ${HOURS} hours of them`, async () => {
  const { events, alerts, faults } = await judgeHours(recorded, await loadPolicies([]), PASSES);
  assert.equal(faults, []);
  assert.equal(alerts, []);
  assert.ok(events > EVENTS_MIN, `${events}`);
});

test.run();
