// SPDX-License-Identifier: Apache-2.0
// Exceptions: comparison by comparison, tuples joined by or, and a rule that has them keeps silent where they
// hold.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Comparison, compileExceptions } from "../../../host/engine/exceptions.js";
import { PolicyRunner } from "../../../host/engine/runner.js";
import { openBatch } from "../../../host/wire/batch.js";
import { BatchBuilder } from "../../../host/wire/builder.js";
import { policyOf } from "./shared.js";

const builder = new BatchBuilder();
const borg = builder.process({ pid: 7, name: "borg" });
const cat = builder.process({ pid: 8, name: "cat" });
const etc = builder.descriptor({ type: "f", name: "/etc/shadow" });
const srv = builder.descriptor({ type: "f", name: "/srv/data" });
for (const [process, descriptor] of [
  [borg, etc],
  [borg, srv],
  [cat, etc],
  [cat, undefined],
] as const)
  builder.record("openat", {
    process,
    ...(descriptor === undefined ? {} : { descriptor }),
    result: -13,
    params: { dirfd: -100, name: "x", flags: 0 },
  });
const batch = openBatch(builder.bytes());

const HOLDS: readonly (readonly [
  comparison: Comparison,
  value: string | readonly string[],
  records: readonly boolean[],
])[] = [
  ["=", "/etc/shadow", [true, false, true, false]],
  ["!=", "/etc/shadow", [false, true, false, false]],
  ["in", ["/a", "/srv/data"], [false, true, false, false]],
  ["startswith", "/etc", [true, false, true, false]],
  ["endswith", "data", [false, true, false, false]],
  ["contains", "sha", [true, false, true, false]],
  ["glob", "/*/sh*", [true, false, true, false]],
  ["pmatch", "/srv", [false, true, false, false]],
  ["pmatch", "/sr", [false, false, false, false]],
  ["startswith", ["/srv", "/etc/sh"], [true, true, true, false]],
];
for (const [comparison, value, records] of HOLDS) {
  test(`${comparison} ${JSON.stringify(value)} holds where it should, and never for what is not known`, () => {
    const test = compileExceptions([{ name: "e", fields: ["fd.name"], comps: [comparison], values: [[value]] }]);
    assert.equal(
      [...batch.offsets].map((offset) => test(batch, offset)),
      records,
    );
  });
}

test("all of a tuple must hold, and one tuple is enough", () => {
  const test = compileExceptions([
    {
      name: "e",
      fields: ["proc.name", "fd.name"],
      comps: ["=", "startswith"],
      values: [
        ["borg", "/srv"],
        ["cat", "/etc"],
      ],
    },
  ]);
  assert.equal(
    [...batch.offsets].map((offset) => test(batch, offset)),
    [false, true, true, false],
  );
});

test("a rule keeps silent where an exception holds", async () => {
  const policy = await policyOf("p");
  const exceptions = [{ name: "backup", fields: ["proc.name"], comps: ["=" as const], values: [["borg"]] }];
  const runner = new PolicyRunner({ ...policy, rules: policy.rules.map((rule) => ({ ...rule, exceptions })) });
  assert.equal(
    runner.judge(batch).alerts.map((alert) => alert.output),
    ["3 hand-written", "4 hand-written"],
  );
});

test.run();
