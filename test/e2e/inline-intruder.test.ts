// SPDX-License-Identifier: Apache-2.0
//
// Programs that would have others blamed for what they do: that reach for another process's ring, or record in another thread's.
// Also with: VEDETTE_ASSUME_KERNEL=5.10.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { buildFixture } from "./fixtures.js";
import { scratch } from "./programs.js";
import { type Event, trace } from "./traces.js";

const test = suite("inline intruder");

const intrude = (mode: string) =>
  trace(`intruder-${mode}`, [buildFixture("inline_intruder"), mode], { cwd: scratch(), deceives: true });

test("no call that a boot makes for itself attaches another's ring, or takes the agent's memory away", async () => {
  const { run: ended, events } = await intrude("gates");
  const refused = "Operation not permitted";
  const expected = {
    "ring by the boot": "nothing is there",
    "ring by attach": refused,
    "ring by near": refused,
    "ring as code": "Permission denied",
    "ring as code, writable": refused,
    "page where the boot was": refused,
    "page elsewhere": "done",
    "page unmapped": refused,
    "boot unmapped again": "done",
    // The boot does not look at what became of these.
    "page given away": "done",
    "ring given away": "done",
  };
  const lines = Object.entries(expected).map(([what, answer]) => `${what}: ${answer}\n`);
  assert.is(ended.stdout, `${lines.join("")}status 0\n`);
  assert.is(notices(events, "TAMPER").filter((text) => /memory was refused/.test(text)).length, 7);
  assert.is(of(events, "lseek").filter((event) => Number(event["evt.arg.fd"]) === 9001).length, 100);
});

for (const mode of ["gs_kept", "gs_back"]) {
  test(`${mode}: a thread that records in another's ring is told of, and its program is traced from then on`, async () => {
    const { run: ended, events } = await intrude(mode);
    assert.is(ended.stdout, "taken\n");
    assert.equal(notices(events, "TAMPER"), ["a thread has recorded in the ring of another"]);
    assert.equal(notices(events, "TIER_DEGRADED"), ["a thread took the GS base of another"]);
    const told = events.findIndex((event) => event["evt.arg.kind"] === "TIER_DEGRADED");
    const later = of(events.slice(told), "lseek").filter((event) => Number(event["evt.arg.fd"]) === 9200);
    assert.is(later.length, 100);
    assert.ok(later.every((event) => event["vedette.tier"] === "trace"));
  });
}

const of = (events: Event[], type: string): Event[] => events.filter((event) => event["evt.type"] === type);

function notices(events: Event[], kind: string): string[] {
  return of(events, "vedette.notice")
    .filter((event) => event["evt.arg.kind"] === kind)
    .map((event) => String(event["evt.arg.text"]));
}

test.run();
