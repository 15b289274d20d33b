// SPDX-License-Identifier: Apache-2.0
//
// The inline tier records each call exactly once, to the byte, whatever the program is linked with, however
// many threads it has and however often a signal gets in between. The fixture's calls carry their thread and
// round; the test knows them all.
// Also with: VEDETTE_ASSUME_KERNEL=5.10.
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { buildFixture } from "./fixtures.js";
import { compile, hasCommand, ROOT, scratch, selected } from "./programs.js";
import { type Event, trace } from "./traces.js";

const SOURCE = join(ROOT, "test/fixtures/hot_calls.c");
const SIZE = 100;
const SNAPLEN = 80;

const BUILDS: { name: string; compiler: string; flags: string[] }[] = [
  { name: "dynamic", compiler: "gcc", flags: [] },
  { name: "static", compiler: "gcc", flags: ["-static"] },
  { name: "static-pie", compiler: "gcc", flags: ["-static-pie"] },
  { name: "musl", compiler: "musl-gcc", flags: ["-static"] },
  { name: "musl-dynamic", compiler: "musl-gcc", flags: [] },
];
const RUNS = [
  { threads: 1, rounds: 2000, microseconds: 0 },
  { threads: 64, rounds: 60, microseconds: 0 },
  { threads: 1, rounds: 1000, microseconds: 100 },
  { threads: 64, rounds: 40, microseconds: 200 },
];

const test = suite("inline");
const rows = BUILDS.flatMap((build) =>
  RUNS.map((run) => ({
    build,
    run,
    name: `${build.name} ${run.threads}x${run.rounds}${run.microseconds ? " alarms" : ""}`,
  })),
);
for (const { build, run, name } of selected(rows)) {
  test(`${name}: every call is recorded once, with its bytes`, async () => {
    if (!hasCommand(build.compiler)) return console.log(`skipped ${name}: no ${build.compiler}`);
    const program = join(ROOT, "build/fixtures", `hot_calls-${build.name}`);
    compile(build.compiler, (out) => ["-O2", ...build.flags, "-o", out, SOURCE, "-lpthread"], program);
    const args = [run.threads, run.rounds, run.microseconds].map(String);
    const traced = await trace(`inline-${name}`, [program, ...args], { cwd: scratch() });
    assert.is(traced.run.status, 0, traced.run.stderr);
    const alarms = Number(/alarms (\d+)/.exec(traced.run.stdout)![1]);
    if (run.microseconds === 0) assert.is(alarms, 0);
    check(traced.events, run.threads, run.rounds, alarms);
  });
}

test("steady state: at least 98 % of the hot calls are recorded inline", async () => {
  const { events } = await trace("inline-share", [buildFixture("hot_calls"), "1", "2000"], { cwd: scratch() });
  const hot = events.filter((event) => COUNTED.has(String(event["evt.type"])));
  const inline = hot.filter((event) => event["vedette.tier"] === "inline");
  assert.ok(inline.length / hot.length >= 0.98, `${inline.length} of ${hot.length}`);
});

test("`--tiers trace` records nothing inline, `--integrity strict` no open", async () => {
  const program = [buildFixture("hot_calls"), "1", "20"];
  const traced = await trace("inline-off", program, { cwd: scratch(), flags: ["--tiers", "trace"] });
  assert.is(traced.events.filter((event) => event["vedette.tier"] === "inline").length, 0);
  const strict = await trace("inline-strict", program, { cwd: scratch(), flags: ["--integrity", "strict"] });
  const tiers = (type: string) =>
    strict.events.filter((event) => event["evt.type"] === type && event["vedette.tier"] === "inline").length;
  assert.is(tiers("openat"), 0);
  assert.ok(tiers("pread") > 0);
  check(strict.events, 1, 20, 0);
});

// Calls of a round, by Falco's type; what has a payload or an offset must also name each thread and round
// once.
const COUNTED = new Map([
  ["pwrite", 1],
  ["pread", 1],
  ["lseek", 1],
  ["writev", 1],
  ["sendto", 1],
  ["recvfrom", 1],
  ["dup", 1],
  ["access", 1],
]);
const MARKED = ["pwrite", "pread", "sendto", "recvfrom", "writev", "write", "read"];

function check(events: Event[], threads: number, rounds: number, alarms: number): void {
  const expected = new Set<string>();
  for (let thread = 0; thread < threads; thread++)
    for (let round = 0; round < rounds; round++) expected.add(`${thread}:${round}`);
  const of = (type: string) => events.filter((event) => event["evt.type"] === type);
  for (const type of MARKED) {
    const seen = of(type).flatMap((event) => {
      const data = String(event["evt.arg.data"] ?? "");
      const mark = /^(\d+:\d+);/.exec(data)?.[1];
      if (mark === undefined) return [];
      const size = type === "writev" ? mark.length + 1 + 40 : SIZE;
      assert.is(Number(event["evt.rawres"]), size, `${type} ${mark}`);
      assert.is(data, `${mark};`.padEnd(Math.min(size, SNAPLEN), "."), `${type} ${mark}`);
      return [mark];
    });
    assert.is(new Set(seen).size, seen.length, `${type} is recorded twice`);
    assert.is(seen.length, expected.size, `${type}: ${seen.length} of ${expected.size}`);
    assert.ok(
      seen.every((mark) => expected.has(mark)),
      type,
    );
  }
  const last = new Map<unknown, bigint>();
  for (const event of events) {
    const time = BigInt(String(event["evt.time"]));
    assert.ok(time >= (last.get(event["thread.tid"]) ?? 0n), `a thread's time runs backwards at ${event["evt.num"]}`);
    last.set(event["thread.tid"], time);
  }
  const offsets = new Map<unknown, Set<string>>();
  for (const event of of("lseek").filter((one) => Number(one["evt.arg.fd"]) === 9000)) {
    const known = offsets.get(event["thread.tid"]) ?? new Set();
    const offset = String(event["evt.arg.offset"]);
    assert.not(known.has(offset), `lseek ${offset} is recorded twice`);
    offsets.set(event["thread.tid"], known.add(offset));
  }
  assert.is(offsets.size, threads);
  for (const known of offsets.values()) assert.is(known.size, rounds);
  assert.is(of("write").filter((event) => event["evt.arg.data"] === "alarm").length, alarms);
  assert.is(of("access").filter((event) => event["evt.arg.name"] === "/no/such/file").length, threads * rounds);
  assert.is(of("fcntl").filter((event) => String(event["evt.arg.cmd"]).includes("GETFD")).length, threads * rounds);
  assert.is(of("vedette.notice").length, 0);
}

test.run();
