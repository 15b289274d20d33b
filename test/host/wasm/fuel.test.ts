// SPDX-License-Identifier: Apache-2.0
// Counting instructions: the counted module does what the other does, and its count is what can be counted by
// hand.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { PACK } from "../../../host/paths.js";
import { openBundle } from "../../../host/policy/bundle.js";
import { PolicyCompiler } from "../../../host/policy/compile.js";
import { findPolicies } from "../../../host/policy/discover.js";
import { loadPolicy, moduleBytes } from "../../../host/policy/load.js";
import { measurePolicy } from "../../../host/policy/measure.js";
import { readPolicyFile } from "../../../host/policy/policy-file.js";
import { admit } from "../../../host/wasm/admission.js";
import { addFuel } from "../../../host/wasm/fuel.js";
import { PolicyInstance } from "../../../host/wasm/instance.js";
import { openBatch } from "../../../host/wire/batch.js";
import { BatchBuilder } from "../../../host/wire/builder.js";
import { assemble, changed, HAND_WRITTEN } from "./shared.js";

const START = { index: 0, offset: 0 };
const BODY = HAND_WRITTEN.slice(HAND_WRITTEN.indexOf("    (local $at i32)"), HAND_WRITTEN.lastIndexOf("))"));

function batchOf(count: number) {
  const builder = new BatchBuilder();
  for (let i = 0; i < count; i++)
    builder.record("openat", { result: -2, params: { dirfd: -100, name: "/a", flags: 0 } });
  return openBatch(builder.bytes());
}

async function counted(wat: string, events: number): Promise<{ fuel: bigint; alerts: number }> {
  const bytes = assemble(wat);
  const admitted = { ...(await admit(bytes, "x")), module: await WebAssembly.compile(addFuel(bytes, "x")) };
  let alerts = 0;
  const policy = PolicyInstance.start(admitted, {}, { onAlert: () => alerts++, onLog: () => undefined });
  const before = policy.fuel;
  assert.is(policy.judge(batchOf(events), START), null);
  return { fuel: policy.fuel - before, alerts };
}

test("straight code counts its instructions", async () => {
  // i32.const, end
  assert.equal(await counted(changed([BODY, "(i32.const 0)"]), 1), { fuel: 2n, alerts: 0 });
  // i32.const, i32.const, i32.add, end
  assert.equal(await counted(changed([BODY, "(i32.add (i32.const 0) (i32.const 0))"]), 1), { fuel: 4n, alerts: 0 });
});

test("only the branch that is taken counts", async () => {
  const wat = (condition: number): string =>
    changed([BODY, `(if (result i32) (i32.const ${condition}) (then (i32.const 1)) (else (nop) (nop) (i32.const 2)))`]);
  // i32.const if | i32.const else | end    and    i32.const if | nop nop i32.const end | end
  assert.is((await counted(wat(1), 1)).fuel, 5n);
  assert.is((await counted(wat(0), 1)).fuel, 7n);
});

test("a loop counts each time round, and the policy still judges", async () => {
  const [ten, twenty, thirty] = [
    await counted(HAND_WRITTEN, 10),
    await counted(HAND_WRITTEN, 20),
    await counted(HAND_WRITTEN, 30),
  ];
  assert.equal([ten.alerts, twenty.alerts, thirty.alerts], [10, 20, 30]);
  assert.is(twenty.fuel - ten.fuel, thirty.fuel - twenty.fuel);
  assert.ok(twenty.fuel - ten.fuel >= 10n * 20n);
});

test("every policy of the pack can be counted, and costs the same each time", async () => {
  const compiler = new PolicyCompiler();
  for (const folder of findPolicies(PACK).slice(0, 2)) {
    const bundle = openBundle(folder);
    const policy = await loadPolicy(bundle, { compiler });
    const bytes = await moduleBytes(bundle, readPolicyFile(bundle).value, compiler);
    const [first, second] = [await measurePolicy(policy, bundle, bytes), await measurePolicy(policy, bundle, bytes)];
    const instructions = (cost: typeof first) => cost.types.map((type) => type.instructionsPerEvent);
    assert.equal(instructions(first), instructions(second));
    assert.ok(instructions(first).every((count) => count > first.other.instructionsPerEvent));
  }
  compiler.close();
});

test.run();
