// SPDX-License-Identifier: Apache-2.0
// What a running policy can do to its host: raise alerts, log, give up. Everything else it tries ends as a
// Trap.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { VedetteError } from "../../../host/errors.js";
import { admit } from "../../../host/wasm/admission.js";
import { ALERT_TEXT_MAX, PolicyInstance, Trap } from "../../../host/wasm/instance.js";
import { openBatch } from "../../../host/wire/batch.js";
import { BatchBuilder } from "../../../host/wire/builder.js";
import { assemble, changed, HAND_WRITTEN } from "./shared.js";

const START = { index: 0, offset: 0 };
const ALERT = '(import "vedette" "alert" (func $alert (param i32 i32 i32 i32)))';
const INIT = '(func (export "vedette_init") (param i32) (result i32)\n    (i32.const 0))';

const batch = openBatch(
  new BatchBuilder({ first: 100 })
    .record("openat", { result: -2, params: { dirfd: -100, name: "/a", flags: 0 } })
    .record("close", { result: 0 })
    .record("openat", { result: 3, params: { dirfd: -100, name: "/b", flags: 0 } })
    .record("openat", { result: -13, params: { dirfd: -100, name: "/c", flags: 0 } })
    .bytes(),
);

interface Seen {
  readonly alerts: [rule: number, record: number, text: string][];
  readonly logs: [level: number, text: string][];
}

async function start(wat: string): Promise<{ policy: PolicyInstance; seen: Seen }> {
  const seen: Seen = { alerts: [], logs: [] };
  const admitted = await admit(assemble(wat), "policies/x");
  const policy = PolicyInstance.start(
    admitted,
    {},
    {
      onAlert: (rule, record, text) => void seen.alerts.push([rule, record, text]),
      onLog: (level, text) => void seen.logs.push([level, text]),
    },
  );
  return { policy, seen };
}

/** The policy with another body of on_batch. */
function judging(body: string, ...more: readonly (readonly [string, string])[]): string {
  const from = HAND_WRITTEN.slice(HAND_WRITTEN.indexOf("    (local $at i32)"), HAND_WRITTEN.lastIndexOf("))"));
  return changed([from, body], ...more);
}

test("a hand-written module judges a batch by the ABI alone", async () => {
  const { policy, seen } = await start(HAND_WRITTEN);
  assert.is(policy.judge(batch, START), null);
  assert.equal(seen.alerts, [
    [0, batch.offsets[0], "hand-written"],
    [0, batch.offsets[3], "hand-written"],
  ]);
});

test("a batch can be judged from the middle on", async () => {
  const { policy, seen } = await start(HAND_WRITTEN);
  policy.judge(batch, { index: 2, offset: batch.offsets[2] as number });
  assert.equal(seen.alerts, [[0, batch.offsets[3], "hand-written"]]);
});

const TRAPS: readonly (readonly [title: string, wat: () => string, reason: RegExp])[] = [
  ["unreachable code", () => judging("(unreachable)"), /unreachable/],
  ["a division by zero", () => judging("(i32.div_s (i32.const 1) (i32.const 0))"), /divide by zero/],
  ["a load outside of its memory", () => judging("(i32.load (i32.const -4))"), /memory access out of bounds/],
  [
    "recursion without an end",
    () =>
      judging("(call $again (local.get 0))", [
        ALERT,
        `${ALERT}(func $again (param i32) (result i32) (call $again (call $again (local.get 0))))`,
      ]),
    /call stack/,
  ],
  [
    "an alert whose text lies outside of its memory",
    () => judging("(call $alert (i32.const 0) (i32.const 0) (i32.const -1) (i32.const 9)) (i32.const 0)"),
    /outside its memory/,
  ],
  [
    "an alert whose text is longer than its memory",
    () => judging("(call $alert (i32.const 0) (i32.const 0) (i32.const 0) (i32.const -1)) (i32.const 0)"),
    /outside its memory/,
  ],
  ["a negative answer", () => judging("(i32.const -1)"), /answered -1/],
  [
    "memory that it asks for in vain and then uses",
    () => judging("(drop (memory.grow (i32.const 1000))) (i32.load (i32.const 60000000))"),
    /out of bounds/,
  ],
];

for (const [title, wat, reason] of TRAPS) {
  test(`${title} is a trap`, async () => {
    const { policy } = await start(wat());
    const trap = policy.judge(batch, START);
    assert.instance(trap, Trap);
    assert.match((trap as Trap).message, reason);
  });
}

test("memory grows to the maximum and no further", async () => {
  const { policy } = await start(
    judging("(block (loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))) (i32.const 0)"),
  );
  assert.is(policy.judge(batch, START), null);
  assert.is(policy.memoryBytes, 64 * 65536);
});

test("a text of a mebibyte is cut, and invalid UTF-8 becomes replacement characters", async () => {
  const { policy, seen } = await start(
    judging(
      "(memory.fill (i32.const 0) (i32.const 255) (i32.const 1048576)) (call $alert (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1048576)) (i32.const 1)",
    ),
  );
  policy.judge(batch, START);
  assert.is(seen.alerts[0]?.[2], "\ufffd".repeat(ALERT_TEXT_MAX));
});

test("abort ends the call with its reason and place", async () => {
  const { policy } = await start(
    judging(
      "(call $abort (i32.const 1114112) (i32.const 4) (i32.const 1114112) (i32.const 12) (i32.const 7) (i32.const 9)) (i32.const 0)",
      [ALERT, `${ALERT}(import "vedette" "abort" (func $abort (param i32 i32 i32 i32 i32 i32)))`],
    ),
  );
  assert.is(policy.judge(batch, START)?.message, "hand (hand-written:7:9)");
});

test("an init that refuses, or traps, is told with the policy's name", async () => {
  for (const [body, reason] of [
    ["(i32.const 3)", /its init answered 3/],
    ["(unreachable)", /unreachable/],
  ] as const) {
    try {
      await start(changed([INIT, INIT.replace("(i32.const 0)", body)]));
      assert.unreachable();
    } catch (error) {
      assert.instance(error, VedetteError);
      assert.is((error as VedetteError).code, "VEDETTE_POLICY_INIT");
      assert.match((error as VedetteError).message, /hand-written/);
      assert.match((error as VedetteError).message, reason);
    }
  }
});

test.run();
