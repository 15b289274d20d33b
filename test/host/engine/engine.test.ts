// SPDX-License-Identifier: Apache-2.0
// The engine with policies that misbehave: each is contained, the others judge every event exactly once.
import { spawn } from "node:child_process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Engine } from "../../../host/engine/engine.js";
import { Feed } from "../../../host/engine/feed.js";
import type { LoadedPolicy } from "../../../host/engine/policy.js";
import { VedetteError } from "../../../host/errors.js";
import type { Alert } from "../../../host/output/alert.js";
import type { Batch } from "../../../host/wire/batch.js";
import {
  batchOf,
  ENDLESS_AT_99,
  ENDLESS_INIT,
  FLOOD,
  FORGER,
  LONG_AT_99,
  policyOf,
  SLOW_AT_99,
  TRAPS_AT_99,
} from "./shared.js";

const BUDGET_MS = 150;

interface Outcome {
  readonly alerts: readonly Alert[];
  readonly faults: readonly VedetteError[];
}

/** Runs the policies on the batches to the end. */
async function run(
  policies: readonly LoadedPolicy[],
  batches: readonly Batch[],
  workers = 1,
  isReplay = false,
): Promise<Outcome> {
  const feed = new Feed(4 << 20);
  const alerts: Alert[] = [];
  const faults: VedetteError[] = [];
  const engine = await Engine.start({
    ring: feed.ring,
    readers: Array.from({ length: workers }, () => feed.reader()),
    policies,
    hostname: (stream) => `host-${stream}`,
    onAlert: (alert) => void alerts.push(alert),
    onFault: (fault) => void faults.push(fault),
    budgetMs: BUDGET_MS,
    isReplay,
  });
  for (const batch of batches) await feed.put(batch, 5);
  feed.close();
  await engine.finished;
  return { alerts, faults };
}

/** The numbers of the events that a policy told, in order. */
function told(alerts: readonly Alert[], policy: string): number[] {
  return alerts.filter((alert) => alert.policy === policy).map((alert) => Number(alert.output.split(" ")[0]));
}

test("every policy judges every event once, in order", async () => {
  const policies = [await policyOf("a"), await policyOf("b"), await policyOf("c")];
  const batches = Array.from({ length: 200 }, (_, i) => batchOf([-1, 0, -2], 1 + 3 * i));
  for (const workers of [1, 2]) {
    const { alerts, faults } = await run(policies, batches, workers);
    const expected = batches.flatMap((_, i) => [1 + 3 * i, 3 + 3 * i]);
    for (const name of ["a", "b", "c"]) assert.equal(told(alerts, name), expected);
    assert.equal(faults, []);
    assert.is(alerts[0]?.hostname, "host-5");
  }
});

test("a policy that never returns is ended and blamed, and the others lose and repeat nothing", async () => {
  const policies = [await policyOf("before"), await policyOf("endless", ...ENDLESS_AT_99), await policyOf("after")];
  const { alerts, faults } = await run(policies, [batchOf([-1, 0], 1), batchOf([-1, -99], 3), batchOf([-1, -1], 5)]);
  assert.equal(told(alerts, "before"), [1, 3, 4, 5, 6]);
  assert.equal(told(alerts, "after"), [1, 3, 4, 5, 6]);
  assert.equal(told(alerts, "endless"), [1]);
  assert.equal(
    faults.map((fault) => fault.code),
    ["VEDETTE_POLICY_OVERRUN"],
  );
  assert.match(faults[0]?.message as string, /endless took longer than 150 ms/);
});

test("two endless policies in one batch are ended one after the other", async () => {
  const policies = [
    await policyOf("one", ...ENDLESS_AT_99),
    await policyOf("good"),
    await policyOf("two", ...ENDLESS_AT_99),
  ];
  const { alerts, faults } = await run(policies, [batchOf([-99, -1])]);
  assert.equal(told(alerts, "good"), [1, 2]);
  assert.is(faults.length, 2);
});

