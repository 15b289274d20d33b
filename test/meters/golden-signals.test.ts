// SPDX-License-Identifier: Apache-2.0
// golden-signals is all meters of protocols in one module. So it tells what they tell together: of each test
// of theirs, and of all protocols at the same time. What looks at each read and write is not part of it.
import { basename, join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CONVERSATIONS, streamOf } from "../../bench/measure/meters.js";
import type { LoadedPolicy } from "../../host/engine/policy.js";
import { PolicyRunner } from "../../host/engine/runner.js";
import { Totals } from "../../host/metric/totals.js";
import { METERS } from "../../host/paths.js";
import { openBundle } from "../../host/policy/bundle.js";
import { findPolicies } from "../../host/policy/discover.js";
import { testCases } from "../../host/policy/test-run.js";
import { type Batch, openBatch } from "../../host/wire/batch.js";
import { cleanUp } from "../rules-wasm/shared.js";
import { meterNamed } from "./conversation.js";

const TOGETHER = "golden-signals";
const ALONE = "saturation";
const names = findPolicies(METERS)
  .map((folder) => basename(folder))
  .filter((name) => name !== ALONE);
const policies = new Map<string, LoadedPolicy>();
for (const name of names) policies.set(name, await meterNamed(name));
const together = policies.get(TOGETHER)!;
const each = [...policies].filter(([name]) => name !== TOGETHER).map(([, policy]) => policy);

type Values = LoadedPolicy["parameters"];
/** By the metric's name and labels: its value, and how often each bucket was met. */
type Told = Record<string, readonly number[]>;

/** The policy with those values of parameters that it has. */
function withValues(policy: LoadedPolicy, values: Values): LoadedPolicy {
  const own = Object.entries(values).filter(([name]) => Object.hasOwn(policy.parameters, name));
  return { ...policy, parameters: { ...policy.parameters, ...Object.fromEntries(own) } };
}

/** What policies measure in all, each with an instance of its own. */
function toldBy(some: readonly LoadedPolicy[], batches: readonly Batch[]): Told {
  const told: Record<string, number[]> = {};
  for (const policy of some) {
    const runner = new PolicyRunner(policy);
    for (const batch of batches) assert.equal(runner.judge(batch).faults, []);
    const totals = new Totals();
    const owner = { tenant: null, policy: policy.name, version: policy.version };
    for (const one of runner.takeMeasured()) totals.add(owner, policy.admitted.metadata.metrics ?? [], one);
    for (const { instrument, series } of totals.scopes().flatMap(({ metrics }) => metrics))
      for (const { labels, value, buckets } of series) {
        const key = JSON.stringify([instrument.name, labels]);
        told[key] = [value, ...buckets].map((number, i) => number + (told[key]?.[i] ?? 0));
      }
  }
  return Object.fromEntries(Object.entries(told).sort(([a], [b]) => (a < b ? -1 : 1)));
}

for (const name of names.filter((one) => one !== TOGETHER)) {
  test(`it tells what all meters tell of the tests of ${name}`, () => {
    const cases = testCases(policies.get(name)!, openBundle(join(METERS, name)));
    assert.ok(cases.length > 0);
    for (const { policy, batches } of cases) {
      const opened = batches.map(({ bytes }) => openBatch(bytes));
      const one = toldBy([withValues(together, policy.parameters)], opened);
      const all = toldBy(
        each.map((meter) => withValues(meter, policy.parameters)),
        opened,
      );
      assert.equal(one, all);
    }
  });
}

test("it tells what all meters tell of all protocols at the same time", () => {
  const { begin, talk } = streamOf(Object.values(CONVERSATIONS), 8);
  const batches = [...begin, ...talk, ...talk].map(({ batch }) => batch);
  const one = toldBy([together], batches);
  assert.equal(one, toldBy(each, batches));
  const requests = Object.values(CONVERSATIONS).filter(({ meters }) => meters.length > 0).length * 8 * 16 * 2;
  const counted = Object.values(one).reduce(
    (sum, [, ...buckets]) => sum + buckets.reduce((all, more) => all + more, 0),
    0,
  );
  assert.ok(counted >= requests * 0.99, `${counted} of ${requests} were told`);
});

test.after(cleanUp);
test.run();
