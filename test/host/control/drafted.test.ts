// SPDX-License-Identifier: Apache-2.0
//
// What is told of a draft: which alerts it raises alone, and which the loaded version does; and how much.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { draftedOf } from "../../../host/control/drafted.js";
import type { RecentBatches } from "../../../host/control/recent.js";
import { PolicyDrafted } from "../../../host/control/shapes.js";
import type { TrialResult } from "../../../host/engine/trial.js";
import { SaidOfTrial, toldTests } from "../../../host/engine/trial-messages.js";
import { VedetteError } from "../../../host/errors.js";
import { SourceError } from "../../../host/policy/compile.js";

const SHOWN: RecentBatches = { batches: [], events: 9, from: 1n, to: 9n };
const LONG = "l".repeat(100_000);
const result = (alerts: readonly (readonly [rule: string, time: number])[], more = 0): TrialResult => ({
  alerts: alerts.map(([rule, time]) => ({
    ...{ rule, priority: "Notice", tags: [], source: "syscall", time: BigInt(time) },
    ...{ output: `${rule} at ${time}`, outputFields: [], hostname: "" },
  })),
  ...{ logs: [], measured: [], fault: null, measure: null, more },
});
const told = (draft: TrialResult, loaded: TrialResult) =>
  draftedOf({ errors: [], warnings: [], tests: null, draft, loaded }, SHOWN);
const by = (drafted: PolicyDrafted): string[] => drafted.samples.map((one) => `${one.by}: ${one.output}`);

test("alerts of one of them alone come first, each as often as it was raised", () => {
  const drafted = told(
    result([
      ["a", 1],
      ["a", 1],
      ["b", 2],
    ]),
    result([
      ["a", 1],
      ["c", 1],
      ["c", 3],
    ]),
  );
  assert.equal(by(drafted), ["draft: a at 1", "draft: b at 2", "loaded: c at 1", "loaded: c at 3", "both: a at 1"]);
  assert.equal(
    drafted.rules.map((one) => [one.rule, one.draft, one.loaded]),
    [
      ["a", 2, 1],
      ["b", 1, 0],
      ["c", 0, 2],
    ],
  );
});

test("where one raised more than it told, they are compared as far as both are told", () => {
  const drafted = told(
    result(
      [
        ["a", 1],
        ["a", 2],
        ["a", 3],
      ],
      7,
    ),
    result([
      ["a", 2],
      ["b", 3],
      ["a", 4],
    ]),
  );
  assert.equal(by(drafted), ["draft: a at 1", "both: a at 2"], "of the time of the last one there may be more");
  assert.equal([drafted.draft?.alerts, drafted.draft?.left_out, drafted.loaded?.left_out], [3, 7, 0]);
});

test("what an author makes long or many is cut, and has the form that the API says", () => {
  const at = { file: "index.ts", line: 3, column: 5, reason: LONG, excerpt: LONG };
  const errors = Array.from({ length: 200 }, () => new SourceError("/p", at));
  const other = new VedetteError("VEDETTE_POLICY_NO_RULES", { path: LONG });
  const failures = Array.from({ length: 200 }, () => ({
    ...{ name: LONG, differences: Array.from({ length: 200 }, () => LONG), logs: [LONG] },
  }));
  const tests = toldTests({ passed: 1, failed: 200, failures, missing: Array.from({ length: 200 }, () => LONG) });
  SaidOfTrial.parse({ kind: "tested", told: tests });
  assert.ok(JSON.stringify(tests).length < 1 << 20, "what the process in the jail says is a frame");
  const alerts = result(Array.from({ length: 2_000 }, (_, nth) => [`a${nth}${LONG}`, nth] as const));
  const drafted = draftedOf(
    { errors: [other, ...errors], warnings: errors, tests, draft: alerts, loaded: result([]) },
    SHOWN,
  );
  PolicyDrafted.parse(drafted);
  assert.equal([drafted.problems.length, drafted.tests?.passed, drafted.tests?.failed], [50, 1, 200]);
  assert.equal([drafted.tests!.failures.length > 0, drafted.tests!.failures[0]!.differences.length], [true, 10]);
  assert.equal([drafted.rules.length, drafted.samples.length], [200, 10]);
  assert.equal(
    drafted.problems.slice(0, 2).map(({ file, line, column }) => [file, line, column]),
    [
      [null, null, null],
      ["index.ts", 3, 5],
    ],
  );
  assert.ok(JSON.stringify(drafted).length < 1 << 20);
});

test("a time that no clock shows is none that a process in the jail may say", () => {
  const said = (time: bigint): boolean => {
    const { more: _, ...told } = result([["a", 1]]);
    return SaidOfTrial.safeParse({ kind: "result", result: { ...told, alerts: [{ ...told.alerts[0], time }] } })
      .success;
  };
  assert.equal([0n, 2n ** 64n - 1n, -1n, 2n ** 64n, 10n ** 5_000n].map(said), [true, true, false, false, false]);
});

test.run();
