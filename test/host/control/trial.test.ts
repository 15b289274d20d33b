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

const conditions = { filterOf: () => Promise.reject(new Problem(400, "column 12")) };

/** Tests that end when the test of this file says so. */
function trials(msMax?: number) {
  const running: string[] = [];
  const ends = new Map<string, () => void>();
  const tryPolicy = (_: string, policy: string): Promise<TrialResult> => {
    running.push(policy);
    return new Promise((done) => ends.set(policy, () => done(RESULT)));
  };
  const explainPolicy = () => Promise.resolve("there is no source");
  const tryDraft = ({ policy }: { policy: string }) => tryPolicy("", policy).then(() => "there is no index.ts");
  const all = new PolicyTrials({ tryPolicy, explainPolicy, tryDraft, recent: new Recent(), conditions }, msMax);
  /** How it ends; the sensor's timers keep no process alive, so this waits by one that does. */
  const endOf = async (asked: Promise<unknown>, what: string, told: (problem: Problem) => string): Promise<string> => {
    let ended: string | undefined;
    void asked.then(
      () => (ended = "done"),
      (error: unknown) => (ended = error instanceof Problem ? told(error) : "broken"),
    );
    return until(`${what} has ended`, () => ended);
  };
  const of = (viewer: Viewer, policy: string): Promise<string> =>
    endOf(all.try(viewer, "", policy), policy, ({ status }) => String(status));
  const why = (viewer: Viewer, condition = ""): Promise<string> =>
    endOf(all.explain(viewer, { tenant: "", policy: "p", condition }), "why", (one) => `${one.status} ${one.message}`);
  const draft = (viewer: Viewer, policy: string): Promise<string> =>
    endOf(all.draft(viewer, { tenant: "", policy, text: "" }), policy, (one) => `${one.status} ${one.message}`);
  return { of, why, draft, running, end: (policy: string) => ends.get(policy)!() };
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

test("an explanation takes the place of a test, and says why there is none, or that the condition is wrong", async () => {
  const { of, why, end, running } = trials();
  const first = of(OPERATOR, "own");
  await until("it runs", () => running.length === 1);
  assert.match(await why(OPERATOR), /^429 /);
  end("own");
  assert.is(await first, "done");
  assert.is(await why(OPERATOR), "409 there is no source");
  assert.is(await why(OPERATOR, "proc.name ="), "400 column 12");
});

test("a draft takes the place of a test, as long as it is under way, and says why there is none", async () => {
  const { of, draft, end, running } = trials();
  const first = draft(tenant("a"), "draft of a");
  await until("it runs", () => running.length === 1);
  assert.equal([await of(tenant("a"), "x"), (await draft(tenant("a"), "x")).slice(0, 3)], ["429", "429"]);
  const second = of(tenant("b"), "of b");
  end("draft of a");
  assert.is(await first, "409 there is no index.ts");
  await until("the next one runs", () => running.at(-1) === "of b");
  end("of b");
  assert.is(await second, "done");
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