test("a policy that overran comes back after its rest", async () => {
  const feed = new Feed();
  const alerts: Alert[] = [];
  let [rests, isBack] = [0, 0];
  const engine = await Engine.start({
    ring: feed.ring,
    readers: [feed.reader()],
    policies: [await policyOf("endless", ...ENDLESS_AT_99)],
    onFault: () => {
      rests ||= performance.now();
    },
    onAlert: (alert) => {
      isBack ||= performance.now();
      alerts.push(alert);
    },
    budgetMs: BUDGET_MS,
  });
  await feed.put(batchOf([-99], 1));
  for (let event = 2; alerts.length === 0 && event < 300; event++) {
    await feed.put(batchOf([-1], event));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  feed.close();
  await engine.finished;
  assert.ok((told(alerts, "endless")[0] ?? 0) > 1, "it judges again");
  assert.ok(isBack - rests > 900, `its rest takes a second; it took ${isBack - rests} ms`);
});

test("a trap costs the record it was at, and the policy goes on behind it", async () => {
  const { alerts, faults } = await run(
    [await policyOf("traps", ...TRAPS_AT_99), await policyOf("good")],
    [batchOf([-1, -99, -1, -99, -1], 11)],
  );
  assert.equal(told(alerts, "traps"), [11, 13, 15]);
  assert.equal(told(alerts, "good"), [11, 12, 13, 14, 15]);
  assert.equal(
    faults.map((fault) => fault.message),
    [
      "The policy traps failed while it judged event 12: unreachable.",
      "The policy traps failed while it judged event 14: unreachable.",
    ],
  );
  assert.ok(faults.every((fault) => fault.code === "VEDETTE_POLICY_TRAPPED"));
});

test("a policy that traps at every record is sent to rest", async () => {
  const { alerts, faults } = await run(
    [await policyOf("traps", ...TRAPS_AT_99), await policyOf("good")],
    [batchOf(Array(50).fill(-99)), batchOf([-1], 51)],
  );
  assert.is(faults.length, 8, "it is not started for each of 50 records");
  assert.equal(told(alerts, "traps"), []);
  assert.is(told(alerts, "good").length, 51);
});

test("a flood of alerts is bounded in a batch", async () => {
  const { alerts } = await run([await policyOf("flood", ...FLOOD), await policyOf("good")], [batchOf([-1])]);
  const ofFlood = alerts.filter((alert) => alert.policy === "flood");
  const internal = ofFlood.filter((alert) => alert.source === "internal");
  assert.is(ofFlood.length - internal.length, 1000);
  assert.equal(
    internal.map(({ outputFields }) => new Map(outputFields).get("n_alerts")),
    [9001], // the flood, and the one that the policy raises after it
    "what the batch had no room for is told",
  );
  assert.equal(told(alerts, "good"), [1]);
});

test("alerts for rules and records that there are not are none", async () => {
  const { alerts, faults } = await run([await policyOf("forger", ...FORGER)], [batchOf([-1, -1])]);
  assert.equal(alerts, []);
  assert.equal(faults, []);
});

test("a policy whose init never returns, or fails, ends the start with its name", async () => {
  for (const [changes, code] of [
    [ENDLESS_INIT, "VEDETTE_POLICY_OVERRUN"],
    [
      [['(i32.const 0))\n  (func (export "vedette_on_batch")', '(unreachable))\n  (func (export "vedette_on_batch")']],
      "VEDETTE_POLICY_INIT",
    ],
  ] as const) {
    try {
      await run([await policyOf("good"), await policyOf("bad", ...changes)], []);
      assert.unreachable();
    } catch (error) {
      assert.instance(error, VedetteError);
      assert.is((error as VedetteError).code, code);
      assert.match((error as VedetteError).message, /bad/);
    }
  }
});

test("a rule that is switched off raises nothing", async () => {
  const policy = await policyOf("off");
  const { alerts } = await run(
    [{ ...policy, rules: policy.rules.map((rule) => ({ ...rule, enabled: false })) }],
    [batchOf([-1])],
  );
  assert.equal(alerts, []);
});

test("a batch larger than what is left of the ring waits for its room", async () => {
  const rest = Array<number>(1999).fill(0);
  const batches = Array.from({ length: 60 }, (_, i) => batchOf([-1, ...rest], 1 + 2000 * i));
  const { alerts } = await run([await policyOf("a")], batches);
  assert.equal(
    told(alerts, "a"),
    batches.map((_, i) => 1 + 2000 * i),
  );
});

test("a rule that goes on raising alerts is held back, and what it would have raised is counted", async () => {
  const batches = Array.from({ length: 5 }, (_, i) => batchOf(Array(900).fill(-1), 1 + 900 * i));
  // By the events' time, of which none passes: no alert comes back while it runs.
  const { alerts } = await run([await policyOf("a")], batches, 1, true);
  const internal = alerts.filter((alert) => alert.source === "internal");
  assert.is(alerts.length - internal.length, 1000);
  const counts = internal.map(({ outputFields }) => new Map(outputFields));
  assert.ok(counts.every((fields) => fields.get("rule") === "Failed open" && fields.get("policy") === "a"));
  assert.is(
    counts.reduce((sum, fields) => sum + Number(fields.get("n_alerts")), 0),
    3500,
  );
  assert.is(internal[0]?.rule, "Vedette internal: alerts suppressed");
});

test("a policy that takes all it may in every batch is sent to rest", async () => {
  const batches = Array.from({ length: 12 }, (_, i) => batchOf([-1, -99], 1 + 2 * i));
  const { alerts, faults } = await run([await policyOf("slow", ...SLOW_AT_99), await policyOf("good")], batches);
  assert.is(told(alerts, "good").length, 24);
  assert.equal(
    faults.map((fault) => fault.code),
    ["VEDETTE_POLICY_OVERSPENT"],
  );
  assert.ok(told(alerts, "slow").length < 24);
});

test("nobody is blamed for the time in which the machine gives us none", async () => {
  const feed = new Feed();
  const faults: VedetteError[] = [];
  const alerts: Alert[] = [];
  const engine = await Engine.start({
    ring: feed.ring,
    readers: [feed.reader()],
    policies: [await policyOf("long", ...LONG_AT_99), await policyOf("good")],
    onAlert: (alert) => void alerts.push(alert),
    onFault: (fault) => void faults.push(fault),
    budgetMs: BUDGET_MS,
  });
  // Stopped again and again for longer than a policy's whole reserve, mostly in the middle of a call.
  const script = "for i in 1 2 3 4 5; do sleep 0.1; kill -STOP $0; sleep 0.3; kill -CONT $0; done";
  const stopper = spawn("sh", ["-c", script, String(process.pid)]);
  let isOver = false;
  stopper.once("exit", () => {
    isOver = true;
  });
  const batch = batchOf([-1, -99, ...Array<number>(2000).fill(0)]);
  while (!isOver) await feed.put(batch);
  feed.close();
  await engine.finished;
  assert.equal(
    faults.map((fault) => fault.message),
    [],
  );
  assert.ok(told(alerts, "long").length > 5);
});

test.run();
