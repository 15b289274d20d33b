// SPDX-License-Identifier: Apache-2.0
// When a host of a pool is of no use: the table of leases does not answer, or it gets no partition although
// one has no owner. Time is the test's own; the store's part, with real servers, is in judge.test.ts.
import { setImmediate as turn } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { LeasePool, TIMING } from "../../../host/fleet/lease-pool.js";
import { PoolHealth, UNWELL_MS } from "../../../host/fleet/pool-health.js";
import { MemoryLeases, SharedLeases } from "./memory-leases.js";

/** A host that may say that it lives, and may have no partition. */
class Refused extends MemoryLeases {
  isRefused = true;

  override async write(...[row, revision]: Parameters<MemoryLeases["write"]>): Promise<number | null> {
    return this.isRefused ? null : super.write(row, revision);
  }
}

function hostOf(leases: MemoryLeases) {
  let now = 1_000;
  const stop = new AbortController();
  const pool = new LeasePool({
    ...{ leases, host: "a", partitions: 2, now: () => now, say: () => undefined },
    timing: { ...TIMING, look: 2 ** 31 - 1 },
    handlers: { onTaken: () => undefined, onReturn: async () => undefined, onLost: () => undefined },
  });
  const running = pool.run(stop.signal);
  return {
    health: new PoolHealth(pool, () => now),
    pool,
    pass: async (ms: number): Promise<void> => {
      for (const end = now + ms; now < end; now += 250) {
        pool.look();
        for (let i = 0; i < 5; i++) await turn();
      }
    },
    end: async (): Promise<void> => {
      stop.abort();
      await running;
    },
  };
}

test("a host that has its part is well; cut off from the table it is not, until it is reached again", async () => {
  const leases = new MemoryLeases(new SharedLeases());
  const { health, pool, pass, end } = hostOf(leases);
  await pass(3 * UNWELL_MS);
  assert.equal([health.problem, pool.held.size], [null, 2]);
  leases.setCut(true);
  await pass(UNWELL_MS - 2_000);
  assert.is(health.problem, null);
  await pass(4_000);
  assert.match(health.problem ?? "", /^the bus has not answered for 1\d s$/);
  leases.setCut(false);
  await pass(UNWELL_MS);
  assert.is(health.problem, null);
  await end();
});

test("a host that can have no partition although one has no owner is unwell, until it gets one", async () => {
  const shared = new SharedLeases();
  const leases = new Refused(shared);
  const { health, pass, end } = hostOf(leases);
  await pass(UNWELL_MS + 4_000);
  assert.match(health.problem ?? "", /^this host has had no partition, and one has no owner, for 1\d s$/);
  const other = hostOf(new MemoryLeases(shared));
  for (let i = 0; i < 60; i++) {
    await other.pass(250);
    await pass(250);
  }
  assert.is(other.pool.held.size > 0, true);
  leases.isRefused = false;
  await pass(2_000);
  assert.is(health.problem, null);
  await Promise.all([end(), other.end()]);
});

test.run();
