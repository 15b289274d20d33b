// SPDX-License-Identifier: Apache-2.0
// What outlives a batch: counts, firsts, numbers and sequences, each with its time and its bound. Each call
// of judge() is a batch of its own, so whatever is remembered was kept beyond it.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { cleanUp, loadError, loadSource, Running } from "./shared.js";

const running = new Running(
  await loadSource(`import { Close, Connect, Counter, Dup, Execve, FirstSeen, keyOf, keyOfAddr, keys, Memo, minutes, note, Openat, Priority, rule, seconds, Sequence, Write } from "vedette";
const FAILED = new Counter(seconds(8), 64);
const PROGRAMS = new FirstSeen(minutes(1), 64);
const SENT = new Memo(minutes(10));
const DOWNLOADED = new Sequence(minutes(5));
const SMALL = new FirstSeen(minutes(60), 8);

@rule({ name: "count", priority: Priority.Debug })
export function count(e: Openat): bool {
  if (!e.failed) { note("now " + FAILED.count(e, keyOf(e.proc.user)).toString()); return true; }
  note(FAILED.hit(e, keyOf(e.proc.user)).toString());
  return true;
}
@rule({ name: "new", priority: Priority.Debug })
export function isNew(e: Dup): bool { return PROGRAMS.isNew(e, keyOf(e.proc.name)); }
@rule({ name: "address", priority: Priority.Debug })
export function address(e: Connect): bool { return PROGRAMS.isNew(e, keys(keyOfAddr(e.addr.ip), e.addr.port)); }
@rule({ name: "sent", priority: Priority.Debug })
export function sent(e: Write): bool {
  if (e.res == 0) { SENT.delete(e.proc.key); return false; }
  note(SENT.has(e, e.proc.key).toString() + " " + SENT.add(e, e.proc.key, e.res).toString());
  return true;
}
@rule({ name: "sequence", priority: Priority.Debug })
export function run(e: Execve): bool {
  if (e.proc.name == "curl") { DOWNLOADED.begin(e); return false; }
  return DOWNLOADED.follows(e);
}
@rule({ name: "small", priority: Priority.Debug })
export function small(e: Close): bool { return SMALL.isNew(e, e.proc.pid); }
`),
);
const failed = (user: string, at: string) =>
  running.judge(["openat", { res: "EACCES", name: "/x", at, proc: { user } }]);

test("a counter slides over its window, key by key", () => {
  assert.equal(failed("ann", "1s"), ["count 1"]);
  assert.equal(failed("ann", "2s"), ["count 2"]);
  assert.equal(failed("bob", "3s"), ["count 1"]);
  assert.equal(failed("ann", "8s"), ["count 3"]);
  assert.equal(running.judge(["openat", { name: "/x", at: "9s", proc: { user: "ann" } }]), ["count now 3"]);
  assert.equal(failed("ann", "10s"), ["count 3"], "the first has left the window, in steps of a second");
  assert.equal(failed("ann", "17s"), ["count 2"], "10 and 17");
  assert.equal(failed("ann", "60s"), ["count 1"]);
  assert.equal(running.judge(["openat", { name: "/x", at: "100s", proc: { user: "ann" } }]), ["count now 0"]);
});

test("something is new once, and again when it was not seen for its time", () => {
  const dup = (name: string, at: string) => running.judge(["dup", { at, proc: { name } }]).length;
  assert.equal([dup("a", "1s"), dup("a", "2s"), dup("b", "3s"), dup("a", "61s"), dup("a", "122s")], [1, 0, 1, 0, 1]);
});

test("an address is the same in IPv4 and IPv6", () => {
  const connect = (addr: string) => running.judge(["connect", { addr, at: "200s" }]).length;
  assert.equal(
    [connect("1.2.3.4:80"), connect("[::ffff:1.2.3.4]:80"), connect("1.2.3.4:81"), connect("[::1]:80")],
    [1, 0, 1, 1],
  );
});

test("numbers are kept by process, and forgotten when told", () => {
  const write = (pid: number, res: number, start_time = 5) =>
    running.judge(["write", { res, proc: { pid, start_time } }]);
  assert.equal(write(7, 100), ["sent false 100"]);
  assert.equal(write(7, 50), ["sent true 150"]);
  assert.equal(write(8, 1), ["sent false 1"]);
  assert.equal(write(7, 10, 6), ["sent false 10"], "the number belongs to another process now");
  assert.equal(write(7, 0), []);
  assert.equal(write(7, 5), ["sent false 5"]);
});

