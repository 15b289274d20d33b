// SPDX-License-Identifier: Apache-2.0
// Receivers that are there and slow, one by one for each output that has a network: one that takes a byte
// now and then, one that takes everything and never answers, one whose answer never ends, and one that
// answers more slowly than findings come. Of each the same is asked: another output is not delayed, what has
// no room is counted by its reason while that happens, and when the receiver is well again it has every
// finding that was taken, each by one name, however often it came.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findingId } from "../../../host/finding/finding.js";
import { Backlog } from "../../../host/output/backlog.js";
import type { Carrier } from "../../../host/output/output.js";
import { RECEIVER_LIMITS } from "../../../host/output/registry.js";
import { until } from "../../until.js";
import { KINDS, type Manner, SHORT_MS } from "./receivers.js";
import { CONNECT, FINDING } from "./shared.js";

const MANNERS: readonly Manner[] = [
  "takes a byte now and then",
  "never answers",
  "never ends its answer",
  "answers slowly",
];
/** So many may wait; and so many findings come, unless the kernel takes more for a receiver that is slow. */
const ROOM = 60;
const FINDINGS_MAX = 20_000;

/** An output that takes all at once, as another one beside the slow one. */
function other(): Backlog {
  const carrier: Carrier = { send: () => Promise.resolve({ outcome: "done" }), close: () => undefined };
  const limits = { ...RECEIVER_LIMITS, count: FINDINGS_MAX, batchCount: 1000 };
  return new Backlog({ name: "other", kind: "http", carrier, limits, text: String, onFault: () => undefined });
}

for (const [kind, open] of Object.entries(KINDS)) {
  // Syslog has no answers.
  for (const manner of kind.startsWith("syslog") ? MANNERS.slice(0, 1) : MANNERS) {
    test(`${kind}: a receiver that ${manner} delays no other output, and loses nothing that was taken`, async () => {
      const there = await open(SHORT_MS);
      const faults: string[] = [];
      const queue = new Backlog({
        ...{ name: "slow", kind, carrier: there.carrier, text: there.text },
        limits: { ...RECEIVER_LIMITS, retryMs: 5, retryMsMax: 50, count: ROOM, ...there.limits },
        onFault: ({ code }) => faults.push(code),
      });
      const quick = other();
      there.slow.manner = manner;
      const accepted: string[] = [];
      let came = 0;
      const isFull = (): boolean => queue.stats().dropped.full > ROOM;
      // They come faster than the receiver takes them, until some have had no room.
      while (!isFull() && came < FINDINGS_MAX) {
        const finding = { ...FINDING, tid: came++ };
        const before = queue.lost;
        queue.write({ ...CONNECT, finding });
        quick.write({ ...CONNECT, finding });
        if (queue.lost === before) accepted.push(findingId(finding));
        if (came % 20 === 0) await new Promise((done) => setImmediate(done));
      }
      assert.ok(isFull(), `${came} findings had room`);
      await until("the other output has all", () => quick.stats().sent === came);
      // Where we had no turn for long, it may have been stuck, and well again, before the receiver was slow.
      if (manner !== "answers slowly") await until("it is told", () => faults.length > 0 && queue.health() !== null);
      const { dropped } = queue.stats();
      assert.equal({ ...dropped, full: 0 }, { full: 0, refused: 0, closed: 0, damaged: 0 });
      assert.is(dropped.full, came - accepted.length, "each drop is counted, while it happens");
      there.slow.manner = "well";
      await until("all are there", () => queue.stats().queued === 0 && there.names().length >= accepted.length);
      await Promise.all([queue.close(), quick.close(), there.slow.close()]);
      await there.close();
      assert.equal([...new Set(there.names())].sort(), accepted.sort());
      assert.is(queue.stats().sent, accepted.length);
    });
  }
}

test.run();
