// SPDX-License-Identifier: Apache-2.0
//
// Who may test a policy now: one of the operator's and one of all tenants run at once, tenants wait in the
// order in which they asked, and each has one place.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Problem } from "../../../host/control/problem.js";
import { Recent } from "../../../host/control/recent.js";
import { PolicyTrials } from "../../../host/control/trial.js";
import { OPERATOR, type Viewer } from "../../../host/control/viewer.js";
import type { TrialResult } from "../../../host/engine/trial.js";
import { until } from "../../until.js";

const RESULT: TrialResult = { alerts: [], logs: [], measured: [], fault: null, measure: null };

/** Tests that end when the test of this file says so. */
function trials(msMax?: number) {
  const running: string[] = [];
  const ends = new Map<string, () => void>();
  const tryPolicy = (_: string, policy: string): Promise<TrialResult> => {
    running.push(policy);
    return new Promise((done) => ends.set(policy, () => done(RESULT)));
  };
  const all = new PolicyTrials(tryPolicy, new Recent(), msMax);
  /** How it ends; the sensor's timers keep no process alive, so this waits by one that does. */
  const of = async (viewer: Viewer, policy: string): Promise<string> => {
    let ended: string | undefined;
    void all.try(viewer, "", policy).then(
      () => (ended = "done"),
      (error: unknown) => (ended = error instanceof Problem ? String(error.status) : "broken"),
    );
    return until(`${policy} has ended`, () => ended);
  };
  return { of, running, end: (policy: string) => ends.get(policy)!() };
}

const tenant = (name: string): Viewer => ({ kind: "tenant", name, mayAct: true, scope: {} as never });

test("a tenant's test keeps the operator's not waiting, and another tenant's until it is done", async () => {
  const { of, running, end } = trials();
  const a = of(tenant("a"), "of a");
  const b = of(tenant("b"), "of b");
  const own = of(OPERATOR, "own");
  await until("two run", () => running.length === 2);
  assert.equal(running, ["of a", "own"]);
  assert.equal(
    [await of(tenant("a"), "x"), await of(tenant("b"), "x"), await of(OPERATOR, "x")],
    ["429", "429", "429"],
  );
  end("own");
  assert.is(await own, "done");
  end("of a");
  assert.is(await a, "done");
  const again = of(tenant("a"), "of a, again");
  await until("b is served before a comes again", () => running.at(-1) === "of b");
  end("of b");
  assert.is(await b, "done");
  await until("then a is", () => running.at(-1) === "of a, again");
  end("of a, again");
  assert.is(await again, "done");
});

test("who waited too long is told, has no test run for it, and may ask again", async () => {
  const { of, running, end } = trials(50);
  const first = of(tenant("a"), "slow");
  assert.is(await of(tenant("b"), "given up"), "503");
  assert.is(await first, "503");
  assert.is(await of(tenant("a"), "x"), "429", "its own is not done");
  const again = of(tenant("b"), "asked again");
  end("slow");
  await until("the next one runs", () => running.length === 2);
  assert.is(running[1], "asked again");
  end("asked again");
  assert.is(await again, "done");
});

test.run();
