// SPDX-License-Identifier: Apache-2.0
// Who may have a condition compiled, and when, by a clock of our own.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CONDITION_MAX, Conditions } from "../../../host/control/condition.js";
import type { Problem } from "../../../host/control/problem.js";

const open: Conditions[] = [];
test.after(async () => {
  for (const one of open) await one.close();
});
function opened(...given: ConstructorParameters<typeof Conditions>): Conditions {
  const conditions = new Conditions(...given);
  open.push(conditions);
  return conditions;
}
/** Each takes 8,192 states of an automaton: a third of a second alone, and half a minute for 80 of them. */
const COSTLY = Array.from({ length: 80 }, (_, i) => `proc.cmdline regex 'x${i}(a|b)*a(a|b){11}'`).join(" or ");

test("a tenant whose condition took long rests, and neither others nor the operator", async () => {
  let [at, step] = [0, 0];
  const conditions = opened(() => {
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
  const conditions = opened();
  const refused = (condition: string, answered?: ReadonlySet<string>) =>
    conditions
      .filterOf(null, condition, answered)
      .then(String, ({ status, message }: Problem) => `${status} ${message}`);
  assert.match(await refused("proc.name ="), /^400 The condition is wrong at column/);
  assert.match(await refused("x".repeat(CONDITION_MAX + 1)), /^400 A condition has at most 4096/);
  assert.match(await refused("proc.name = a", new Set(["proc.pid"])), /^400 .*proc\.name is not kept .* proc\.pid/);
});

test("one that takes too long is ended, and not begun again; this thread, the operator and others go on", async () => {
  let [at, step] = [0, 0];
  const conditions = opened(() => {
    at += step;
    return at;
  }, 1_000);
  await Promise.all([conditions.filterOf("a", "proc.name = a"), conditions.filterOf(null, "proc.name = a")]);
  const statusOf = (owner: string | null, condition: string): Promise<string> =>
    conditions.filterOf(owner, condition).then(
      () => "made",
      ({ status, message }: Problem) => `${status} ${message}`,
    );
  step = 1_000; // what the costly one takes, so that a rests
  let turns = 0;
  const timer = setInterval(() => turns++, 10);
  const costly = [1, 2, 3].map(() => statusOf("a", COSTLY));
  assert.is(await statusOf(null, "proc.name = b"), "made", "the operator does not wait for a tenant");
  const [first, second, third] = await Promise.all(costly);
  clearInterval(timer);
  assert.match(first!, /^400 .* takes too long to compile/);
  assert.match(second!, /^429 Your last condition took long/);
  assert.match(third!, /^429 Your other conditions are being compiled/);
  assert.ok(turns > 10, `the first thread had ${turns} turns meanwhile`);
  assert.match(await statusOf(null, COSTLY), /^400 .* takes too long/);
  assert.is(await statusOf("b", "proc.name = c"), "made", "by another thread");
});

test("one that took too long is refused for a minute, and to nobody but who asked", async () => {
  let [at, step] = [0, 0];
  const conditions = opened(() => {
    at += step;
    return at;
  }, 1_000);
  const asked = (owner: string | null, condition: string): Promise<number> =>
    conditions.filterOf(owner, condition).then(
      () => 200,
      ({ status }: Problem) => status,
    );
  step = 1_000; // what it takes, so that whoever has one compiled rests
  assert.is(await asked("a", COSTLY), 400);
  step = 0;
  assert.is(await asked("a", "proc.name = sh"), 429, "a rests");
  assert.is(await asked("a", COSTLY), 400, "it is known");
  step = 1_000;
  assert.is(await asked("b", COSTLY), 400);
  step = 0;
  assert.is(await asked("b", "proc.name = sh"), 429, "it was compiled for b, too");
  at += 60_000;
  step = 1_000;
  assert.is(await asked("a", COSTLY), 400);
  step = 0;
  assert.is(await asked("a", "proc.name = sh"), 429, "it was compiled again");
});

test("a thread that ends by itself is no mistake of who asked, and the same one may be asked again", async () => {
  const conditions = opened(undefined, 30_000);
  await conditions.filterOf(null, "proc.name = a");
  const asked = conditions.filterOf(null, COSTLY).then(
    () => "made",
    ({ status, message }: Problem) => `${status} ${message}`,
  );
  await new Promise((resolve) => setImmediate(resolve));
  await conditions.close(); // which ends the thread
  assert.match(await asked, /^503 Conditions cannot be compiled now/);
  await conditions.filterOf(null, "proc.name = b");
});

test.run();
