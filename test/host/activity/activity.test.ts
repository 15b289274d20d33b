// SPDX-License-Identifier: Apache-2.0
//
// Batches in, rows out: what each view counts, and that no workload makes a table grow.
import { closeSync, openSync, readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Activity, OpenFiles, type Table, VIEWS, type ViewId, viewOf } from "../../../host/activity/activity.js";
import { cut } from "../../../host/activity/subject.js";
import { ShortEvents } from "../../../host/policy/short-event.js";
import { type Batch, openBatch } from "../../../host/wire/batch.js";

type Short = readonly [type: string, written: Readonly<Record<string, unknown>>];

function batchOf(...shorts: readonly Short[]): Batch {
  const events = new ShortEvents();
  for (const [type, written] of shorts) events.add(type, written);
  return openBatch(events.bytes());
}

/** Cells by column, the first row first. */
function rowsOf({ view, rows }: Table): Record<string, string | number>[] {
  const { columns } = viewOf(view)!;
  return rows.map((row) => Object.fromEntries(columns.map(({ name }, i) => [name, row[i + 1] as string | number])));
}

function counted(view: ViewId, ...batches: readonly Batch[]): Record<string, string | number>[] {
  const activity = new Activity(view);
  for (const batch of batches) activity.add(batch);
  return rowsOf(activity.table(100, 2));
}

const CAT = { name: "cat", pid: 41, args: ["/etc/hosts"], user: "root" };
const WORK = batchOf(
  ["openat", { proc: CAT, name: "/etc/hosts", res: 3 }],
  ["read", { proc: CAT, fd: "/etc/hosts", res: 120 }],
  ["write", { proc: CAT, fd: "/tmp/out", res: 100 }],
  ["openat", { proc: CAT, name: "/none", res: "ENOENT" }],
  ["connect", { proc: { name: "curl", pid: 42 }, addr: "203.0.113.9:443" }],
);

test("processes have what their calls read, wrote and failed at", () => {
  const [cat, curl] = counted("processes", WORK);
  assert.is(cat!.COMMAND, "cat /etc/hosts");
  assert.equal([cat!.PID, cat!.USER, cat!.IN, cat!.OUT, cat!.EVENTS, cat!.ERRORS], ["41", "root", 120, 100, 4, 1]);
  assert.is(cat!["EV/S"], 2, "of the two seconds");
  assert.is(curl!.PID, "42");
});

test("files are those that events have a descriptor of", () => {
  const files = counted("files", WORK);
  const hosts = files.find(({ FILE }) => FILE === "/etc/hosts")!;
  assert.equal([hosts.IN, hosts.OUT, hosts.OPS, hosts.OPENS, hosts.ERRORS], [120, 0, 2, 1, 0]);
  assert.is(files.find(({ FILE }) => FILE === "/none")!.ERRORS, 1);
});

test("connections, errors and system calls are rows of their own", () => {
  const [connection] = counted("connections", WORK);
  assert.equal(
    ["PROTO", "LIP", "LPORT", "RIP", "RPORT"].map((name) => connection![name]),
    ["tcp", "10.0.0.5", "40000", "203.0.113.9", "443"],
  );
  assert.equal(counted("errors", WORK), [{ "COUNT/S": 0.5, COUNT: 1, ERROR: "ENOENT", CALL: "openat" }]);
  const calls = counted("syscalls", WORK);
  assert.equal(
    calls.find(({ CALL }) => CALL === "openat"),
    {
      ...{ "CALLS/S": 1, CALLS: 2, ERRORS: 1, TIME: 2000, AVG: 1000 },
      CALL: "openat",
    },
  );
});

test("views in the order of time have the newest first, of their own events alone", () => {
  assert.equal(
    counted("opens", WORK).map(({ FILE, RES }) => `${FILE} ${RES}`),
    ["/none ENOENT", "/etc/hosts 3"],
  );
  assert.is(counted("events", WORK).length, 5);
  assert.match(String(counted("connects", WORK)[0]!.FD), /203\.0\.113\.9:443/);
  const exec = batchOf(["execve", { proc: { name: "id", pid: 9, args: ["-u"], parent: { name: "bash" } } }]);
  const [line] = counted("users", exec);
  assert.equal([line!.PID, line!.SHELL, line!.COMMAND], ["9", "bash", "id -u"]);
  const [echo] = counted("echo", batchOf(["write", { fd: "/tmp/x", res: 5, data: "hello" }]));
  assert.match(String(echo!.DATA), /hello/);
});

test("each view gives as many cells as it has columns", () => {
  for (const { id, columns } of VIEWS) {
    const activity = new Activity(id);
    activity.add(WORK);
    for (const row of activity.table(100, 1).rows) assert.is(row.length, columns.length + 1, id);
  }
});

