// SPDX-License-Identifier: Apache-2.0
//
// When an agent counts as silent, by a clock of the test's, and when readers of the ring count as stuck.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Heartbeat } from "../../../host/capture/heartbeat.js";
import { RingReader } from "../../../host/capture/ring.js";
import { Feed } from "../../../host/engine/feed.js";
import { Progress } from "../../../host/engine/progress.js";
import { openBatch } from "../../../host/wire/batch.js";
import { BatchBuilder } from "../../../host/wire/builder.js";

function watched() {
  const state = { now: 0, silentMs: 0 };
  const told: string[] = [];
  const counts = { batches: 0, records: 0, bytes: 0, missingBatches: 0, missingRecords: 0, futureTimes: 0 };
  const heartbeat = new Heartbeat(
    {
      counts: () => ({ ...counts, silentMs: state.silentMs }),
      onSilent: () => void told.push("silent"),
      onHeard: () => void told.push("heard"),
    },
    () => state.now,
  );
  const pass = (ms: number, silence: number): void => {
    state.now += ms;
    state.silentMs = silence;
    heartbeat.look([1]);
  };
  return { pass, told, heartbeat };
}

test("silence is told once, after five seconds, and again when it ends", () => {
  const { pass, told } = watched();
  for (let ms = 500; ms <= 4_500; ms += 500) pass(500, ms);
  assert.equal(told, []);
  for (let ms = 5_000; ms <= 9_000; ms += 500) pass(500, ms);
  assert.equal(told, ["silent"]);
  pass(500, 0);
  assert.equal(told, ["silent", "heard"]);
});

test("time in which the host itself stood still is nobody's silence", () => {
  const { pass, told } = watched();
  pass(500, 400);
  pass(60_000, 60_000);
  for (let ms = 500; ms <= 4_500; ms += 500) pass(500, 60_000 + ms);
  assert.equal(told, []);
  pass(500, 65_000);
  assert.equal(told, ["silent"]);
});

test("an agent that has left is forgotten", () => {
  const { pass, told, heartbeat } = watched();
  for (let ms = 500; ms <= 5_500; ms += 500) pass(500, ms);
  heartbeat.look([]);
  pass(500, 0);
  assert.equal(told, ["silent"]);
});

test("a reader that has something to read and does not move is stuck; one that has nothing is not", () => {
  const feed = new Feed(1 << 20);
  const reader = feed.reader();
  let now = 0;
  const progress = new Progress(feed.ring, [reader], () => now);
  now = 10_000;
  assert.is(progress.stuck(), 0, "there is nothing to read");
  feed.offer(openBatch(new BatchBuilder({ clock: 1n }).bytes()));
  assert.is(progress.stuck(), 0);
  now += 1_600;
  assert.is(progress.stuck(), 1);
  const reading = new RingReader(feed.ring, reader);
  reading.next(0);
  reading.release();
  assert.is(progress.stuck(), 0);
});

test.run();
