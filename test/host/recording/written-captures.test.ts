// SPDX-License-Identifier: Apache-2.0
//
// Captures that Vedette writes: what our own reader finds in them is what was written, whatever the events
// are.
import {
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { EVENTS, type EventType, type Field, HEADER_SIZE } from "../../../build/generated/events.js";
import { pieceOf } from "../../../host/recording/scap/block.js";
import { Beginning, type CaptureSummary, CaptureWriter } from "../../../host/recording/scap/capture-writer.js";
import { CODES, SCAP_EVENTS } from "../../../host/recording/scap/event-table.js";
import { EVENT_BLOCKS, RawEvent } from "../../../host/recording/scap/params.js";
import { replay } from "../../../host/recording/scap/replay.js";
import { type Batch, openBatch } from "../../../host/wire/batch.js";
import { BatchBuilder, type SlotValue } from "../../../host/wire/builder.js";
import type { ContainerFacts } from "../../../host/wire/container.js";
import { fieldValue } from "../../../host/wire/fields.js";
import { isSpan } from "../../../host/wire/layout.js";
import { eventOf, resultOf, tidOf, timeOf } from "../../../host/wire/record.js";
import { readBytes } from "../../../host/wire/slot.js";
import { Random } from "../falco/random.js";

const folder = mkdtempSync(join(tmpdir(), "vedette-written-"));
const TOLD = EVENTS.filter(({ calls, name }) => calls.length > 0 || name === "procexit");

interface Written {
  readonly file: Buffer;
  readonly summary: CaptureSummary;
  readonly path: string;
}

let files = 0;

function write(batches: readonly Batch[], container: ContainerFacts | null = null, ending = ".scap"): Written {
  const beginning = new Beginning();
  beginning.hostname = "höst";
  beginning.container = container;
  for (const batch of batches) beginning.take(batch);
  const path = join(folder, `${++files}${ending}`);
  const writer = new CaptureWriter(path, beginning, { isZipped: ending.endsWith(".gz"), isForced: false });
  for (const batch of batches) writer.take(batch);
  const summary = writer.close();
  return { file: readFileSync(path), summary, path };
}

type Place = readonly [Batch, number];

function read(file: Buffer): { events: Place[]; summary: ReturnType<ReturnType<typeof replay>["summary"]> } {
  const { batches, summary } = replay(file, "written.scap");
  const events = [...batches].flatMap((bytes) => {
    const batch = openBatch(bytes);
    return [...batch.offsets].map((at) => [batch, at] as const);
  });
  return { events, summary: summary() };
}

const get = ([batch, at]: Place, name: string) => fieldValue(name)!(batch, at);

/** Parameters as they stand in the file, by name. */
function paramsOf(file: Buffer, wanted: string): Map<string, Buffer>[] {
  const out: Map<string, Buffer>[] = [];
  for (let at = 0; at < file.length; at += file.readUInt32LE(at + 4)) {
    const form = EVENT_BLOCKS.get(file.readUInt32LE(at));
    if (form === undefined || form.wide) continue;
    const raw = new RawEvent();
    assert.ok(raw.read(pieceOf(file), at + 8, at + file.readUInt32LE(at + 4) - 4, form));
    if (raw.event.name === wanted && !raw.isEntry)
      out.push(new Map(raw.event.exit.map((name) => [name, raw.bytes(name) ?? Buffer.alloc(0)])));
  }
  return out;
}

test("nearly every call has a type of event, the others are told by their number", () => {
  const generic = TOLD.filter(({ name }) => !CODES.has(name));
  const builder = new BatchBuilder();
  const process = builder.process({ pid: 7, name: "sh" });
  for (const { name } of generic) builder.record(name, { process, tid: 7 });
  const { file, summary } = write([openBatch(builder.bytes())]);
  assert.is(summary.events, generic.length);
  const { events } = read(file);
  assert.equal(
    events.map((event) => get(event, "evt.type")),
    generic.map(({ name }) => name),
  );
  assert.ok(events.every(([batch, at]) => resultOf(batch, at) === null));
  assert.ok(CODES.size >= 115);
});

test("events of Vedette itself and calls that never returned are left out and counted", () => {
  const builder = new BatchBuilder();
  builder
    .record("vedette.notice", { params: { text: "x" } })
    .record("close", { result: -(2n ** 63n) })
    .record("close");
  const { file, summary } = write([openBatch(builder.bytes())]);
  assert.equal(summary, { events: 1, ours: 1, unfinished: 1, cut: 0, leftOut: 0, labels: 0 });
  assert.is(read(file).events.length, 1);
});

test("what was there before the first event is told: processes, their parents, descriptors, users", () => {
  const builder = new BatchBuilder();
  const pipe = builder.descriptor({ type: "p", name: "pipe:[9]", ino: 9 });
  const log = builder.descriptor({ type: "f", name: "/var/log/x", dev: 5, ino: 6 });
  const unix = builder.descriptor({ type: "u", name: "1f->2e /run/s", ino: 3 });
  const socket = builder.descriptor({
    type: "4",
    name: "10.0.0.1:5->10.0.0.2:443",
    cip: Buffer.of(10, 0, 0, 1),
    sip: Buffer.of(10, 0, 0, 2),
    cport: 5,
    sport: 443,
    l4proto: 6,
  });
  const init = builder.process({ pid: 1, ppid: 0, name: "init", exepath: "/sbin/init", uid: 0, user: "root" });
  const shell = builder.process({
    pid: 7,
    ppid: 1,
    parent: init,
    vpid: 3,
    sid: 7,
    pgid: 7,
    tty: 34816,
    uid: 1000,
    gid: 100,
    loginuid: 1000,
    name: "sh",
    exe: "-sh",
    exepath: "/bin/sh",
    args: ["-l", "", "x y"],
    env: ["A=1", "B="],
    cwd: "/home/u",
    cgroup: `/docker/${"ab".repeat(32)}`,
    user: "u",
    group: "users",
    home: "/home/u",
    shell: "/bin/sh",
    cap_effective: 5n,
    exe_flags: 1,
    exe_ino: 77,
    fd_limit: 1024,
    stdin: pipe,
  });
  for (const [fd, descriptor] of [
    [0, pipe],
    [5, log],
    [6, unix],
    [9, socket],
  ] as const)
    builder.record("read", { process: shell, tid: 7, fd, descriptor, result: 1, params: { data: "x", size: 1 } });
  builder.record("read", { process: shell, tid: 8, fd: 5, descriptor: log, result: 0 });
  const batch = openBatch(builder.bytes());
  const { events } = read(write([batch]).file);
  const names =
    `proc.pid proc.ppid proc.pname proc.vpid proc.sid proc.vpgid proc.tty proc.name proc.exe proc.exepath proc.args
    proc.env proc.cwd thread.tid user.uid user.name user.loginuid user.loginname user.homedir user.shell group.gid group.name
    container.full_id thread.cap_effective proc.is_exe_writable proc.exe_ino proc.stdin.name fd.name fd.type fd.num fd.cip
    fd.sip fd.cport fd.sport fd.l4proto thread.cgroups`.split(/\s+/);
  for (const [i, at] of batch.offsets.entries())
    for (const name of names)
      if (!["container.full_id", "user.loginname"].includes(name))
        assert.equal(get(events[i]!, name), get([batch, at], name), `${name} of event ${i}`);
  assert.is(get(events[0]!, "container.full_id"), "ab".repeat(32));
  assert.is(get(events[1]!, "fd.dev"), 5);
  assert.is(get(events[4]!, "thread.tid"), 8);
});

const FACTS: ContainerFacts = {
  id: "4f0c-17",
  name: "web",
  type: "ecs",
  image: "shop/web:3",
  imageId: null,
  imageRepository: "shop/web",
  imageTag: "3",
  imageDigest: null,
  labels: { team: "shop" },
  ip: "10.0.0.9",
  cluster: "c",
  service: null,
  taskArn: "arn:x",
  taskFamily: null,
  taskRevision: null,
  containerArn: null,
  availabilityZone: null,
};

/** Bodies of the blocks of one type. */
function blocksOf(file: Buffer, type: number): Buffer[] {
  const out: Buffer[] = [];
  for (let at = 0; at < file.length; at += file.readUInt32LE(at + 4))
    if (file.readUInt32LE(at) === type) out.push(file.subarray(at + 8, at + file.readUInt32LE(at + 4) - 4));
  return out;
}

/** Arguments, environment and control groups of a list's first process, as they stand there. */
function listsOf(body: Buffer): Buffer[] {
  let at = 4 + 5 * 8;
  const sized = (): Buffer => {
    const size = body.readUInt16LE(at);
    at += 2 + size;
    return body.subarray(at - size, at);
  };
  for (let i = 0; i < 3; i++) sized(); // name, exe, exepath
  const args = sized();
  sized(); // cwd
  at += 8 + 3 * 4 + 3 * 4 + 2 * 8;
  const env = sized();
  at += 2 * 8;
  return [args, env, sized()];
}

test("each text of a list ends with NUL, also where it was cut, and in events as in the list of processes", () => {
  const GIVEN = ["a\0b\0", "a\0b", `${"x".repeat(4_000)}\0${"y".repeat(500)}`, "z".repeat(9_000), "", "\0"];
  for (const given of GIVEN) {
    const builder = new BatchBuilder();
    const [args, env] = [Buffer.from(given), Buffer.from(given)];
    const process = builder.process({ pid: 7, name: "x", exe: "x", args, env, cgroup: "/c" });
    builder.record("close", { process, tid: 7, fd: 9 });
    builder.record("execve", { process, tid: 7, params: { filename: "/x" } });
    const { file, summary } = write([openBatch(builder.bytes())]);
    assert.is(summary.cut, 0);
    const listed = listsOf(blocksOf(file, 0x215)[0]!);
    const ended = given === "" || given.endsWith("\0") ? given : `${given}\0`;
    const cut = ended.length > 4_096 ? `${ended.slice(0, 4_095)}\0` : ended;
    assert.equal(listed.map(String), [cut, cut, "memory=/c\0"], JSON.stringify(given.slice(0, 20)));
    const [execve] = paramsOf(file, "execve");
    assert.equal([String(execve!.get("args")), String(execve!.get("env"))], [ended, ended]);
  }
  const builder = new BatchBuilder();
  const process = builder.process({
    pid: 7,
    exe: "x",
    args: Buffer.alloc(90_000, "a"),
    env: Buffer.alloc(90_000, "b"),
  });
  builder.record("execve", { process, tid: 7, params: { filename: "/x" } });
  const { file, summary } = write([openBatch(builder.bytes())]);
  assert.is(summary.cut, 2);
  for (const name of ["args", "env"]) assert.is(paramsOf(file, "execve")[0]!.get(name)!.at(-1), 0, name);
});

test("a container is told by an event with sizes of 32 bits, and comes back", () => {
  const batch = openBatch(new BatchBuilder().record("close").bytes());
  const { file } = write([batch], FACTS);
  const capture = replay(file, "x");
  assert.is([...capture.batches].length, 1);
  assert.equal(capture.container(), FACTS);
  assert.equal(capture.summary(), { events: 1, skipped: 0, unknownBlocks: 0, isTruncated: false });
  let at = 0;
  while (file.readUInt32LE(at) !== 0x221) at += file.readUInt32LE(at + 4);
  const [code, count, size] = [file.readUInt16LE(at + 30), file.readUInt32LE(at + 32), file.readUInt32LE(at + 36)];
  assert.equal([code, count], [324, 1]);
  const json = JSON.parse(file.toString("utf8", at + 40, at + 40 + size - 1)) as { container: Record<string, unknown> };
  assert.is(json.container.name, "web");
  assert.is(json.container.imagetag, "3");
});

test("names survive byte for byte: 4 KiB arguments, control characters, invalid UTF-8", () => {
  const hostile = Buffer.from(Array.from({ length: 4096 }, (_, i) => 1 + ((i * 31) % 255)));
  const argument = Buffer.concat([
    hostile,
    Buffer.of(0),
    Buffer.from("\u001b[2J\n\r\t"),
    Buffer.of(0xff, 0xc3, 0x28, 0),
  ]);
  const builder = new BatchBuilder();
  const process = builder.process({ pid: 7, name: "x", args: argument, exe: hostile, cwd: hostile });
  builder.record("execve", { process, tid: 7, params: { filename: hostile } });
  builder.record("openat", { process, tid: 7, result: -2, params: { name: hostile, dirfd: -100, flags: 0, mode: 0 } });
  const { file, summary } = write([openBatch(builder.bytes())]);
  assert.is(summary.cut, 0);
  const [execve] = paramsOf(file, "execve");
  const text = Buffer.concat([hostile, Buffer.of(0)]);
  assert.ok(execve!.get("args")!.equals(argument));
  assert.ok(execve!.get("exe")!.equals(text));
  assert.ok(execve!.get("filename")!.equals(text));
  assert.ok(paramsOf(file, "openat")[0]!.get("name")!.equals(text));
  const { events } = read(file);
  const [batch, at] = events[1]!;
  const slot = eventOf(batch, at).params.find(({ name }) => name === "name")!.slot;
  assert.ok(readBytes(batch, batch.recordView, at + HEADER_SIZE + 8 * slot)!.equals(hostile));
});

test("an event that is too large for a block is cut at its longest parameters, and a text still ends", () => {
  const builder = new BatchBuilder();
  const process = builder.process({ pid: 7, args: Buffer.alloc(90_000, "a"), env: Buffer.alloc(40_000, "b") });
  const path = Buffer.alloc(70_000, "c");
  builder.record("execve", { process, tid: 7, params: { filename: "/bin/true" } });
  builder.record("symlink", { process, tid: 7, params: { target: path, linkpath: path } });
  const { file, summary } = write([openBatch(builder.bytes())]);
  assert.ok(summary.cut >= 3);
  for (let at = 0; at < file.length; at += file.readUInt32LE(at + 4))
    if (file.readUInt32LE(at) === 0x216) assert.ok(file.readUInt32LE(at + 4) <= 65_536);
  const [execve] = paramsOf(file, "execve");
  assert.ok(execve!.get("args")!.length > 20_000);
  assert.is(execve!.get("filename")!.toString(), "/bin/true\0");
  for (const name of ["target", "linkpath"]) {
    const text = paramsOf(file, "symlink")[0]!.get(name)!;
    assert.ok(text.length > 20_000 && text.at(-1) === 0 && text.indexOf(0) === text.length - 1);
  }
});

test("a gzipped capture is the same, and one that is cut off gives what came before", () => {
  const builder = new BatchBuilder();
  const process = builder.process({ pid: 7, name: "x" });
  for (let i = 0; i < 500; i++) builder.record("close", { process, tid: 7, fd: i });
  const batches = [openBatch(builder.bytes())];
  const [plain, zipped] = [write(batches), write(batches, null, ".scap.gz")];
  assert.ok(gunzipSync(zipped.file).equals(plain.file));
  assert.is(read(zipped.file).events.length, 500);
  const cut = read(plain.file.subarray(0, plain.file.length - 5));
  assert.equal([cut.events.length, cut.summary.isTruncated], [499, true]);
});

test("a file is its owner's alone, and takes the place of nothing unasked", () => {
  const options = { isZipped: false, isForced: false };
  const path = join(folder, "mine.scap");
  new CaptureWriter(path, new Beginning(), options).close();
  assert.is(statSync(path).mode & 0o777, 0o600);
  const refused = (name: string) =>
    assert.throws(
      () => new CaptureWriter(join(folder, name), new Beginning(), options),
      (error: { code: string }) => error.code === "VEDETTE_SCAP_UNWRITABLE",
    );
  refused("mine.scap");
  refused("missing/x.scap");
  const victim = join(folder, "victim");
  writeFileSync(victim, "precious");
  symlinkSync(victim, join(folder, "link.scap"));
  refused("link.scap");
  new CaptureWriter(join(folder, "link.scap"), new Beginning(), { ...options, isForced: true }).close();
  assert.is(readFileSync(victim, "utf8"), "precious");
  assert.not.ok(lstatSync(join(folder, "link.scap")).isSymbolicLink());
  const left = new CaptureWriter(join(folder, "half.scap"), new Beginning(), options);
  left.abandon();
  assert.is(lstatSync(join(folder, "half.scap"), { throwIfNoEntry: false }), undefined);
});

test("an old capture stays until the new one is whole, and after any error", () => {
  const own = mkdtempSync(join(folder, "old-"));
  const path = join(own, "x.scap");
  writeFileSync(path, "old");
  const begin = () => new CaptureWriter(path, new Beginning(), { isZipped: false, isForced: true });
  const writer = begin();
  assert.is(readFileSync(path, "utf8"), "old", "while it is written");
  writer.abandon();
  assert.equal([readdirSync(own), readFileSync(path, "utf8")], [["x.scap"], "old"]);
  begin().close();
  assert.is(readFileSync(path).readUInt32LE(0), 0x0a0d0d0a);
  assert.equal(readdirSync(own), ["x.scap"], "nothing beside it");
  // Whoever makes a file of that name meanwhile keeps it, and the other one says so.
  const late = new CaptureWriter(join(own, "y.scap"), new Beginning(), { isZipped: false, isForced: false });
  writeFileSync(join(own, "y.scap"), "theirs");
  assert.throws(
    () => late.close(),
    (error: { code: string; message: string }) =>
      error.code === "VEDETTE_SCAP_UNWRITABLE" && /already/.test(error.message),
  );
  assert.is(readFileSync(join(own, "y.scap"), "utf8"), "theirs");
  assert.equal(readdirSync(own).sort(), ["x.scap", "y.scap"]);
  // A folder gives way to nothing.
  assert.throws(() => new CaptureWriter(own, new Beginning(), { isZipped: false, isForced: true }), /no file/);
});

/** Values of all kinds, also such as no call can have. */
function valueFor(r: Random, { type, name }: Field): SlotValue {
  const bytes = (max: number) => Buffer.from(Array.from({ length: r.below(max) }, () => 1 + r.below(255)));
  if (r.below(8) === 0) return null;
  if (type === "sockaddr") {
    const family = r.of([1, 2, 10, 16, 255]);
    return Buffer.concat([Buffer.of(family, 0), bytes(r.of([1, 30, 120]))]);
  }
  if (type === "strlist") return Buffer.concat([...Array(r.below(6))].flatMap(() => [bytes(20), Buffer.of(0)]));
  if (["path", "relpath", "str"].includes(type)) return bytes(r.of([2, 20, 300]));
  if (type === "bytes") return Buffer.from(Array.from({ length: r.below(90) }, () => r.below(256)));
  if (name === "flags" || r.below(3) > 0) return r.of([-1, 0, 1, 2, 3, 4, 5, 7, 26, 80, 1000]);
  return BigInt.asIntN(64, (BigInt(r.below(2 ** 31)) << BigInt(r.below(40))) * r.of([1n, -1n]));
}

function randomBatch(r: Random): Batch {
  const builder = new BatchBuilder();
  const text = () => Buffer.from(Array.from({ length: r.below(40) }, () => r.below(256)));
  const ip = () => Buffer.from(Array.from({ length: r.of([4, 16, 3]) }, () => r.below(256)));
  const descriptors = Array.from({ length: 8 }, () =>
    builder.descriptor({
      type: r.of([..."fd46unopesltimbr", "\u0001"]),
      name: r.of<SlotValue>([text(), "1f->0 /run/x", null]),
      cip: r.of([ip(), null]),
      sip: r.of([ip(), null]),
      cport: r.of([1, 70_000, null]),
      sport: r.of([443, null]),
      l4proto: r.of([6, 17, 99, null]),
      dev: r.of<SlotValue>([5, -1, null]),
      ino: r.of<SlotValue>([6, 2n ** 62n, null]),
    }),
  );
  const processes: number[] = [];
  for (let i = 0; i < 6; i++)
    processes.push(
      builder.process({
        pid: r.of([1 + i, 7, null]),
        ppid: r.of([0, 1, 7, null]),
        parent: r.of([processes.at(-1) ?? null, null]),
        vpid: r.of([1, null]),
        uid: r.of([0, 1000, -1, null]),
        gid: r.of([0, null]),
        user: r.of([text(), null]),
        group: r.of([text(), null]),
        name: text(),
        exe: r.of([text(), null]),
        args: text(),
        env: text(),
        cwd: text(),
        cgroup: text(),
        stdin: r.of([descriptors[0]!, null]),
        exe_flags: r.below(16),
      }),
    );
  for (let i = 0; i < 150; i++) {
    const type = r.of(TOLD as EventType[]);
    const params = type.params.filter(({ slot }) => slot >= 0).map((param) => [param.name, valueFor(r, param)]);
    builder.record(type.name, {
      process: r.of([...processes, undefined] as number[]),
      descriptor: r.of([...descriptors, undefined] as number[]),
      tid: r.of([1, 2, 3, 7, 8]),
      fd: r.of([-1, 0, 3, 9]),
      result: r.of([0, 0, 3, -2, -115, 8]),
      time: 1_700_000_000_000_000_000n + BigInt(i),
      params: Object.fromEntries(params),
    });
  }
  return openBatch(builder.bytes());
}

/** Texts and bytes whose parameter the file has. */
function bytesOf([batch, at]: Place): Map<string, Buffer> {
  const type = eventOf(batch, at);
  const code = CODES.get(type.name);
  const event = code === undefined ? undefined : SCAP_EVENTS.get(code);
  const held = new Set([...(event?.exit ?? []), ...(type.name === "execveat" ? ["pathname"] : [])]);
  const out = new Map<string, Buffer>();
  for (const param of type.params) {
    if (param.slot < 0 || !isSpan(param) || param.type === "sockaddr" || !held.has(param.name)) continue;
    const bytes = readBytes(batch, batch.recordView, at + HEADER_SIZE + 8 * param.slot);
    if (bytes !== null) out.set(param.name, Buffer.from(bytes));
  }
  return out;
}

test("events at random make no file that the reader refuses, and come back with their texts and bytes", () => {
  const r = new Random(20261127);
  for (let round = 0; round < 60; round++) {
    const batches = [randomBatch(r), randomBatch(r)];
    const { file } = write(batches, r.of([FACTS, null]), r.of([".scap", ".scap.gz"]));
    const { events, summary } = read(file);
    assert.is(summary.isTruncated, false);
    const written = batches.flatMap((batch) => [...batch.offsets].map((at) => [batch, at] as const));
    assert.is(events.length, written.length);
    for (const [i, place] of written.entries()) {
      const [batch, at] = place;
      const [readBatch, readAt] = events[i]!;
      const type = eventOf(batch, at);
      const heads = [place, events[i]!].map(([b, a]) => [eventOf(b, a).name, tidOf(b, a), timeOf(b, a)]);
      assert.equal(heads[1], heads[0]);
      if (CODES.has(type.name) && type.name !== "procexit")
        assert.is(resultOf(readBatch, readAt), resultOf(batch, at), type.name);
      const found = bytesOf(events[i]!);
      for (const [name, bytes] of bytesOf(place))
        assert.ok((found.get(name) ?? Buffer.alloc(0)).equals(bytes), `${type.name}.${name} of round ${round}`);
    }
  }
});

test.after(() => rmSync(folder, { recursive: true, force: true }));

test.run();
