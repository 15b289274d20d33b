// SPDX-License-Identifier: Apache-2.0
//
// Calls that nobody watches (C1 to C3): what changes something beyond the process makes an event, in both
// tiers, and a call younger than our lists is told of.
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { scratch } from "../e2e/programs.js";
import type { Event } from "../e2e/traces.js";
import { answersOf, attack, control } from "./attack.js";

const HELD = ["all", "trace"] as const;
const MADE = 29;
const flagsOf = (tiers: string): { flags: string[] } => ({ flags: ["--tiers", tiers] });

// The results of an event's type, as the program prints them.
const resultsOf = (events: Event[], type: string): string[] =>
  events.filter((event) => event["evt.type"] === type).map((event) => String(event["evt.rawres"]));

for (const tiers of HELD) {
  test(`C1: --tiers ${tiers}: calls that were carried out unseen make events with the kernel's results`, async () => {
    const { run, events } = await attack("unseen_calls", ["quiet"], flagsOf(tiers));
    assert.is(run.status, 0, run.stderr);
    const answers = Object.entries(answersOf(run));
    assert.is(answers.length, MADE, run.stderr);
    const unseen = answers.filter(([call, result]) => !resultsOf(events, call).includes(result));
    assert.equal(unseen, []);
  });

  test(`C1: --tiers ${tiers}: harmless calls of the same kind stay free`, async () => {
    const { run, events } = await control("unseen_calls", ["honest"], flagsOf(tiers));
    assert.is(run.status, 0, run.stderr);
    for (const call of Object.keys(answersOf(run))) assert.equal(resultsOf(events, call), [], call);
  });

  test(`C3: --tiers ${tiers}: a file that io_submit writes is told of, with its bytes`, async () => {
    const cwd = scratch();
    const { run, events } = await attack("unseen_calls", ["aio", "written"], { cwd, ...flagsOf(tiers) });
    const { io_submit: submitted, bytes } = answersOf(run);
    assert.equal([submitted, bytes], ["1", "14"], run.stderr);
    const told = events.filter((event) => event["evt.type"] === "io_submit");
    assert.is(told.length, 1);
    assert.is(told[0]?.["fd.name"], join(cwd, "written"));
    assert.is(told[0]?.["evt.arg.data"], "written unseen");
    assert.is(told[0]?.["evt.arg.opcode"], "IOCB_CMD_PWRITE");
  });

  test(`C2: --tiers ${tiers}: a call younger than our lists is told of, once a number`, async () => {
    const { run, events } = await attack("unknown_call", ["511"], flagsOf(tiers));
    assert.is(answersOf(run).answer, "-38", run.stderr);
    const told = events.filter((event) => event["evt.arg.kind"] === "UNKNOWN_CALL");
    assert.equal(
      told.map((event) => String(event["evt.arg.value"])),
      ["511"],
    );
  });

  test(`C2: --tiers ${tiers}: a call of our lists is not`, async () => {
    const { events } = await control("unknown_call", ["102"], flagsOf(tiers)); // getuid
    assert.is(events.filter((event) => event["evt.arg.kind"] === "UNKNOWN_CALL").length, 0);
  });
}

test.run();
