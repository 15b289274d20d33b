// SPDX-License-Identifier: Apache-2.0
//
// What the process that tries policies says of a case is what the same case comes to in a thread of this
// process, but for the findings, which nobody asks it for. The host takes no other words than the documented
// ones.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { madeUp, runTrials, type TrialBatch } from "../../../host/engine/trial.js";
import { TrialHouse } from "../../../host/engine/trial-house.js";
import { BatchBuilder } from "../../../host/wire/builder.js";
import { cleanUp, loadSource } from "../../rules-wasm/shared.js";
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

/** A batch of opens of 200 names. */
function manyOpens(): Uint8Array {
  const builder = new BatchBuilder({ first: 1 });
  const process = builder.process({ pid: 7, name: "cat" });
  for (let i = 0; i < 200; i++)
    builder.record("openat", { process, result: 3, params: { dirfd: -100, name: `/n${i}`, flags: 0 } });
  return builder.bytes();
}

test("what is measured over many batches comes back as one sum, where it is asked for", async () => {
  const policy = await loadSource(`import { exponential, meter, Openat } from "vedette";
const OPENS = exponential({ name: "app.opens", labels: ["app.path"], slots: 256 });
@meter({ name: "opens" })
export function opens(e: Openat): void {
  OPENS.label(e.name).record(2);
}`);
  const batches = new Array<TrialBatch>(40).fill(madeUp(manyOpens())); // 209 buckets of 200 sets, 40 times: 1.6 MiB
  const house = new TrialHouse();
  try {
    const [asked, other] = await house.run(
      [
        { policy, batches, isMetered: true },
        { policy, batches },
      ],
      20_000,
    );
    assert.equal([asked?.fault, other?.fault, other?.measured], [null, null, []]);
    const [sum] = asked?.measured ?? [];
    assert.is(sum?.measurements.length, 200);
    assert.ok(sum?.measurements.every(({ value, buckets }) => value === 80 && buckets.includes(40)));
  } finally {
    house.close();
  }
});

test("of more alerts than the process may say, the first ones come back in brief, and the others counted", async () => {
  const policy = await loadSource(`import { Openat, Priority, rule } from "vedette";
@rule({ name: "Any", priority: Priority.Notice, output: "opened %fd.name" })
export function any(e: Openat): bool { return true; }`);
  const builder = new BatchBuilder({ first: 1 });
  const process = builder.process({ pid: 7, name: "cat" });
  const descriptor = builder.descriptor({ name: `/${"n".repeat(3_000)}` });
  for (let i = 0; i < 900; i++) builder.record("openat", { process, descriptor, result: 3, fd: 3 });
  const house = new TrialHouse();
  try {
    const [tried] = await house.run([{ policy, batches: [madeUp(builder.bytes())], isBrief: true }], 20_000);
    assert.is(tried!.fault, null);
    assert.ok(tried!.alerts.length > 100 && tried!.more! > 100, `${tried!.alerts.length} and ${tried!.more}`);
    assert.is(tried!.alerts.length + tried!.more!, 900);
    assert.match(tried!.alerts[0]!.output, "opened /nnn");
  } finally {
    house.close();
  }
});

test.after(cleanUp);
test.run();
