// SPDX-License-Identifier: Apache-2.0
// The forms of vedette trace: a flat JSON object, a line for people, a summary.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { EVENTS } from "../../../build/generated/events.js";
import { EventJson } from "../../../host/output/event-json.js";
import { EventText } from "../../../host/output/event-text.js";
import { lossText, Summary } from "../../../host/output/summary.js";
import { type Batch, openBatch } from "../../../host/wire/batch.js";
import { BatchBuilder } from "../wire/builder.js";

function session(): Batch {
  const builder = new BatchBuilder({ first: 41 });
  const cat = builder.process({ pid: 9, ppid: 8, name: "cat", exepath: "/bin/cat", args: ["x"], cwd: "/tmp" });
  const hosts = builder.descriptor({ type: "f", name: "/etc/hosts" });
  const common = { process: cat, tid: 9, time: 1_470_327_477_881_781_397n };
  builder.record("openat", {
    ...common,
    descriptor: hosts,
    fd: 3,
    result: 3,
    latency: 1500,
    params: { dirfd: -100, name: "/etc/hosts", flags: 0, mode: 0 },
  });
  builder.record("read", {
    ...common,
    descriptor: hosts,
    fd: 3,
    result: 5,
    latency: 700,
    flags: 4,
    params: { data: Buffer.from("a\nb"), size: 100 },
  });
  builder.record("openat", {
    ...common,
    result: -2,
    latency: 1000,
    params: { dirfd: -100, name: "no\n\u001b[m", flags: 0, mode: 0 },
  });
  builder.record("read", {
    ...common,
    descriptor: hosts,
    fd: 3,
    result: -(2n ** 63n),
    flags: 0x10,
    params: { size: 1 },
  });
  builder.record("read", { ...common, descriptor: hosts, fd: 3, result: 0, flags: 1, params: { size: 1 } });
  return openBatch(builder.bytes());
}

function lines(batch: Batch, form: EventJson | EventText): string[] {
  return [...batch.offsets].map((at) => form.line(batch, at));
}

test("an event is one flat object of Falco's names", () => {
  const [, read] = lines(session(), new EventJson());
  assert.equal(JSON.parse(read as string), {
    "evt.num": 42,
    "evt.time": Number(1_470_327_477_881_781_397n), // what a double keeps; the text has all digits
    "evt.type": "read",
    "evt.rawres": 5,
    "evt.res": "SUCCESS",
    "evt.arg.res": "5",
    "evt.arg.data": "a.b",
    "evt.arg.fd": "3",
    "evt.arg.size": "100",
    "evt.buffer": "a.b",
    "fd.num": 3,
    "fd.name": "/etc/hosts",
    "fd.realpath": null,
    "fd.type": "file",
    "proc.name": "cat",
    "proc.exepath": "/bin/cat",
    "proc.cmdline": "cat x",
    "proc.pid": 9,
    "proc.ppid": 8,
    "thread.tid": 9,
    "vedette.tier": "trace",
  });
  assert.match(read as string, '"evt.time":1470327477881781397,');
});

test("texts that stand once in a batch are those of their own record, also in the next batch", () => {
  const form = new EventJson();
  const of = (name: string, data: string): Batch => {
    const builder = new BatchBuilder();
    const process = builder.process({ name });
    builder.record("write", { process, result: 1, params: { data: Buffer.from(data), size: 1 } });
    builder.record("write", {
      process: builder.process({ name: `${name}2` }),
      result: 1,
      params: { data: Buffer.from(`${data}!`), size: 1 },
    });
    return openBatch(builder.bytes());
  };
  const seen = [of("one", "abc"), of("two", "xyz")]
    .flatMap((batch) => lines(batch, form))
    .map((line) => JSON.parse(line));
  assert.equal(
    seen.map((event) => [event["proc.name"], event["evt.buffer"]]),
    [
      ["one", "abc"],
      ["one2", "abc!"],
      ["two", "xyz"],
      ["two2", "xyz!"],
    ],
  );
});

test("every event makes a valid line in both forms, even without a process", () => {
  const builder = new BatchBuilder();
  for (const event of EVENTS) builder.record(event.name);
  const batch = openBatch(builder.bytes());
  for (const line of lines(batch, new EventJson())) assert.ok(Object.keys(JSON.parse(line)).length > 10);
  for (const line of lines(batch, new EventText())) assert.not.match(line, "undefined");
});

test("a line for people reads like strace, with the thread in front and no control characters", () => {
  const shown = lines(session(), new EventText()).map((line) => line.replace(/\d\d:\d\d:\d\d\.\d+/, "TIME"));
  assert.equal(shown, [
    '9       TIME cat             openat(AT_FDCWD, "/etc/hosts", O_RDONLY, 0) = 3</etc/hosts>',
    '9       TIME cat             read(3</etc/hosts>, "a.b", 100) = 5 (cut)',
    '9       TIME cat             openat(AT_FDCWD, "/tmp/no\\n\\x1b[m", O_RDONLY, 0) = -1 ENOENT',
    "9       TIME cat             read(3</etc/hosts>, NULL, 1) = ? (never returned)",
    "9       TIME cat             read(3</etc/hosts>, NULL, 1) = 0 (inline)",
  ]);
});

test("a summary counts calls, errors, time and tiers; a call that never returned is no error", () => {
  const summary = new Summary();
  summary.add(session());
  const { events, lost, calls } = JSON.parse(summary.json({ lost: [0, 0, 0, 0, 0], missing: 0 }));
  assert.is(events, 5);
  assert.is(lost, 0);
  assert.equal(calls, {
    read: { count: 3, errors: 0, seconds: 0.0000007, tiers: { trace: 2, inline: 1, notify: 0, witness: 0 } },
    openat: { count: 2, errors: 1, seconds: 0.0000025, tiers: { trace: 2, inline: 0, notify: 0, witness: 0 } },
  });
  const text = summary.text({ lost: [0, 3, 0, 0, 0], missing: 1 });
  assert.equal(text.split("\n"), [
    "call    count  errors   seconds  trace  inline",
    "read        3       0  0.000001      2       1",
    "openat      2       1  0.000003      2       0",
    "5 events, 3 lost (3 host)",
  ]);
});

test("N8: what is no call has names for its arguments", () => {
  const builder = new BatchBuilder();
  builder.record("procexit", { tid: 9, params: { status: 256, ret: 1, sig: 0, core: false } });
  const batch = openBatch(builder.bytes());
  const [at = 0] = batch.offsets;
  assert.match(new EventText().line(batch, at), /procexit\(status=256, ret=1, sig=0, core=false, /);
});

test("N8: a call that returns twice is one call and two events", () => {
  const builder = new BatchBuilder();
  for (const result of [0, 12, -11]) builder.record("vfork", { tid: 9, result });
  const summary = new Summary();
  summary.add(openBatch(builder.bytes()));
  const { events, calls } = JSON.parse(summary.json({ lost: [], missing: 0 }));
  assert.equal([events, calls.vfork.count, calls.vfork.errors], [3, 2, 1]);
});

test("losses are the agent's counters, or the gaps when they are more", () => {
  assert.is(lossText({ lost: [], missing: 0 }), "0 lost");
  assert.is(lossText({ lost: [1, 2, 0, 0, 0], missing: 0 }), "3 lost (1 spool, 2 host)");
  assert.is(lossText({ lost: [], missing: 7 }), "7 lost");
});

test.run();
