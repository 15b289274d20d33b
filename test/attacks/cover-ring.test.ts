// SPDX-License-Identifier: Apache-2.0
//
// I1: a range that begins below a ring and reaches over it is a range over the ring.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { notices, ofType } from "../e2e/traces.js";
import { answersOf, attack, control } from "./attack.js";

const TRIES = ["mmap", "mprotect", "madvise", "mremap onto", "shmat", "mremap away", "munmap"];
const AT_RINGS = ["munmap from far", "mmap at it"];

// Of each try, ten hot calls that came after it.
function recorded(events: Parameters<typeof ofType>[0], tries: number): number[] {
  const made = ofType(events, "lseek").filter((event) => event["evt.arg.offset"] !== undefined);
  return Array.from(
    { length: tries },
    (_, index) => made.filter((event) => Number(event["evt.arg.fd"]) === 9000 + index).length,
  );
}

test("I1: memory that is mapped over one's own ring from below is refused, and told of", async () => {
  const { run, events } = await attack("cover_ring", ["ring"]);
  assert.is(run.status, 0, run.stderr);
  const tries = [...TRIES, ...AT_RINGS];
  assert.match(run.stdout, /^target 6a/m);
  assert.equal(answersOf(run), Object.fromEntries(tries.map((name) => [name, "EPERM"])));
  assert.is(notices(events, "TAMPER").filter((text) => /memory was refused/.test(text)).length, tries.length);
  assert.equal(
    recorded(events, tries.length).slice(1),
    tries.slice(1).map(() => 10),
    "after each try all is on record",
  );
});

test("I1: the same calls on a program's own memory are its business", async () => {
  const { run, events } = await control("cover_ring", ["own"]);
  assert.is(run.status, 0, run.stderr);
  assert.equal(answersOf(run), Object.fromEntries(TRIES.map((name) => [name, "done"])));
  assert.equal(notices(events, "TAMPER"), []);
  assert.equal(
    recorded(events, TRIES.length).slice(1),
    TRIES.slice(1).map(() => 10),
  );
});

test.run();
