// SPDX-License-Identifier: Apache-2.0
// A tenant that goes to the slow worker while that worker is far behind. The slow worker's reader is
// overtaken before it comes to the place where the tenant left. What the tenant's policies judged before they
// left was not missed.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openReader } from "../../../host/capture/ring.js";
import { Account } from "../../../host/engine/account.js";
import { missedBetween } from "../../../host/engine/control.js";
import { Feed } from "../../../host/engine/feed.js";
import type { Place, Report, Seat } from "../../../host/engine/messages.js";
import type { LoadedPolicy } from "../../../host/engine/policy.js";
import { Post } from "../../../host/engine/post.js";
import { Tally } from "../../../host/engine/tally.js";
import { openBatch } from "../../../host/wire/batch.js";
import { BatchBuilder } from "../../../host/wire/builder.js";
import { cleanUp } from "../../rules-wasm/shared.js";
import { policyOf } from "./shared.js";

const RING_BYTES = 1 << 20;
const BATCH_BYTES = 64 << 10;
/** So many batches are more than twice what the ring holds. */
const TWICE_THE_RING = (2 * RING_BYTES) / BATCH_BYTES;
const NOBODY_IS_HELD_BACK = { burst: 1e9, perMinute: 1e9 };

async function seatOf(id: number, tenant: string): Promise<Seat> {
  const tenancy = {
    tenant,
    scope: { containers: [], images: [], families: [], uids: [], executables: [] },
    alerts: NOBODY_IS_HELD_BACK,
    bounds: { usPerEvent: 1e6, alerts: NOBODY_IS_HELD_BACK, logLinesPerMinute: 60 },
  };
  const policy: LoadedPolicy = { ...(await policyOf(tenant)), tenancy };
  const account = Account.open(0, tenancy.bounds.usPerEvent).memory;
  return { id, policy, tally: new Tally().memory, account, keep: null, from: null, limits: null };
}

/** An ordinary worker and a slow one at one ring, and what they report. */
class Pair {
  readonly feed = new Feed(RING_BYTES);
  readonly reports: Report[] = [];
  readonly ordinary = this.#post(this.feed.reader(), false);
  readonly slow = this.#post(openReader(this.feed.ring, false), true);
  #seq = 0;

  static async start(ordinary: Seat, slow: Seat): Promise<Pair> {
    const pair = new Pair();
    for (const [post, seat] of [
      [pair.ordinary, ordinary],
      [pair.slow, slow],
    ] as const) {
      post.seats.set(seat.id, seat);
      await post.start({ containers: new Map(), subjects: new Map() }, () => true);
    }
    return pair;
  }

  async put(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const builder = new BatchBuilder({ seq: ++this.#seq, first: this.#seq });
      const process = builder.process({ pid: 7, name: "cat" });
      builder.record("openat", { process, result: -1, params: { dirfd: -100, name: "/x", flags: 0 } });
      for (let bytes = 0; bytes < BATCH_BYTES; bytes += 4096)
        builder.record("write", { process, params: { data: Buffer.alloc(4096, `${this.#seq} ${bytes};`) } });
      await this.feed.put(openBatch(builder.bytes()));
    }
  }

  async until(condition: () => boolean): Promise<void> {
    for (let i = 0; i < 4000 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.ok(condition(), "it came about within 20 s");
  }

  judged(id: number): number {
    return this.reports.filter((report) => report.kind === "judged" && report.id === id).length;
  }

  missed(id: number): number {
    return this.reports.reduce(
      (sum, report) => (report.kind === "behind" && report.id === id ? sum + report.batches : sum),
      0,
    );
  }

  async end(): Promise<void> {
    this.feed.close();
    await this.until(() => this.ordinary.isEnded && this.slow.isEnded);
    await Promise.all([this.ordinary.stop(), this.slow.stop()]);
  }

  #post(reader: number, isSlow: boolean): Post {
    return new Post({
      ring: this.feed.ring,
      reader,
      isSlow,
      isReplay: false,
      limits: "host",
      budgetMs: 10_000,
      onReport: (post, report) => {
        this.reports.push(report);
        if (report.kind === "done") post.confirm(report);
        if (report.kind === "ended") post.end();
      },
      onGone: (_post, cause) => Promise.reject(cause),
    });
  }
}

test("who comes to a slow worker that is overtaken is told what it missed, not what it judged before", async () => {
  const [going, staying] = [await seatOf(0, "going"), await seatOf(1, "staying")];
  const pair = await Pair.start(going, staying);
  await pair.put(3);
  await pair.until(() => pair.judged(1) === 3);
  const at = await pair.slow.hold(); // it is slow: until it goes on, it is overtaken
  await pair.put(TWICE_THE_RING);
  const left: Place = await pair.ordinary.leave([0], at);
  await pair.put(TWICE_THE_RING);
  await pair.slow.take([{ ...going, from: left }]);
  await pair.put(5);
  await pair.end();
  const sent = 3 + 2 * TWICE_THE_RING + 5;
  for (const id of [0, 1]) assert.is(pair.judged(id) + pair.missed(id), sent, `policy ${id}: judged and missed`);
  assert.ok(pair.missed(0) > 0 && pair.missed(0) < pair.missed(1), `${pair.missed(0)} and ${pair.missed(1)} missed`);
});

test("what lies between two numbers was missed, whatever wraps, and nothing is known without a number", () => {
  assert.is(missedBetween([0, 0], 9), 0);
  assert.is(missedBetween([4, 0], 9), 4);
  assert.is(missedBetween([4, 7], 9), 1);
  assert.is(missedBetween([12], 9), 0);
  assert.is(missedBetween([2 ** 32 - 1], 3), 3);
});

test.after(cleanUp);
test.run();
