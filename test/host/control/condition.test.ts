// SPDX-License-Identifier: Apache-2.0
// Who may have a condition compiled, and when, by a clock of our own.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CONDITION_MAX, Conditions } from "../../../host/control/condition.js";
import type { Problem } from "../../../host/control/problem.js";

test("a tenant whose condition took long rests, and neither others nor the operator", async () => {
  let [at, step] = [0, 0];
  const conditions = new Conditions(() => {
    at += step;
    return at;
  });
  const asked = (owner: string | null): Promise<number> =>
    conditions.filterOf(owner, "proc.name = sh").then(
      () => 200,
      ({ status }: Problem) => status,
    );
  step = 250; // what each takes to compile
  assert.equal([await asked("a"), await asked("a")], [200, 200]);
  step = 1_000;
  assert.is(await asked("a"), 200);
  step = 0;
  assert.equal([await asked("a"), await asked("b"), await asked(null)], [429, 200, 200]);
  at += 3_999;
  assert.is(await asked("a"), 429);
  at += 1;
  assert.is(await asked("a"), 200);
  step = 60_000;
  assert.equal([await asked(null), await asked(null)], [200, 200]);
});

test("one that is wrong, too long, or reads what is not there is the asker's mistake", async () => {
  const conditions = new Conditions();
  const refused = (condition: string, answered?: ReadonlySet<string>) =>
    conditions
      .filterOf(null, condition, answered)
      .then(String, ({ status, message }: Problem) => `${status} ${message}`);
  assert.match(await refused("proc.name ="), /^400 The condition is wrong at column/);
  assert.match(await refused("x".repeat(CONDITION_MAX + 1)), /^400 A condition has at most 4096/);
  assert.match(await refused("proc.name = a", new Set(["proc.pid"])), /^400 .*proc\.name is not kept .* proc\.pid/);
});

test.run();
