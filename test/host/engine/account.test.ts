// SPDX-License-Identifier: Apache-2.0
// What a tenant earns and spends, and which worker it sits at.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Account } from "../../../host/engine/account.js";
import { workerOf } from "../../../host/engine/placement.js";
import { processors, workersFor } from "../../../host/engine/processors.js";

const MS = 1e6;

test("who takes a hundredth of what it earns is good for ever; who takes more is heavy, then overspent", () => {
  const standings = (ns: number): string[] => {
    const account = Account.open(0);
    return Array.from({ length: 1000 }, (_, i) => account.settle(8 * i, 100, ns));
  };
  assert.equal(new Set(standings(0.015 * MS)), new Set(["good"]));
  const heavy = standings(1 * MS); // 1.5 ms is earned
  assert.is(heavy.indexOf("heavy"), 156); // 40 ms of reserve for 0.25 ms a batch, less what the first could not earn
  assert.not.ok(heavy.includes("overspent"));
  assert.is(standings(2 * MS).indexOf("overspent"), 156); // 80 ms for 0.5 ms
});

test("a batch earns once, however many policies judge it, in whichever worker", () => {
  const account = Account.open(0);
  const elsewhere = new Account(account.memory);
  let spent = 0;
  for (let i = 0; ; i++) {
    const ends = [account, elsewhere].map((one) => one.settle(8 * i, 0, 1 * MS));
    spent += 2;
    if (ends.includes("overspent")) break;
  }
  assert.is(spent, 158); // 80 ms of reserve, each batch costs 2 ms and, after the first, earns one
});

test("an account forgets nothing when positions wrap, and what a batch cost is that batch's", () => {
  const begin = 0xffffffff - 16;
  const account = Account.open(begin | 0);
  for (let i = 0; i < 1000; i++) assert.is(account.settle((begin + 8 * i) | 0, 100, 0.1 * MS), "good");
  account.charge(8, 3 * MS);
  account.charge(8, 4 * MS);
  assert.equal([account.spentOn(8), account.spentOn(16)], [7 * MS, 0]);
  account.charge(16, MS);
  assert.equal([account.spentOn(8), account.spentOn(16)], [0, MS]);
});

test("an overspent account begins again with half a reserve", () => {
  const account = Account.open(0);
  assert.is(account.settle(8, 0, 500 * MS), "overspent");
  account.pardon();
  assert.is(account.settle(16, 0, 30 * MS), "good");
  assert.is(account.settle(24, 0, 10.6 * MS), "heavy");
});

test("a tenant's worker depends on its name alone, and another count moves few", () => {
  const names = Array.from({ length: 1000 }, (_, i) => `team-${i}`);
  for (const count of [2, 3, 4]) {
    const homes = names.map((name) => workerOf(name, count));
    assert.equal(
      homes,
      names.map((name) => workerOf(name, count)),
    );
    for (let worker = 0; worker < count; worker++) {
      const share = homes.filter((home) => home === worker).length / names.length;
      assert.ok(Math.abs(share - 1 / count) < 0.06, `worker ${worker} of ${count} has ${share}`);
    }
    const moved = names.filter((name, i) => workerOf(name, count + 1) !== homes[i]);
    assert.ok(
      moved.every((name) => workerOf(name, count + 1) === count),
      "who moves goes to the new worker",
    );
  }
  assert.is(workerOf("anybody", 1), 0);
});

test("workers are half of the processors that are ours, by the quota and by what ECS says", () => {
  const root = mkdtempSync(join(tmpdir(), "vedette-cgroup-"));
  const seen = availableParallelism();
  try {
    assert.is(processors(null, root), seen);
    writeFileSync(join(root, "cpu.max"), "max 100000\n");
    assert.is(processors(null, root), seen);
    writeFileSync(join(root, "cpu.max"), "25000 100000\n");
    assert.is(processors(null, root), 0.25);
    assert.is(processors(0.125, root), 0.125);
    rmSync(join(root, "cpu.max"));
    mkdirSync(join(root, "cpu"));
    writeFileSync(join(root, "cpu/cpu.cfs_quota_us"), "-1\n");
    writeFileSync(join(root, "cpu/cpu.cfs_period_us"), "100000\n");
    assert.is(processors(null, root), seen);
    writeFileSync(join(root, "cpu/cpu.cfs_quota_us"), "50000\n");
    assert.is(processors(null, root), 0.5);
  } finally {
    rmSync(root, { recursive: true });
  }
  assert.equal([0.25, 1, 2, 3.9, 4, 8, 64].map(workersFor), [1, 1, 1, 1, 2, 4, 4]);
});

test.run();