test("ten thousand names make two thousand rows, and the busiest stays", () => {
  const activity = new Activity("files");
  for (let i = 0; i < 10; i++) {
    const events = new ShortEvents();
    for (let k = 0; k < 1_000; k++) events.add("read", { fd: `/tmp/${i}-${k}`, res: 1 });
    for (let k = 0; k < 3; k++) events.add("read", { fd: "/busy", res: 1 });
    activity.add(openBatch(events.bytes()));
  }
  const table = activity.table(10, 1);
  assert.ok(table.all <= 2_000, `${table.all} rows`);
  assert.is(rowsOf(table)[0]!.FILE, "/busy");
  assert.is(rowsOf(table)[0]!.OPS, 30);
  assert.ok(table.leftOut > 7_000, "what went is counted");
  assert.is(table.events, 10_030);
});

test("lines in the order of time are two hundred at most, and what is left out is counted", () => {
  const activity = new Activity("events");
  for (let i = 0; i < 10; i++)
    activity.add(batchOf(...Array.from({ length: 100 }, (): Short => ["read", { fd: "/x", res: 1 }])));
  const table = activity.table(1_000, 1);
  assert.is(table.rows.length, 200);
  assert.is(table.leftOut, 800);
});

test("a process that ended is shown once more, and then it is gone; a recording keeps it", () => {
  const end = batchOf(["procexit", { proc: CAT }]);
  for (const keepsAll of [false, true]) {
    const activity = new Activity("processes", keepsAll);
    activity.add(WORK);
    activity.add(end);
    assert.is(activity.table(10, 1).rows.length, 2);
    assert.is(activity.table(10, 1).rows.length, keepsAll ? 2 : 1);
  }
});

test("a limit keeps the best of each column that one can sort by", () => {
  const quiet = { name: "reads-much", pid: 7 };
  const events = new ShortEvents();
  for (let pid = 100; pid < 150; pid++)
    for (let i = 0; i < 5; i++) events.add("close", { proc: { name: "busy", pid } });
  events.add("read", { proc: quiet, fd: "/big", res: 1_000_000 });
  const activity = new Activity("processes");
  activity.add(openBatch(events.bytes()));
  const rows = rowsOf(activity.table(3, 1));
  assert.ok(rows.length < 20);
  assert.ok(rows.some(({ IN }) => IN === 1_000_000));
});

test("what a filter found is counted, and nothing else", () => {
  const activity = new Activity("syscalls");
  activity.add(WORK, [WORK.offsets[0]!]);
  assert.equal(
    rowsOf(activity.table(10, 1)).map(({ CALL, CALLS }) => `${CALL} ${CALLS}`),
    ["openat 1"],
  );
});

test("texts are cut", () => {
  const [row] = counted("processes", batchOf(["close", { proc: { name: "x", args: ["a".repeat(4_096)] } }]));
  assert.is(String(row!.COMMAND).length, 512);
  assert.match(String(row!.COMMAND), /…$/);
});

test("a cut leaves no half of a character, wherever it falls", () => {
  for (let before = 500; before < 515; before++) {
    const text = cut("a".repeat(before) + "😀".repeat(40));
    assert.ok(text.length <= 512 && text.length >= 511, `${before}: ${text.length}`);
    assert.is(Buffer.from(text).toString(), text, `${before} letters before it`);
    assert.ok(text.endsWith("…"));
  }
  assert.is(cut("😀".repeat(256)), "😀".repeat(256), "what fits stays");
});

test("findings and descriptors of a row are asked for by its key, and what is not known is empty", () => {
  const facts = {
    findings: (key: string) => (key.includes("/41@") ? 7 : 0),
    openFiles: (key: string) => (key.includes("/42@") ? 3 : null),
  };
  const activity = new Activity("processes", false, facts);
  activity.add(WORK);
  const rows = rowsOf(activity.table(100, 1));
  assert.equal(
    rows.map(({ PID, FINDINGS, FDS }) => [PID, FINDINGS, FDS]),
    [
      ["41", 7, ""],
      ["42", 0, 3],
    ],
  );
  activity.add(WORK);
  const [most] = rowsOf(activity.table(1, 1));
  assert.is(most!.FINDINGS, 7, "the row with most findings is among those that are told");
  assert.equal(
    counted("processes", WORK).map(({ FINDINGS, FDS }) => [FINDINGS, FDS]),
    [
      ["", ""],
      ["", ""],
    ],
  );
});

test("open descriptors are the kernel's, and none of another process that has the number", () => {
  const files = new OpenFiles();
  const pid = String(process.pid);
  const stat = readFileSync("/proc/self/stat", "latin1");
  const ticks = BigInt(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]!);
  const begunMs = Date.now() - Number(readFileSync("/proc/uptime", "latin1").split(" ")[0]) * 1_000;
  const start = BigInt(Math.round(begunMs)) * 1_000_000n + ticks * 10_000_000n;
  const before = files.of(pid, String(start))!;
  assert.ok(before > 2);
  const held = Array.from({ length: 10 }, () => openSync("/dev/null", "r"));
  assert.is(files.of(pid, String(start)), before + 10);
  for (const one of held) closeSync(one);
  assert.is(files.of(pid, String(start + 5_000_000_000n)), null, "it began five seconds later");
  assert.is(files.of("999999999", String(start)), null);
  assert.is(files.of("../1", "x"), null);
});

test.run();
