// SPDX-License-Identifier: Apache-2.0
//
// What the process that tries policies says of a case is what the same case comes to in a thread of this
// process, but for the findings, which nobody asks it for. The host takes no other words than the documented
// ones.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { madeUp, runTrials } from "../../../host/engine/trial.js";
import { TrialHouse } from "../../../host/engine/trial-house.js";
import { BatchBuilder } from "../../../host/wire/builder.js";
import { policyOf } from "./shared.js";

function opensOfShadow(): Uint8Array {
  const builder = new BatchBuilder({ first: 1 });
  const process = builder.process({ pid: 7, name: "cat" });
  const descriptor = builder.descriptor({ name: "/etc/shadow", realpath: "/etc/shadow" });
  for (const result of [-13, 3, -2]) {
    const params = { dirfd: -100, name: "/etc/shadow", flags: 0 };
    builder.record("openat", { process, descriptor, result, params });
  }
  return builder.bytes();
}

test("alerts come back from the process as they come back from a thread", async () => {
  const policy = await policyOf("tried");
  const cases = [{ policy, batches: [madeUp(opensOfShadow())] }];
  const house = new TrialHouse();
  try {
    const [tried] = await house.run(cases, 5_000);
    const [here] = await runTrials(cases);
    assert.is(here!.fault, null);
    assert.is(here!.alerts.length, 2);
    assert.ok(here!.alerts.every(({ finding }) => finding?.process?.pid === 7));
    const alerts = here!.alerts.map(({ finding: _, ...alert }) => alert);
    assert.equal(tried, { ...here, alerts });
  } finally {
    house.close();
  }
});

test.run();
