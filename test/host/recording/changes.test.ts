// SPDX-License-Identifier: Apache-2.0
// What single events of a capture change, and how many alerts a burst of them raises.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { PolicyRunner } from "../../../host/engine/runner.js";
import { optionsIn } from "../../../host/falco/options.js";
import { falcoPolicy } from "../../../host/falco/policy.js";
import { pieceOf } from "../../../host/recording/scap/block.js";
import { changeBefore } from "../../../host/recording/scap/change.js";
import { SCAP_EVENTS } from "../../../host/recording/scap/event-table.js";
import { CONVERT } from "../../../host/recording/scap/numbers.js";
import { EVENT_BLOCKS, RawEvent, tupleOf } from "../../../host/recording/scap/params.js";
import { newDescriptor, State } from "../../../host/recording/scap/state.js";
import { openBatch } from "../../../host/wire/batch.js";
import { BatchBuilder } from "../../../host/wire/builder.js";
import { scratch } from "../../e2e/programs.js";

const DUPFD = 1;
const SETFD = 3;
const DUPFD_CLOEXEC = 26;

// An event block of the counted form. Parameters are texts, or integers of 8 bytes unless `width`
// says otherwise.
function happen(
  state: State,
  name: string,
  params: Record<string, number | string>,
  width: Record<string, 1 | 8> = {},
): void {
  const [code, event] = [...SCAP_EVENTS].find(([, one]) => one.name === name)!;
  const bytes = event.exit.map((key) => {
    const value = params[key];
    if (typeof value === "string") return Buffer.from(`${value}\0`);
    if (width[key] === 1) return Buffer.from([value ?? 0]);
    const buffer = Buffer.alloc(value === undefined ? 0 : 8);
    if (value !== undefined) buffer.writeBigInt64LE(BigInt(value));
    return buffer;
  });
  const head = Buffer.alloc(28);
  head.writeBigUInt64LE(1n, 2);
  head.writeBigUInt64LE(7n, 10);
  head.writeUInt16LE(code + 1, 22);
  head.writeUInt32LE(bytes.length, 24);
  const body = Buffer.concat([head, ...bytes.map(({ length }) => Buffer.from([length, 0])), ...bytes]);
  body.writeUInt32LE(body.length - 2, 18);
  const raw = new RawEvent();
  assert.ok(raw.read(pieceOf(body), 0, body.length, EVENT_BLOCKS.get(0x216)!));
  changeBefore(state, state.thread(7), raw);
}

test("a descriptor that fcntl duplicates is followed, and closes on exec where that was asked", () => {
  const state = new State();
  const { descriptors } = state.thread(7);
  descriptors.set(3, { ...newDescriptor("f"), name: "/etc/shadow" });
  happen(state, "fcntl", { fd: 3, cmd: DUPFD, res: 9 }, { cmd: 1 });
  happen(state, "fcntl", { fd: 3, cmd: DUPFD_CLOEXEC, res: 10 }, { cmd: 1 });
  happen(state, "fcntl", { fd: 3, cmd: SETFD, res: 0 }, { cmd: 1 });
  happen(state, "fcntl", { fd: 3, cmd: DUPFD, res: -9 }, { cmd: 1 });
  assert.equal(
    [...descriptors].map(([fd, { name, closesOnExec }]) => [fd, name, closesOnExec]),
    [
      [3, "/etc/shadow", false],
      [9, "/etc/shadow", false],
      [10, "/etc/shadow", true],
    ],
  );
});

test("commands of fcntl have the kernel's numbers", () => {
  assert.equal(
    [1, 2, 9, 26, 29].map((number) => CONVERT.fcntl!(number)),
    [0, 1, 7, 1030, 1032],
  );
});

test("a call that changes the process is told of the process as it left it", () => {
  const state = new State();
  happen(state, "setuid", { uid: 33, res: 0 });
  assert.is(state.thread(7).uid, 33);
  happen(state, "setresuid", { ruid: 0, euid: 5, suid: 0, res: -1 });
  assert.is(state.thread(7).uid, 33);
});

test("of a thread that a capture does not tell of, neither folder nor user is known", () => {
  const state = new State();
  const thread = state.thread(7);
  assert.equal([thread.cwd, thread.uid, thread.gid], [null, 2 ** 32 - 1, 2 ** 32 - 1]);
  happen(state, "chdir", { res: 0, path: "below" });
  assert.is(thread.cwd, null, "below what, nobody knows");
  happen(state, "chdir", { res: 0, path: "/srv" });
  happen(state, "chdir", { res: 0, path: "below" });
  assert.is(thread.cwd, "/srv/below");
});

test("what a return does not hold is its entry's, and wrong sizes are no numbers", () => {
  const event = (code: number, sizes: readonly (readonly [size: number, value: number])[]) => {
    const bytes = sizes.map(([size, value]) => Buffer.alloc(size, value));
    const head = Buffer.alloc(24);
    head.writeUInt16LE(code, 22);
    const body = Buffer.concat([head, ...bytes.map(({ length }) => Buffer.from([length, 0])), ...bytes]);
    body.writeUInt32LE(body.length - 2, 18);
    const raw = new RawEvent();
    assert.ok(raw.read(pieceOf(body), 0, body.length, EVENT_BLOCKS.get(0x204)!));
    return raw;
  };
  const [WRITE, WRITTEN] = [8, 9];
  const raw = event(WRITTEN, [[8, 0xff]]);
  raw.entry = event(WRITE, [
    [8, 1],
    [3, 1],
  ]);
  assert.equal([raw.int("res"), raw.uint("res")], [-1, 2 ** 64]);
  assert.is(raw.int("fd"), 0x01010101 * (2 ** 32 + 1));
  assert.equal([raw.int("size"), raw.has("size"), raw.has("data"), raw.int("data")], [null, true, false, null]);
  assert.is(raw.size, 8 + 8 + 3);
});

test("a connection of IPv4 over a socket of IPv6 has IPv4 addresses", () => {
  const mapped = (last: number) => [...Buffer.alloc(10), 0xff, 0xff, 10, 0, 0, last];
  const ends = tupleOf(Buffer.from([10, ...mapped(1), 0x50, 0, ...mapped(2), 0xbb, 1]));
  assert.ok(ends !== null && typeof ends !== "string");
  assert.equal([[...ends.cip], ends.cport, [...ends.sip], ends.sport], [[10, 0, 0, 1], 80, [10, 0, 0, 2], 443]);
});

for (const [falcoExact, raised] of [
  [false, 1000],
  [true, 5000],
] as const) {
  test(`of 5000 alerts ${raised} are raised ${falcoExact ? "with" : "without"} --falco-exact, and the others are counted`, async () => {
    const file = join(scratch(), "rules.yaml");
    writeFileSync(file, "- {rule: r, desc: d, condition: evt.type=open, output: o, priority: INFO}\n");
    const flags = { falcoRules: [file], option: [], tag: [], withoutTag: [], withoutRule: [], falcoExact };
    const { policy } = await falcoPolicy(flags, optionsIn(flags), () => {});
    const runner = new PolicyRunner(policy!);
    const b = new BatchBuilder();
    for (let i = 0; i < 5000; i++) b.record("open", { result: 3 });
    const batch = openBatch(b.bytes());
    const { alerts, dropped } = runner.judge(batch);
    const summaries = [...alerts, ...runner.finish(batch.clock)].filter((alert) => alert.source === "internal");
    assert.is(alerts.length - alerts.filter((alert) => alert.source === "internal").length, raised);
    assert.is(raised + dropped, 5000);
    assert.is(summaries.length > 0, !falcoExact);
  });
}

test.run();
