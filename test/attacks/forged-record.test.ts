// SPDX-License-Identifier: Apache-2.0
//
// A program can write any number into its own ring. What gains something is told by the kernel's word alone.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Event, notices, ofType } from "../e2e/traces.js";
import { answersOf, attack, control } from "./attack.js";

const inline = (events: Event[], type: string): Event[] =>
  ofType(events, type).filter((event) => event["vedette.tier"] === "inline");
const seeks = (events: Event[]): Event[] =>
  ofType(events, "lseek").filter((event) => Number(event["evt.arg.fd"]) === 9100);

for (const aim of ["execve", "connect", "setuid", "ioctl", "unfinished"]) {
  const what = aim === "unfinished" ? "an execve that the agent is to finish" : `a record of ${aim}`;
  test(`I4: ${what} in one's own ring is no event, and told of`, async () => {
    const { run, events } = await attack("forged_record", [aim]);
    assert.equal(answersOf(run), { ring: "own", end: "reached" });
    for (const type of ["execve", "connect", "setuid", "ioctl"]) assert.equal(inline(events, type), []);
    assert.not.ok(JSON.stringify(events).includes("/usr/bin/forged"));
    assert.not.ok(JSON.stringify(events).includes("6.6.6.6"));
    assert.ok(seeks(events).every((event) => String(event["proc.exepath"]).endsWith("/forged_record")));
    assert.ok(notices(events, "TAMPER").includes("the ring of inline records was written to"));
    assert.is(notices(events, "TIER_DEGRADED").length, 1);
    assert.is(seeks(events).length, 10, "what it does afterwards is on record");
    assert.ok(seeks(events).every((event) => event["vedette.tier"] === "trace"));
  });
}

test("I4: control: the same program with true records", async () => {
  const { run, events } = await control("forged_record", ["calm"]);
  assert.equal(answersOf(run), { ring: "own", end: "reached" });
  assert.equal([...notices(events, "TAMPER"), ...notices(events, "TIER_DEGRADED")], []);
  assert.is(seeks(events).length, 10);
});

test.run();
