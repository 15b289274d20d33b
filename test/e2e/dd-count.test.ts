// SPDX-License-Identifier: Apache-2.0
//
// Exact counts: dd copies 20,000 blocks, and each read and each write is recorded once, with its size, on its
// file. dd's own report is the oracle.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Event, summary, trace } from "./traces.js";

const COUNT = 20_000;
const DD = ["dd", "if=/dev/zero", "of=/dev/null", "bs=512", `count=${COUNT}`];

function transfers(events: Event[], type: string, name: string): Event[] {
  return events.filter((event) => event["evt.type"] === type && event["fd.name"] === name);
}

test("dd of 20,000 blocks is exactly 20,000 reads and 20,000 writes of 512 bytes", async () => {
  const { run, events } = await trace("dd-count", DD);
  assert.is(run.status, 0);
  assert.match(run.stderr, `${COUNT}+0 records in\n${COUNT}+0 records out`);
  for (const [type, name] of [
    ["read", "/dev/zero"],
    ["write", "/dev/null"],
  ] as const) {
    const made = transfers(events, type, name);
    assert.is(made.length, COUNT, `${type}s of ${name}`);
    assert.is(made.filter((event) => event["evt.rawres"] === 512).length, COUNT, `${type}s that moved 512 bytes`);
    assert.is(
      made.filter((event) => Number(event["evt.arg.size"]) === 512).length,
      COUNT,
      `${type}s that asked for 512 bytes`,
    );
  }
});

test("events are numbered without a gap, and time does not run backwards in a thread", async () => {
  const { events } = await trace("dd-order", DD);
  const numbers = events.map((event) => Number(event["evt.num"]));
  assert.ok(numbers.every((number, index) => index === 0 || number === numbers[index - 1]! + 1));
  const last = new Map<unknown, bigint>();
  for (const event of events) {
    const time = BigInt(String(event["evt.time"]));
    assert.ok(time >= (last.get(event["thread.tid"]) ?? 0n), `time runs backwards at event ${event["evt.num"]}`);
    last.set(event["thread.tid"], time);
  }
});

test("the summary counts the same, and nothing is lost", async () => {
  const { run, summary: counted } = await summary(DD);
  assert.is(run.status, 0);
  assert.ok(counted.calls.read!.count >= COUNT);
  assert.ok(counted.calls.write!.count >= COUNT);
  assert.is(counted.lost, 0);
});

test.run();
