// SPDX-License-Identifier: Apache-2.0
//
// Every fixture under `vedette trace`: what it prints is what was recorded. One fixture: `npm test --
// open_relative`.
// Also with: VEDETTE_ASSUME_KERNEL=5.10.
// Also with: VEDETTE_TEST_TIERS=trace.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { parse } from "yaml";
import {
  buildFixture,
  comparable,
  fixtures,
  markedRegion,
  missingCompiler,
  multisetDifference,
  parseExpected,
} from "./fixtures.js";
import { ROOT, scratch, selected, tail } from "./programs.js";
import { isOwn, trace } from "./traces.js";

const seenTypes = new Set<string>();

// Event types that no fixture can cause here, and why.
const NOT_IN_FIXTURES: Record<string, string> = {
  "vedette.notice": "Vedette's own; lifecycles.test.ts causes it",
  "session.start": "needs somebody outside; fargate-sessions.test.ts causes it",
  "vedette.prevented": "Vedette's own; prevent.test.ts causes it",
  "vedette.fact": "a policy's own; fact-stage.test.ts causes it",
  tls_read: "no call, and on request alone; tls-plaintext.test.ts causes it",
  tls_write: "no call, and on request alone; tls-plaintext.test.ts causes it",
};

const all = fixtures().filter((fixture) => fixture.expects);
const chosen = selected(all);

buildFixture("leave"); // what other fixtures execute
for (const fixture of chosen) {
  const title = `${fixture.name}: what it prints is what was recorded`;
  const missing = missingCompiler(fixture);
  if (missing !== undefined) {
    console.log(`skip: ${title}: no ${missing} on this machine`);
    test.skip(title);
    continue;
  }
  test(title, async () => {
    const traced = await trace(fixture.name, [buildFixture(fixture.name)], { cwd: scratch() });
    assert.is(traced.run.status, 0, `it ended with ${traced.run.status}: ${tail(traced.run.stderr)}`);
    const { only, lines } = parseExpected(traced.run.stdout);
    assert.ok(lines.length > 0, "the fixture expects nothing");
    for (const line of lines) seenTypes.add(line.type);
    const region = markedRegion(traced.events, only).filter((event) => !isOwn(event));
    const both = comparable(lines, region);
    const difference = multisetDifference(both.expected, both.recorded);
    assert.is(
      difference.length,
      0,
      `\n${difference.join("\n")}\ntrace: ${traced.path}\nagain: npm test -- ${fixture.name}`,
    );
    if (new Set(region.map((event) => event["thread.tid"])).size === 1) {
      assert.equal(both.recorded, both.expected, "the order of one thread's calls");
    }
  });
}

if (chosen.length === all.length) {
  test("every event type of the contract is made by a fixture", () => {
    const contract = parse(readFileSync(join(ROOT, "capture/wire/events.yaml"), "utf8")) as { events: object };
    const unseen = Object.keys(contract.events).filter((type) => !seenTypes.has(type) && !(type in NOT_IN_FIXTURES));
    assert.equal(unseen, []);
  });
}

test.run();
