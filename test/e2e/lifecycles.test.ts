// SPDX-License-Identifier: Apache-2.0
//
// Lives that programs lead to get away, or by accident: each must end as it does bare, and what it did must
// have been seen. The programs stand in test/fixtures/ and check themselves what the kernel told them.
// Also with: VEDETTE_ASSUME_KERNEL=5.10.
import { statSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { buildFixture } from "./fixtures.js";
import { type Run, run, scratch } from "./programs.js";
import { type Event, summary, trace } from "./traces.js";

interface Watched {
  bare: Run;
  watched: Run;
  events: Event[];
  folder: string;
}

// Bare and watched, each in a folder of its own.
async function both(name: string, argv: string[]): Promise<Watched> {
  const folder = scratch();
  const bare = await run(argv, { cwd: scratch() });
  const traced = await trace(name, argv, { cwd: folder });
  return { bare, watched: traced.run, events: traced.events, folder };
}

function of(events: Event[], type: string, values: Record<string, unknown> = {}): Event[] {
  return events.filter(
    (event) =>
      event["evt.type"] === type &&
      Object.entries(values).every(([key, value]) => String(event[key]) === String(value)),
  );
}

test("exec from a thread that is not the leader: the survivor has the leader's id, the others are gone", async () => {
  buildFixture("leave");
  const { watched, events } = await both("exec_from_thread", [buildFixture("exec_from_thread")]);
  assert.is(watched.status, 5);
  const pid = Number(watched.stdout);
  const [exec, ...more] = of(events, "execve", { "evt.rawres": 0, "proc.name": "leave" });
  assert.is(more.length, 0, "one exec");
  assert.is(exec?.["proc.pid"], pid);
  const exits = of(events, "procexit", { "proc.pid": pid });
  assert.ok(exits.length >= 1, "its end is seen");
  assert.is(exits.at(-1)!["evt.arg.ret"], "5");
});

test("a program killed at its exec is told as the program that it had become", async () => {
  const { watched, events } = await both("killed_at_exec", [buildFixture("killed_at_exec"), "/bin/sleep"]);
  assert.is(watched.status, 0);
  const done = of(events, "execve", { "evt.rawres": 0 }).slice(1);
  assert.ok(done.length > 0, "some execs are over before the kill");
  assert.equal([...new Set(done.map((event) => `${event["evt.arg.exe"]} ${event["evt.arg.comm"]}`))], ["victim sleep"]);
  assert.is(of(events, "execve").length, 101, "each is told, also one that the kill found in the midst of it");
});

test("vfork and a failed exec: both children are seen as their own", async () => {
  buildFixture("leave");
  const { bare, watched, events } = await both("vfork_exec-lifecycle", [buildFixture("vfork_exec")]);
  assert.is(watched.status, bare.status);
  const children = of(events, "vfork", { "evt.rawres": 0 }).map((event) => event["proc.pid"]);
  assert.is(new Set(children).size, 2);
  assert.equal(
    children.map((pid) => of(events, "execve", { "proc.pid": pid }).map((event) => event["evt.rawres"])),
    [[-2], [0]],
  );
});

test("an orphan and its daemon are followed to the end", async () => {
  const { watched, events } = await both("orphan", [buildFixture("orphan")]);
  const [, orphan, daemon, adopted] = /orphan (\d+) daemon (\d+) adopted (\d)/.exec(watched.stdout) ?? [];
  assert.is(adopted, "1", watched.stdout + watched.stderr);
  for (const [directory, pid] of [
    ["orphan", orphan],
    ["daemon", daemon],
  ]) {
    const [made] = events.filter((event) => String(event["evt.arg.path"]).endsWith(`/${directory}`));
    assert.is(String(made?.["proc.pid"]), pid, `who made ${directory}`);
    assert.is(made?.["evt.rawres"], 0);
  }
  assert.is(of(events, "setsid", { "proc.pid": orphan }).length, 1);
  assert.is(of(events, "procexit", { "proc.pid": daemon }).length, 1);
});

test("SIGKILL in the middle of a burst: every completed write is there, or counted", async () => {
  const folder = scratch();
  const script = `"${buildFixture("burst")}" & sleep 0.5; kill -KILL $!; wait $!; echo $?`;
  const { run: ended, events } = await trace("burst", ["bash", "-c", script], { cwd: folder });
  assert.is(ended.stdout, "137\n");
  const completed = statSync(join(folder, "burst")).size;
  const recorded = of(events, "write", { "fd.name": join(folder, "burst"), "evt.rawres": 1 }).length;
  assert.ok(completed > 100, `only ${completed} writes`);
  // The last one may have completed in the kernel and died before its end could be seen: then it is counted
  // as lost.
  if (recorded !== completed) {
    assert.is(recorded, completed - 1);
    const notices = events.filter((event) => event["evt.type"] === "vedette.notice");
    const inFlight = of(events, "write", { "fd.name": join(folder, "burst") }).length > recorded;
    assert.ok(inFlight || notices.length > 0, "the write that is missing is neither in flight nor counted");
  }
});

test("stop and continue: the parent sees every step as it does bare", async () => {
  const { bare, watched } = await both("stop_continue", [buildFixture("stop_continue")]);
  assert.is(watched.stdout, bare.stdout);
  assert.is(watched.status, 0);
});

test("10,000 signals arrive in order, and no write fails or is missed", async () => {
  const { bare, watched, events, folder } = await both("many_signals", [buildFixture("many_signals")]);
  assert.is(watched.stdout, bare.stdout);
  assert.is(watched.status, 0);
  const recorded = of(events, "write", { "fd.name": join(folder, "out"), "evt.rawres": 1 }).length;
  assert.is(recorded, statSync(join(folder, "out")).size);
});

test("a program's own filters act as without us, and hide nothing", async () => {
  const { bare, watched, events } = await both("own_filter", [buildFixture("own_filter")]);
  const plain = (text: string): string => text.replace(/listener (granted|busy)/, "listener");
  assert.is(plain(watched.stdout), plain(bare.stdout));
  assert.match(watched.stdout, /errno filter 0\nmkdir -1\nmkdirat 0\nlistener (granted|busy)/);
  assert.match(watched.stdout, "chmod 9001", "the handler answers, and is told the program's own address");
  assert.is(of(events, "mkdirat", { "evt.rawres": 0 }).length, 1);
  assert.is(of(events, "rmdir", { "evt.rawres": -2 }).length, 10, "calls behind the program's own listener");
  assert.match(watched.stdout, "symlink -38\nmade -2\ngetppid -38", "it asks for a debugger, and there is none");
  assert.is(of(events, "symlink", { "evt.rawres": -38 }).length, 3);
});

test("CLONE_UNTRACED does not untrace", async () => {
  const { watched, events } = await both("untraced", [buildFixture("untraced")]);
  const children = watched.stdout
    .trim()
    .split("\n")
    .map((line) => line.split(" ")[0]!);
  const made = of(events, "mkdirat", { "evt.rawres": 0 });
  assert.equal(
    made.map((event) => String(event["proc.pid"])),
    children,
  );
});

test("the other entries of the kernel are traced by their own table or refused, never unseen", async () => {
  const { watched, events } = await both("alternative_entries", [buildFixture("alternative_entries")]);
  const results = Buffer.from(watched.stdout, "latin1");
  const int80 = Number(results.readBigInt64LE(0));
  const x32 = Number(results.readBigInt64LE(8));
  const opened = of(events, "open", { "evt.arg.name": "/dev/null" });
  const refused = events.filter(
    (event) => event["evt.type"] === "vedette.notice" && event["evt.arg.kind"] === "ABI_REFUSED",
  );
  if (int80 === -38) assert.ok(refused.length >= 1, "int 0x80 was refused without a word");
  else assert.is(opened[0]?.["evt.rawres"], int80);
  assert.is(x32, -38);
  assert.ok(refused.length >= (int80 === -38 ? 2 : 1), "x32 was refused without a word");
});

test("a status above 128 and one of a signal are the workload's own", async () => {
  for (const [script, status] of [
    ["exit 200", 200],
    ["kill -TERM $$", 143],
    ["kill -KILL $$", 137],
  ] as const) {
    const { run: ended } = await trace("status", ["bash", "-c", script]);
    assert.is(ended.status, status, script);
  }
});

test("SIGTERM reaches the workload, and its handler's status comes back", async () => {
  const { run: ended } = await trace("sigterm", [
    "bash",
    "-c",
    'trap "exit 9" TERM; kill -TERM $PPID; while :; do sleep 0.05; done',
  ]);
  assert.is(ended.status, 9);
});

test("2,000 forks lose nothing", async () => {
  const { run: ended, summary: counted } = await summary(["bash", "-c", "for i in {1..2000}; do (exit 1); done"]);
  assert.is(ended.status, 1);
  assert.is(counted.lost, 0);
  assert.ok(counted.calls.procexit!.count >= 2001);
});

test.run();
