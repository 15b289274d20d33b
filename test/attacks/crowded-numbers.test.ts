// SPDX-License-Identifier: Apache-2.0
//
// A read is told of the file that its number meant when it was made, also where a hundred threads have rings,
// and whoever gives the number to another file has none and stops. Both share a table of descriptors, as
// threads do, or as two processes that clone(2) has made with CLONE_FILES.
// Also with: VEDETTE_TEST_TIERS=trace.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Event, ofType } from "../e2e/traces.js";
import { answersOf, attack, control } from "./attack.js";

const ROUNDS = 200;
const FILES: Readonly<Record<string, string>> = { "3": "first", "5": "second" }; // by the size of a read

/** What the program's reads were told of: `3 first`, so many times. */
function toldReads(events: readonly Event[]): Record<string, number> {
  const told: Record<string, number> = {};
  for (const event of ofType(events, "read")) {
    const size = String(event["evt.rawres"]);
    if (String(event["proc.name"]) !== "crowded_numbers" || FILES[size] === undefined) continue;
    const key = `${size} ${String(event["fd.name"]).split("/").at(-1)}`;
    told[key] = (told[key] ?? 0) + 1;
  }
  return told;
}

const RIGHT = Object.fromEntries(Object.entries(FILES).map(([size, name]) => [`${size} ${name}`, ROUNDS]));

for (const who of ["threads", "processes"])
  test(`I21: among many ${who}, a read is told of the file that its number meant`, async () => {
    const { run, events } = await attack("crowded_numbers", [who, String(ROUNDS)]);
    assert.equal(answersOf(run), { end: "reached" });
    assert.equal(toldReads(events), RIGHT);
  });

test("I21: control: one thread reads both files under one number", async () => {
  const { run, events } = await control("crowded_numbers", ["alone", String(ROUNDS)]);
  assert.equal(answersOf(run), { end: "reached" });
  assert.equal(toldReads(events), RIGHT);
});

test.run();
