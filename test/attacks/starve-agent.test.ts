// SPDX-License-Identifier: Apache-2.0
//
// Stops without a pause do not keep the agent from what it does now and then: the witness, spot checks, the
// pace of the rings.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Event, notices, ofType } from "../e2e/traces.js";
import { answersOf, attack, control } from "./attack.js";

// A look at each thread once a second, and a record too many must be so at two looks.
const SECONDS = 6;
const TOLD_WITHIN_S = 5;

const nsOf = (event: Event): bigint => BigInt(String(event["evt.time"]));
const marksOf = (events: Event[], descriptor: number): Event[] =>
  ofType(events, "lseek").filter((event) => Number(event["evt.arg.fd"]) === descriptor);

test("G7: what a program records falsely is told of in time, while a dozen others stop all the time", async () => {
  const { run, events } = await attack("starve_agent", ["forge", String(SECONDS)]);
  assert.equal(answersOf(run), { write: "forged", stops: "many", end: "reached" });
  const told = ofType(events, "vedette.notice").find((event) => event["evt.arg.kind"] === "MISMATCH");
  assert.ok(told, "nobody tells of it");
  const begun = nsOf(marksOf(events, 9100).at(-1)!);
  assert.ok(
    nsOf(told) < begun + BigInt(TOLD_WITHIN_S) * 1_000_000_000n,
    `told after ${(nsOf(told) - begun) / 1_000_000n} ms`,
  );
});

test("G7: control: the same beside a program whose records are true", async () => {
  const { run, events } = await control("starve_agent", ["calm", "4"]);
  assert.equal(answersOf(run), { stops: "many", end: "reached" });
  assert.equal(notices(events, "MISMATCH"), []);
});

test.run();
