// SPDX-License-Identifier: Apache-2.0
// The identity of losses, of one agent: its highest evt.num is what was judged, what it says it lost, and
// what is counted as missing, whatever it sheds and whatever is dropped on the way, by chance.
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { ForwardedBatch } from "../../../host/fleet/block.js";
import { Positions } from "../../../host/fleet/positions.js";
import { decodeSnapshot, encodeSnapshot } from "../../../host/fleet/snapshot.js";
import { openBatch } from "../../../host/wire/batch.js";
import { BatchBuilder } from "../../../host/wire/builder.js";

/** What an agent does: a batch of so many events, in which it sheds so many more. */
interface Step {
  readonly events: number;
  readonly shed: number;
  /** `agent`: it does not fit into its spool, and is counted. `bus`: nobody counts it. */
  readonly dropped: "agent" | "bus" | null;
  /** Another host goes on behind it. */
  readonly isHandedOver: boolean;
}

function batchOf(seq: number, first: number, events: number, lost: number): ForwardedBatch {
  const builder = new BatchBuilder({ source: Buffer.alloc(16, 7), seq, first, clock: 1n, lost: [lost] });
  const process = builder.process({ pid: 1, name: "cat" });
  for (let i = 0; i < events; i++)
    builder.record("openat", { process, tid: 1, result: 3, params: { dirfd: -100, name: "/x", flags: 0 } });
  return { batch: openBatch(builder.bytes()), count: events, numbers: null };
}

/** As the agent's recorder (capture/agent/recorder.cc): the gap of what is shed stands behind the batch. */
function run(steps: readonly Step[]) {
  let positions = new Positions();
  const sums = { highest: 0, judged: 0, lost: 0, missing: 0 };
  let [next, lost] = [1, 0];
  for (const [i, { events, shed, dropped, isHandedOver }] of steps.entries()) {
    lost += shed;
    const batch = batchOf(i + 1, next, events, lost);
    if (dropped === null) {
      const { fresh, missing } = positions.take("s", "t", [batch], i);
      sums.judged += fresh.reduce((sum, { count }) => sum + count, 0);
      sums.missing += missing.reduce((sum, one) => sum + one.events, 0);
      Object.assign(sums, { highest: next + events - 1, lost });
    }
    if (dropped === "agent") lost += events;
    next += events + shed;
    if (!isHandedOver) continue;
    const { bytes } = encodeSnapshot({ sources: [...positions.entries()], memories: [], limits: [] });
    positions = new Positions(decodeSnapshot(bytes)!.sources);
  }
  return sums;
}

const step = fc.record({
  events: fc.integer({ min: 1, max: 9 }),
  shed: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 9 })),
  dropped: fc.constantFrom("agent" as const, "bus" as const, null, null),
  isHandedOver: fc.boolean(),
});
const CLEAN: Step = { events: 3, shed: 0, dropped: null, isHandedOver: false };

test("what an agent says it lost inside a hole is not counted as missing, too", () => {
  const shedding = { ...CLEAN, shed: 5 };
  const [agent, bus] = (["agent", "bus"] as const).map((dropped) => ({ ...CLEAN, dropped }));
  assert.equal(run([CLEAN, agent!, CLEAN, CLEAN]), { highest: 12, judged: 9, lost: 3, missing: 0 });
  assert.equal(run([CLEAN, bus!, CLEAN, CLEAN]), { highest: 12, judged: 9, lost: 0, missing: 3 });
  assert.equal(run([shedding, bus!, shedding, CLEAN]), { highest: 22, judged: 9, lost: 10, missing: 3 });
});

test("the highest evt.num is what was judged, what the agent lost and what is missing, whatever happens", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      const { highest, judged, lost, missing } = run([CLEAN, ...steps, CLEAN, CLEAN]);
      assert.is(judged + lost + missing, highest);
    }),
    { numRuns: 500 },
  );
});

test.run();