test("a sequence binds what descends from one shell, within its time", () => {
  const init = { pid: 1, vpid: 1, name: "init", parent: null };
  const shell = { pid: 10, vpid: 10, name: "sh", start_time: 1, parent: init };
  const other = { pid: 20, vpid: 20, name: "sh", start_time: 2, parent: init };
  const exec = (name: string, parent: object, at: string, pid: number) =>
    running.judge(["execve", { at, proc: { name, pid, start_time: 9, parent } }]).length;
  assert.is(exec("x", shell, "1s", 11), 0, "nothing was downloaded yet");
  exec("curl", shell, "10s", 12);
  assert.is(exec("x", shell, "20s", 13), 1, "a sibling");
  assert.is(exec("y", { pid: 13, vpid: 13, name: "x", start_time: 9, parent: shell }, "21s", 14), 1, "a nephew");
  assert.is(exec("x", other, "22s", 15), 0, "another shell under the same init");
  assert.is(exec("x", shell, "311s", 16), 0, "too late");
});

const kept = new Running(
  await loadSource(`import { Close, Distinct, keyOf, minutes, note, Openat, Priority, rule, seconds, TextMemo } from "vedette";
const FILES = new Distinct(seconds(10), 4);
const LAST = new TextMemo(minutes(10), 8);

@rule({ name: "files", priority: Priority.Debug })
export function files(e: Openat): bool {
  note(FILES.add(e, keyOf(e.proc.user), keyOf(e.name)).toString() + " " + FILES.count(e, keyOf(e.proc.user)).toString());
  return true;
}
@rule({ name: "last", priority: Priority.Debug })
export function last(e: Close): bool {
  const before = LAST.get(e, e.proc.key);
  note(before.exists ? "was " + before.toString() : "new");
  if (e.proc.name == "rm") LAST.delete(e.proc.key); else LAST.set(e, e.proc.key, e.proc.name);
  return true;
}
`),
);

test("A14: different things are counted once each, within their time and up to their number", () => {
  const opened = (name: string, at: string, user = "ann") => kept.judge(["openat", { name, at, proc: { user } }])[0];
  assert.equal(
    [opened("/a", "1s"), opened("/a", "2s"), opened("/b", "3s"), opened("/a", "4s", "bob"), opened("/c", "4s")],
    ["files 1 1", "files 1 1", "files 2 2", "files 1 1", "files 3 3"],
  );
  assert.is(opened("/d", "13s"), "files 3 3", "/a was seen last at 2 s, and 10 s have gone by");
  assert.equal([opened("/e", "13s"), opened("/f", "13s")], ["files 4 4", "files 4 4"], "it counts to 4");
  assert.is(opened("/f", "60s"), "files 1 1");
});

test("different things that are judged late count in a window in which they lie, and in no longer one", async () => {
  const late = new Running(
    await loadSource(`import { Distinct, keyOf, note, Openat, Priority, rule, seconds } from "vedette";
const FILES = new Distinct(seconds(10), 8);
@rule({ name: "files", priority: Priority.Debug })
export function files(e: Openat): bool { note(FILES.add(e, 1, keyOf(e.name)).toString()); return true; }
`),
  );
  const opened = (name: string, at: string) => late.judge(["openat", { name, at }])[0];
  assert.equal(
    [opened("/a", "20s"), opened("/b", "22s"), opened("/c", "15s"), opened("/d", "1s"), opened("/e", "8s")],
    ["files 1", "files 2", "files 3", "files 1", "files 2"],
    "15 with 20 and 22; 1 alone; 8 with 15, or with 1",
  );
  assert.equal([opened("/f", "24s"), opened("/a", "26s")], ["files 4", "files 3"], "15 to 24; 22 to 26");
});

const stepped = new Running(
  await loadSource(`import { keyOf, Openat, Priority, rule, seconds, Steps } from "vedette";
const MOVE = new Steps(seconds(10), 3);
@rule({ name: "moved", priority: Priority.Debug })
export function moved(e: Openat): bool {
  const key = keyOf(e.proc.user);
  if (e.name == "/reset") { MOVE.reset(key); return false; }
  return MOVE.happen(e, key, e.name == "/1" ? 0 : e.name == "/2" ? 1 : e.name == "/3" ? 2 : 3);
}
`),
);
const happen = (user: string, ...steps: readonly string[]): number[] =>
  steps.map((step) => {
    const [name, at] = step.split(" at ");
    return stepped.judge(["openat", { name: `/${name}`, at: `${at}s`, proc: { user } }]).length;
  });

