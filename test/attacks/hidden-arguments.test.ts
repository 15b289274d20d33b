// SPDX-License-Identifier: Apache-2.0
//
// What a call was passed, where the agent cannot read it (C7), and where a path begins in a folder whose
// path is too long to be told (C8). In both tiers; the attack says what the kernel answered.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { scratch } from "../e2e/programs.js";
import { type Event, notices, ofType, type Traced } from "../e2e/traces.js";
import { answersOf, attack, control } from "./attack.js";

const TIERS = ["all", "trace"] as const;
const UNREAD =
  "what a call passed could not be read: it lay in memory that the kernel shows to no other program (memfd_secret)";
const USED = { mkdir: "0", rmdir: "0", connect: "-111" };
const LED = { unlink: "0", unlinkat: "0", chmod: "0" };

const flagsOf = (tiers: string): { flags: string[] } => ({ flags: ["--tiers", tiers] });

function leadOut(how: typeof attack, aim: string, tiers: string): Promise<Traced & { cwd: string }> {
  const cwd = scratch();
  for (const name of ["first", "second", "third"]) writeFileSync(join(cwd, name), "");
  return how("hidden_arguments", [aim], { cwd, ...flagsOf(tiers) }).then((traced) => ({ ...traced, cwd }));
}

// What the event says that its path is.
const named = (events: Event[], type: string): unknown[] =>
  ofType(events, type).map((event) => event["evt.arg.path"] ?? event["evt.arg.name"] ?? event["evt.arg.filename"]);

for (const tiers of TIERS) {
  test(`C7: --tiers ${tiers}: what lies in memory that only its program can read is told to be unknown`, async () => {
    const { run, events } = await attack("hidden_arguments", ["secret"], flagsOf(tiers));
    const answers = answersOf(run);
    if (answers.memory === "-38") return; // a kernel without memfd_secret
    assert.equal(answers, USED, run.stderr);
    assert.equal(notices(events, "UNCERTAIN"), [UNREAD]);
    for (const call of Object.keys(USED)) assert.is(ofType(events, call).length, 1, call);
  });

  test(`C7: --tiers ${tiers}: control: the same calls in other memory are told whole`, async () => {
    const { run, events } = await control("hidden_arguments", ["plain"], flagsOf(tiers));
    assert.equal(answersOf(run), USED, run.stderr);
    assert.equal(notices(events, "UNCERTAIN"), []);
    assert.is(ofType(events, "connect")[0]?.["fd.rip"] ?? "127.0.0.1", "127.0.0.1");
  });

  for (const [how, aim] of [
    [attack, "deep"],
    [control, "near"],
  ] as const) {
    test(`C8: --tiers ${tiers}: a path that leads out of a ${aim} folder is told as the kernel has it`, async () => {
      const { run, events, cwd } = await leadOut(how, aim, tiers);
      assert.equal(answersOf(run), LED, run.stderr);
      assert.equal(named(events, "unlink"), [join(cwd, "first")]);
      assert.equal(named(events, "unlinkat"), [join(cwd, "second")]);
      assert.equal(named(events, "chmod"), [join(cwd, "third")]);
    });
  }
}

test.run();
