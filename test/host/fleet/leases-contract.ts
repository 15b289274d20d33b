// SPDX-License-Identifier: Apache-2.0
// What every table of leases must do. A table is one more row of leases.test.ts.
import { setTimeout as sleep } from "node:timers/promises";
import * as assert from "uvu/assert";
import type { Lease, Leases } from "../../../host/fleet/leases.js";
import { until } from "../../until.js";

/** A table, opened twice: by two hosts. */
export interface OpenedLeases {
  readonly one: Leases;
  readonly other: Leases;
}

/** What is told of a table, in order. */
class Told {
  readonly leases = new Map<number, Lease>();
  readonly hosts = new Map<string, boolean>();
  isReady = false;
  readonly #stop = new AbortController();
  readonly #watching: Promise<void>;

  constructor(leases: Leases) {
    this.#watching = leases.watch(
      {
        onLease: (lease) => this.leases.set(lease.partition, lease),
        onHost: (host, isLeft) => this.hosts.set(host, !isLeft),
        onReady: () => (this.isReady = true),
      },
      this.#stop.signal,
    );
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await this.#watching;
  }

  /** Whether it ends, in five seconds. */
  async isEnding(): Promise<boolean> {
    return Promise.race([this.end().then(() => true), sleep(5_000, false, { ref: false })]);
  }
}

/** Each part of the contract: its title, and what shows it. */
export const CONTRACT: readonly (readonly [string, (opened: OpenedLeases) => Promise<void>])[] = [
  [
    "of two hosts that make a row at once, one does",
    async ({ one, other }) => {
      const row = { partition: 3, epoch: 1, beat: 0 };
      const written = await Promise.all([one.write({ ...row, owner: "a" }, 0), other.write({ ...row, owner: "b" }, 0)]);
      assert.is(written.filter((revision) => revision !== null).length, 1);
      assert.is(await one.write({ ...row, owner: "c" }, 0), null);
    },
  ],
  [
    "a row is replaced by whoever names its revision, and by no one else",
    async ({ one, other }) => {
      const row = { partition: 4, owner: "a", epoch: 1, beat: 0 };
      const first = await one.write(row, 0);
      const second = await other.write({ ...row, owner: "b", epoch: 2 }, first as number);
      assert.ok(second !== null && second > (first as number));
      assert.is(await one.write({ ...row, beat: 1 }, first as number), null);
    },
  ],
  [
    "whoever watches is told what there is, that it is all, and what changes",
    async ({ one, other }) => {
      const empty = new Told(one);
      await until("an empty table is all", () => empty.isReady);
      const first = await other.write({ partition: 5, owner: "a", epoch: 1, beat: 0 }, 0);
      await other.live("host-a");
      await until("it is told", () => empty.leases.get(5)?.revision === first && empty.hosts.get("host-a") === true);
      const late = new Told(one);
      await until("all is told", () => late.isReady);
      assert.is(late.leases.get(5)?.owner, "a");
      assert.is(late.hosts.get("host-a"), true);
      await other.write({ partition: 5, owner: null, epoch: 1, beat: 1 }, first as number);
      await other.leave("host-a");
      await until("the change is told", () => late.leases.get(5)?.owner === null && late.hosts.get("host-a") === false);
      assert.equal(
        { ...late.leases.get(5), revision: 0 },
        { partition: 5, owner: null, epoch: 1, beat: 1, revision: 0 },
      );
      await Promise.all([empty.end(), late.end()]);
    },
  ],
  [
    "a watch ends where it is stopped before the table has answered, after, and at any moment between",
    async ({ one }) => {
      for (let wait = 0; wait < 20; wait++) {
        const told = new Told(one);
        if (wait > 0) await sleep(wait / 4);
        assert.ok(await told.isEnding(), `stopped after ${wait / 4} ms`);
      }
    },
  ],
];
