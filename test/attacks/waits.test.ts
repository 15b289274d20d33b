// SPDX-License-Identifier: Apache-2.0
//
// Who can make the agent's only tracing thread wait freezes the container. The agent does not wait for memory that a program serves itself.
// Time limit: 120 s.
import { writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { scratch } from "../e2e/programs.js";
import { type Event, notices, ofType, type Traced } from "../e2e/traces.js";
import { answersOf, attack, control } from "./attack.js";

const UNREAD = "what a call passed could not be read: it lay in memory that the program serves itself (userfaultfd)";
const DONE = { mkdir: "0", unlink: "0", exec: "0", end: "reached" };
const TIERS = ["all", "trace"] as const;
const LIMIT_MS = 60_000;

function run(how: typeof attack, aim: string, tiers: string): Promise<Traced> {
  const cwd = scratch();
  writeFileSync(join(cwd, "served-name"), "");
  return how("served_arguments", [aim], { cwd, limitMs: LIMIT_MS, flags: ["--tiers", tiers] });
}
const marks = (events: Event[]): Event[] =>
  ofType(events, "lseek").filter((event) => Number(event["evt.arg.fd"]) === 9100);
const pathsOf = (events: Event[], type: string): string[] =>
  ofType(events, type).map((event) => basename(String(event["evt.arg.path"] ?? event["evt.arg.name"])));
const executed = (events: Event[]): string[] => ofType(events, "execve").map((event) => String(event["proc.exepath"]));

for (const tiers of TIERS) {
  for (const aim of ["call", "device", "fork"]) {
    test(`G9: --tiers ${tiers}: arguments in memory that the program serves hold nobody up and are told (${aim})`, async () => {
      const { run: ended, events } = await run(attack, aim, tiers);
      // A page is served only when another process has made calls, and the agent has let it.
      assert.equal(answersOf(ended), DONE, ended.stderr);
      assert.ok(marks(events).length >= 30, `${marks(events).length} marks`);
      assert.equal(pathsOf(events, "mkdirat"), ["served-folder"]);
      assert.equal(pathsOf(events, "unlinkat"), ["served-name"]);
      assert.ok(
        executed(events).some((path) => path.endsWith("/true")),
        `${executed(events)}`,
      );
      assert.equal(notices(events, "UNCERTAIN"), []);
    });
  }

  test(`G9: --tiers ${tiers}: an argument that nobody has ever read is told of`, async () => {
    const { run: ended, events } = await run(attack, "gone", tiers);
    assert.equal(answersOf(ended), { write: "7", end: "reached" }, ended.stderr);
    assert.equal(notices(events, "UNCERTAIN"), [UNREAD]);
  });

  test(`G9: --tiers ${tiers}: control: the same calls on memory that is there`, async () => {
    const { run: ended, events } = await run(control, "calm", tiers);
    assert.equal(answersOf(ended), DONE, ended.stderr);
    assert.is(marks(events).length, 10);
    assert.equal(pathsOf(events, "mkdirat"), ["served-folder"]);
    assert.equal(pathsOf(events, "unlinkat"), ["served-name"]);
    assert.ok(
      executed(events).some((path) => path.endsWith("/true")),
      `${executed(events)}`,
    );
    assert.equal(notices(events, "UNCERTAIN"), []);
  });
}

test.run();
