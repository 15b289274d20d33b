// SPDX-License-Identifier: Apache-2.0
// What every place of snapshots must do (host/fleet/snapshots.ts). A place is one more row of
// snapshots.test.ts.
import * as assert from "uvu/assert";
import type { SnapshotRow, Snapshots } from "../../../host/fleet/snapshots.js";

/** A place, opened twice: by two hosts. */
export interface OpenedSnapshots {
  readonly one: Snapshots;
  readonly other: Snapshots;
}

const ROW: SnapshotRow = { epoch: 1, seq: 7, object: null, tries: 1, trying: null };
const textOf = async (place: Snapshots, name: string): Promise<string | undefined> =>
  (await place.get(name))?.toString();

/** Each part of the contract: its title, and what shows it. */
export const CONTRACT: readonly (readonly [string, (opened: OpenedSnapshots) => Promise<void>])[] = [
  [
    "a partition that nobody wrote has no row, and of two hosts that make it at once, one does",
    async ({ one, other }) => {
      assert.equal(await one.row(3), { row: null, revision: 0 });
      const written = await Promise.all([one.write(3, ROW, 0), other.write(3, { ...ROW, epoch: 2 }, 0)]);
      const taken = written.filter((revision) => revision !== null);
      assert.is(taken.length, 1);
      assert.is((await other.row(3)).revision, taken[0]);
    },
  ],
  [
    "a row is read as it was written, by everybody",
    async ({ one, other }) => {
      const sha256 = "0".repeat(64);
      const name = await one.put(4, 9, 1, Buffer.from("x"));
      const row: SnapshotRow = { epoch: 9, seq: 8, object: { name, sha256 }, tries: 2, trying: { seq: 9, count: 1 } };
      const revision = await one.write(4, row, 0);
      assert.equal(await other.row(4), { row, revision });
      assert.equal(await one.row(5), { row: null, revision: 0 });
    },
  ],
  [
    "a row is replaced by whoever names its revision, and by no one else",
    async ({ one, other }) => {
      const first = await one.write(5, ROW, 0);
      const second = await other.write(5, { ...ROW, epoch: 2 }, first as number);
      assert.ok(second !== null && second > (first as number));
      assert.is(await one.write(5, { ...ROW, seq: 99 }, first as number), null);
      assert.is(await one.write(5, ROW, 0), null);
      assert.equal(await one.row(5), { row: { ...ROW, epoch: 2 }, revision: second });
    },
  ],
  [
    "an object is given back whole: an empty one, and one that is longer than a message may be",
    async ({ one, other }) => {
      for (const [which, size] of [
        [0, 0],
        [1, (3 << 20) + 17],
      ] as const) {
        const bytes = Buffer.alloc(size, "vedette");
        const name = await one.put(6, 1, which, bytes);
        assert.is((await other.get(name))?.equals(bytes), true, `${size} bytes`);
      }
      assert.is(await one.get("s.6.77.0:1"), null);
    },
  ],
  [
    "an epoch has two objects: one is written anew while the other stays",
    async ({ one, other }) => {
      const [a, b] = [await one.put(7, 1, 0, Buffer.from("a")), await one.put(7, 1, 1, Buffer.from("b"))];
      assert.is.not(a, b);
      const again = await one.put(7, 1, 0, Buffer.from("c"));
      assert.equal([await textOf(other, again), await textOf(other, b)], ["c", "b"]);
    },
  ],
  [
    "earlier epochs' objects of one partition are swept, and no others",
    async ({ one, other }) => {
      const put = (partition: number, epoch: number): Promise<string> =>
        one.put(partition, epoch, 0, Buffer.from(`${partition} ${epoch}`));
      const names = await Promise.all([put(8, 1), put(8, 2), put(8, 3), put(8, 10), put(9, 1), put(88, 1)]);
      await other.sweep(8, 3);
      const there = await Promise.all(names.map((name) => textOf(one, name)));
      assert.equal(there, [undefined, undefined, "8 3", "8 10", "9 1", "88 1"]);
    },
  ],
];
