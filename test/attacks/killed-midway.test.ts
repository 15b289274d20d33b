// SPDX-License-Identifier: Apache-2.0
//
// Processes that are killed, end or execute a program in the midst of forks, execs and calls in many threads.
// Nothing hangs, nobody is invented, and each call that was completed, by the program's own count, is told
// of. VEDETTE_KILLS=10000 makes so many rounds.
// Also with: VEDETTE_TEST_TIERS=trace.
// Also with: VEDETTE_ASSUME_KERNEL=5.10.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Event, notices, ofType } from "../e2e/traces.js";
import { answersOf, attack, control } from "./attack.js";

const ROUNDS = Number(process.env.VEDETTE_KILLS ?? "200");
/** Rounds of one run. Many are made on a busy machine, where a trace may be more than a string can hold. */
const ROUNDS_AT_ONCE = ROUNDS > 200 ? 20 : 100;

/** How often each process was told to have made each call, by `PID TYPE`. */
function callsOf(events: readonly Event[]): Map<string, number> {
  const calls = new Map<string, number>();
  for (const event of events) {
    const call = `${event["proc.pid"]} ${event["evt.type"]}`;
    calls.set(call, (calls.get(call) ?? 0) + 1);
  }
  return calls;
}

/** The fixture's own mappings, not those of its libraries. */
const isMapping = (event: Event): boolean =>
  event["evt.type"] === "mmap" &&
  Number(event["evt.arg.length"]) === 4 * 4096 &&
  event["evt.arg.res"] === event["evt.arg.addr"];

// Of one thread, one call may have been completed and not counted yet.
function expectAllTold(events: Event[], done: Record<string, string>): void {
  assert.equal(notices(events, "TAMPER"), []);
  const [calls, mappings] = [callsOf(events), callsOf(events.filter(isMapping))];
  for (const [pid, counts] of Object.entries(done)) {
    const [guarded, hot, mapped] = counts.split(" ").map(Number) as [number, number, number];
    const told = [calls.get(`${pid} setxattr`) ?? 0, calls.get(`${pid} pread`) ?? 0] as const;
    const maps = mappings.get(`${pid} mmap`) ?? 0;
    assert.ok(maps >= mapped && maps <= mapped + 1, `${pid}: ${mapped} mappings done, ${maps} told`);
    assert.ok(told[0] >= guarded && told[0] <= guarded + 1, `${pid}: ${guarded} setxattrs done, ${told[0]} told`);
    // Before its exec a thread of another program may have read, too.
    assert.ok(told[1] >= hot, `${pid}: ${hot} reads done, ${told[1]} told`);
  }
}

// Who ends was made before, and ends once for each time that its number was given.
function expectNobodyInvented(events: Event[]): void {
  const made = ["fork", "vfork", "clone", "clone3"].flatMap((type) => ofType(events, type));
  const children = new Set(made.map((event) => Number(event["evt.rawres"])).filter((result) => result > 0));
  const inFlight = made.filter((event) => event["evt.rawres"] === undefined || event["evt.rawres"] === null).length;
  const strangers = ofType(events, "procexit").filter((event) => !children.has(Number(event["proc.pid"])));
  assert.ok(strangers.length <= 1 + inFlight, `${strangers.length} processes ended that nobody made`);
}

const HOW = { kill: 0.5, exit: 0.25, exec: 0.25 };
for (const [how, share] of Object.entries(HOW)) {
  test(`G8: ${how} in the midst of everything: nothing hangs, nothing completed is lost`, async () => {
    for (let left = Math.ceil(ROUNDS * share); left > 0; left -= ROUNDS_AT_ONCE) {
      const rounds = Math.min(left, ROUNDS_AT_ONCE);
      const { run, events } = await attack("killed_midway", [how, String(rounds)], { limitMs: 280_000 });
      assert.is(run.status, 0, run.stderr);
      const done = answersOf(run);
      assert.ok(Object.keys(done).length > rounds / 2);
      expectAllTold(events, done);
      expectNobodyInvented(events);
    }
  });
}

test("G8: control: a process whose threads end in peace", async () => {
  const { run, events } = await control("killed_midway", ["calm", "10"], { limitMs: 280_000 });
  assert.is(run.status, 0, run.stderr);
  expectAllTold(events, answersOf(run));
  expectNobodyInvented(events);
});

test.run();
