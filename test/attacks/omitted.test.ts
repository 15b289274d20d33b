// SPDX-License-Identifier: Apache-2.0
//
// Calls that are made through a gate without a record. The kernel counted them: each is found, from one byte
// on, whatever the call, and also when the program executes another right after it, or tries to.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Event, notices, ofType } from "../e2e/traces.js";
import { answersOf, attack, control } from "./attack.js";

const READS = ["read", "pread", "readv", "preadv", "preadv2"];
const WRITES = ["write", "pwrite", "writev", "pwritev", "pwritev2"];
const AFTERWARDS = [[], ["exec"], ["refused-exec"]];

const differences = (events: Event[]): number[] =>
  ofType(events, "vedette.notice")
    .filter((event) => event["evt.arg.kind"] === "MISMATCH")
    .map((event) => Number(event["evt.arg.value"]));

for (const [what, calls] of [
  ["bytes read", READS],
  ["bytes written", WRITES],
] as const) {
  for (const call of calls) {
    test(`I3: one byte by a ${call} that no record tells of is found`, async () => {
      const { run, events } = await attack("omit_records", [call, "1"]);
      assert.equal(answersOf(run), { moved: "1" });
      assert.equal(differences(events), [1]);
      assert.match(notices(events, "MISMATCH")[0]!, what);
    });
  }
}

for (const afterwards of AFTERWARDS.slice(1)) {
  test(`I3: one byte before ${afterwards[0]} is found too`, async () => {
    const { run, events } = await attack("omit_records", ["read", "1", ...afterwards]);
    assert.equal(answersOf(run), { moved: "1" });
    assert.equal(differences(events), [1]);
  });
}

test("I3: reads at a file's end that no record tells of are found by their number", async () => {
  const { run, events } = await attack("omit_records", ["nothing", "100000"]);
  assert.equal(answersOf(run), { moved: "0" });
  assert.equal(differences(events), [100_000]);
  assert.match(notices(events, "MISMATCH")[0]!, "calls that read");
});

for (const afterwards of AFTERWARDS) {
  test(`I3: control: the same calls with their records ${afterwards.join()}`, async () => {
    for (const call of ["read", "pwritev", "nothing"]) {
      const { run, events } = await control("omit_records", ["control", call, "50", ...afterwards]);
      assert.equal(answersOf(run), { moved: call === "nothing" ? "0" : "50" });
      assert.equal([...notices(events, "TAMPER"), ...notices(events, "TIER_DEGRADED")], []);
    }
  });
}

test.run();
