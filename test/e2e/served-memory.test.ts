// SPDX-License-Identifier: Apache-2.0
//
// Memory whose faults the program serves itself may keep an instruction waiting for ever. The agent, which
// has one thread, does not wait with it. Part of row G9 of docs/threat-model.md; the rest is in
// test/attacks/waits.test.ts.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { buildFixture } from "./fixtures.js";
import { scratch } from "./programs.js";
import { type Event, notices, ofType, type Traced, trace } from "./traces.js";

const test = suite("served memory");
const WAITS = "an instruction that was moved waits for memory that the program serves itself";

const watched = (aim: string): Promise<Traced> =>
  trace(`served-memory-${aim}`, [buildFixture("served_memory"), aim], { cwd: scratch(), limitMs: 30_000 });
const marks = (events: Event[]): Event[] =>
  ofType(events, "lseek").filter((event) => Number(event["evt.arg.fd"]) === 9100);

test("a moved instruction that waits for such memory does not hold the agent up, and is told of", async () => {
  const { run, events } = await watched("fault");
  // The memory is served only when another process has made calls, and the agent has let it.
  assert.is(run.stdout, "served: yes\nresult: -9\nsignal: handled\nend: reached\n");
  assert.is(marks(events).length, 10);
  assert.equal(notices(events, "TIER_DEGRADED"), [WAITS]);
});

test("the same instruction on memory that is there is nothing to tell of", async () => {
  const { run, events } = await watched("calm");
  assert.is(run.stdout, "result: -9\nsignal: handled\nend: reached\n");
  assert.is(marks(events).length, 10);
  assert.equal(notices(events, "TIER_DEGRADED"), []);
});

test.run();
