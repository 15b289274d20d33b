// SPDX-License-Identifier: Apache-2.0
//
// A dynamic linker's mapping of code stops at its entry only, and the program's own thread records what it
// returned. Attacks: a record that says otherwise, or is taken away. Control: mappings that work and fail.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Event, notices, ofType } from "../e2e/traces.js";
import { answersOf, attack, control } from "./attack.js";

const ROUNDS = 20;
const RING = "the ring of inline records was written to";
const NO_FD = -9;
/** Else a program is traced that names a descriptor which is not there: a file may come to it any moment. */
const NORMAL = { flags: ["--integrity", "normal"] };

const ownMappings = (events: Event[]): Event[] =>
  ofType(events, "mmap").filter((event) => Number(event["evt.arg.length"]) === 4 * 4096);
const isThere = (event: Event): boolean => event["evt.arg.res"] === event["evt.arg.addr"];
const seeks = (events: Event[]): Event[] =>
  ofType(events, "lseek").filter((event) => Number(event["evt.arg.fd"]) === 9100);

for (const aim of ["denies", "omits"]) {
  test(`I13: who ${aim} a mapping of code is contradicted by the kernel, and told of`, async () => {
    const { run, events } = await attack("mapped_code", [aim, String(ROUNDS)]);
    assert.equal(answersOf(run), { mapped: String(ROUNDS), failed: "0" });
    assert.is(ownMappings(events).length, ROUNDS);
    assert.equal(
      ownMappings(events).filter((event) => !isThere(event)),
      [],
    );
    assert.ok(notices(events, "TAMPER").includes(RING), notices(events, "TAMPER").join("\n"));
    assert.is(notices(events, "TIER_DEGRADED").length, 1);
    assert.ok(seeks(events).length === 10 && seeks(events).every((event) => event["vedette.tier"] === "trace"));
  });
}

test("I13: who invents a mapping of code hides no segment there", async () => {
  const { run, events } = await attack("mapped_code", ["invents", "1"], NORMAL);
  assert.equal(answersOf(run), { mapped: "0", failed: "1" });
  const told = notices(events, "TAMPER").filter((text) => text.startsWith("code at"));
  assert.is(told.length, 1, notices(events, "TAMPER").join("\n"));
});

test("I13: control: mappings that work, and others that fail, are told as the kernel answered them", async () => {
  const { run, events } = await control("mapped_code", ["calm", String(ROUNDS)], NORMAL);
  assert.equal(answersOf(run), { mapped: String(ROUNDS / 2), failed: String(ROUNDS / 2) });
  const own = ownMappings(events);
  assert.is(own.length, ROUNDS);
  assert.is(own.filter(isThere).length, ROUNDS / 2);
  assert.is(own.filter((event) => event["evt.rawres"] === NO_FD).length, ROUNDS / 2);
  assert.ok(own.every((event) => event["vedette.tier"] === "trace"));
  assert.equal([...notices(events, "TAMPER"), ...notices(events, "TIER_DEGRADED")], []);
});

test.run();