test("steps are told when all have happened in the order of their times, in whatever order they are judged", () => {
  assert.equal(happen("ann", "1 at 1", "2 at 2", "3 at 3"), [0, 0, 1]);
  assert.equal(happen("bob", "3 at 3", "1 at 1", "2 at 2"), [0, 0, 1], "the second comes last");
  assert.equal(happen("cid", "2 at 2", "3 at 3", "1 at 1"), [0, 0, 1], "the first comes last");
  assert.equal(happen("dan", "1 at 3", "2 at 2", "3 at 1"), [0, 0, 0], "judged in order, and happened in another");
  assert.equal(happen("eve", "1 at 1", "2 at 2", "3 at 12"), [0, 0, 0], "too late");
  assert.equal(happen("eve", "1 at 3", "2 at 4"), [0, 1], "another first, in time");
  assert.equal(happen("fay", "1 at 1", "2 at 2", "2 at 9", "3 at 10", "3 at 10"), [0, 0, 0, 1, 1]);
  assert.equal(happen("fay", "reset at 10", "3 at 11"), [0, 0]);
});

test("of each step the last times are remembered, and a step that there is not is an error", () => {
  assert.equal(
    happen("gus", "1 at 1", "1 at 2", "1 at 3", "1 at 4", "1 at 5", "2 at 4", "3 at 6"),
    [0, 0, 0, 0, 0, 0, 1],
  );
  assert.equal(
    happen("hal", "1 at 5", "1 at 6", "1 at 7", "1 at 8", "1 at 1", "2 at 2", "3 at 3"),
    [0, 0, 0, 0, 0, 0, 0],
  );
  happen("ida", "4 at 1");
  assert.match(stepped.faults[0] ?? "", /there is no step 3/);
});

test("asking for a text takes no memory, however often a batch asks", async () => {
  const often = new Running(
    await loadSource(`import { Close, keyOf, minutes, note, Priority, rule, TextMemo } from "vedette";
const LAST = new TextMemo(minutes(10), 4096);
@rule({ name: "last", priority: Priority.Debug })
export function last(e: Close): bool {
  for (let i = 0; i < 2_000; i++) LAST.get(e, 1);
  if (!LAST.get(e, 1).exists) LAST.set(e, 1, e.proc.cmdline);
  note(LAST.get(e, 1).size.toString() + (LAST.get(e, 2).exists ? "" : " and none"));
  return true;
}
`),
  );
  const args = ["x".repeat(5_000)];
  const closes = Array.from(
    { length: 20 },
    (_, i) => ["close", { at: `${i + 1}s`, proc: { name: "a", args } }] as const,
  );
  const said = often.judge(...closes);
  assert.equal([...new Set(said)], ["last 4096 and none"]);
});

test("A14: a text is kept by process, cut at its length, and forgotten when told", () => {
  const closed = (name: string, at: string) => kept.judge(["close", { at, proc: { name, pid: 7, start_time: 5 } }])[0];
  assert.equal(
    [closed("cat", "1s"), closed("a-long-name", "2s"), closed("", "3s"), closed("rm", "4s"), closed("sh", "5s")],
    ["last new", "last was cat", "last was a-long-n", "last was ", "last new"],
  );
  assert.is(closed("sh", "700s"), "last new", "not used for ten minutes");
});

test("a full table forgets what was used longest ago, and never grows", () => {
  const before = running.memoryBytes;
  const seen = Array.from(
    { length: 5000 },
    (_, i) => running.judge(["close", { at: `${1000 + i}s`, proc: { pid: i } }]).length,
  );
  assert.ok(seen.every((count) => count === 1));
  assert.is(running.judge(["close", { at: "6001s", proc: { pid: 4999 } }]).length, 0, "the newest is there");
  assert.is(running.judge(["close", { at: "6002s", proc: { pid: 1 } }]).length, 1, "the oldest is not");
  assert.is(running.memoryBytes, before);
});

test("state in a rule, without a time, or too large stops the policy when it is loaded or judged", async () => {
  const policy = (top: string, body: string): string =>
    `import { Close, FirstSeen, Priority, rule, seconds } from "vedette";\n${top}\n@rule({ name: "r", priority: Priority.Debug })\nexport function r(e: Close): bool { ${body} }\n`;
  for (const [top, words] of [
    ["const S = new FirstSeen(0);", /longer than nothing/],
    ["const S = new FirstSeen(seconds(1), 1000000);", /between 1 and 65,536/],
  ] as const) {
    const loaded = await loadSource(policy(top, "return S.isNew(e, 1);"));
    assert.throws(() => new Running(loaded), words);
  }
  const late = new Running(await loadSource(policy("", "return new FirstSeen(seconds(1)).isNew(e, 1);")));
  assert.equal(late.judge(["close", {}]), []);
  assert.match(late.faults[0] as string, /declare it at the top/);
  assert.is(
    (await loadError(policy("let s: FirstSeen | null = null;", "s = new FirstSeen(seconds(1)); return false;"))).code,
    "VEDETTE_POLICY_COMPILE",
  );
});

test.after(cleanUp);
test.run();
