// SPDX-License-Identifier: Apache-2.0
// The small parts of the engine, each alone: who is blamed, who rests how long, who may raise how many
// alerts.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { SharedBounds } from "../../../host/engine/bounds.js";
import { WorkerControl } from "../../../host/engine/control.js";
import { globMatches } from "../../../host/engine/glob.js";
import { AlertLimiter, ContainerBuckets } from "../../../host/engine/limiter.js";
import { Quarantine } from "../../../host/engine/quarantine.js";
import { Watchdog } from "../../../host/engine/watchdog.js";
import { policyOf } from "./shared.js";

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const SECOND = 1_000_000_000n;

test("a call that stays is told once, with its policy; one that returns is not", async () => {
  const told: [number, number][] = [];
  const watchdog = new Watchdog(50, (_control, id, epoch) => void told.push([id, epoch]));
  const [stuck, busy] = [new WorkerControl(), new WorkerControl()];
  watchdog.watch(stuck);
  watchdog.watch(busy);
  stuck.enter(7);
  // No thread is named, so what counts is what this process runs: it does not only wait.
  for (let i = 0; i < 30; i++) {
    busy.enter(3);
    for (const begun = performance.now(); performance.now() - begun < 10; );
    await pause(2);
    busy.leave();
  }
  watchdog.stop();
  assert.equal(told, [[7, stuck.epoch]]);
});

test("a thread that does not run is not blamed for the time that passes", async () => {
  const told: number[] = [];
  // Far from the twenty budgets after which whoever stays is blamed, also where a busy machine lets us wait.
  const watchdog = new Watchdog(300, (_control, id) => void told.push(id));
  const idle = new WorkerControl();
  // A thread that sleeps: this process's own first thread does, while we wait; its time is what the kernel
  // says.
  idle.thread = process.pid;
  watchdog.watch(idle);
  idle.enter(1);
  await pause(900);
  watchdog.stop();
  assert.equal(told, []);
});

test("a batch at one position is at hand once, and what is done is done for that one", () => {
  const control = new WorkerControl();
  control.begin(5);
  control.finish(2);
  assert.ok(control.isUnderway(5));
  control.begin(5);
  assert.is(control.done, 3, "a new worker goes on where the old one was");
  assert.not(control.isUnderway(9));
  control.begin(9);
  assert.is(control.done, 0);
  assert.is(control.batch, 2);
});

test("each rest is twice as long as the one before, up to five minutes, and good conduct is remembered", () => {
  const quarantine = new Quarantine(() => undefined);
  const rests: number[] = [];
  let now = 1_000_000;
  for (let i = 0; i < 11; i++) {
    const wait = quarantine.add(1, now);
    rests.push(wait);
    quarantine.release(1);
    now += wait + 1;
  }
  assert.equal(
    rests,
    [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300].map((seconds) => seconds * 1000),
  );
  assert.is(quarantine.add(1, now + 700_000), 1000);
  assert.is(quarantine.has(1), true);
  quarantine.clear();
  assert.is(quarantine.has(1), false);
});

test("a rule may raise a burst and then so many a minute, by the events' own time", () => {
  const limiter = new AlertLimiter({ burst: 3, perMinute: 60 });
  const at = (second: number) => BigInt(1_700_000_000 + second) * SECOND;
  const raised = (second: number, times: number) =>
    Array.from({ length: times }, () => limiter.allows(0, at(second))).filter(Boolean).length;
  assert.equal([raised(0, 5), raised(1, 5), raised(2, 1), raised(60, 5)], [3, 1, 1, 3]);
  assert.is(limiter.allows(1, at(60)), true, "each rule has its own");
  assert.equal(limiter.tell(at(60)), [{ rule: 0, container: "", count: 8 }]);
  assert.is(limiter.allows(0, at(60)), false);
  assert.equal(limiter.tell(at(61)), [], "once a minute");
  assert.equal(limiter.tell(at(61), true), [{ rule: 0, container: "", count: 1 }], "and at the end");
});

test("all rules of a tenant together may raise a burst and then so many a minute", () => {
  const all = new ContainerBuckets({ burst: 5, perMinute: 60 });
  const policies = [0, 1].map(() => new AlertLimiter({ burst: 4, perMinute: 6000 }, all));
  const raised = (second: number) =>
    policies.map((limiter) =>
      [0, 1].map(
        (rule) => [1, 2, 3].filter(() => limiter.allows(rule, BigInt(1_700_000_000 + second) * SECOND)).length,
      ),
    );
  assert.equal(raised(0), [
    [3, 2],
    [0, 0],
  ]);
  assert.equal(
    raised(1)
      .flat(2)
      .reduce((sum, one) => sum + one),
    1,
  );
  assert.equal(policies[1]?.tell(BigInt(1_700_000_100) * SECOND, true), [
    { rule: 0, container: "", count: 6 },
    { rule: 1, container: "", count: 6 },
  ]);
});

test("a tenant's log lines are bounded by the batch and the minute, and those before are told of", async () => {
  const bounds = new SharedBounds(await policyOf("talking"));
  const at = (second: number) => BigInt(1_700_000_000 + second) * SECOND;
  let said = 0;
  for (let batch = 0; batch < 20; batch++) {
    bounds.begin(batch);
    const lines = Array.from({ length: 12 }, (_, i) => bounds.line(`${i}`, at(0))).filter((line) => line !== null);
    assert.ok(lines.length <= 10);
    said += lines.length;
  }
  assert.is(said, 60);
  bounds.begin("another"); // of 180 ten were told of on the way
  assert.is(bounds.line("hello", at(1)), "(170 lines before this were too many) hello");
});

test("globs of tenants", () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ["*", "", true],
    ["a*c", "abbbc", true],
    ["a*c", "abbbd", false],
    ["a?c", "abc", true],
    ["a?c", "ac", false],
    ["*/nginx:*", "registry/nginx:1.2", true],
    ["nginx", "nginx:1", false],
    ["*a*a*a*b", "a".repeat(5000), false],
    ["", "", true],
    ["", "a", false],
  ];
  for (const [pattern, text, expected] of cases)
    assert.is(globMatches(pattern, text), expected, `${pattern} on ${text.slice(0, 20)}`);
});

test.run();
