// SPDX-License-Identifier: Apache-2.0
// What single events of a capture change, and how many alerts a burst of them raises.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { PolicyRunner } from "../../../host/engine/runner.js";
import { falcoPolicy, optionsIn } from "../../../host/falco/policy.js";
import { changeBefore } from "../../../host/recording/scap/change.js";
import { CONVERT, type RawEvent, tupleOf } from "../../../host/recording/scap/params.js";
import { newDescriptor, State } from "../../../host/recording/scap/state.js";
import { openBatch } from "../../../host/wire/batch.js";
import { BatchBuilder } from "../../../host/wire/builder.js";
import { scratch } from "../../e2e/programs.js";

const DUPFD = 1;
const SETFD = 3;
const DUPFD_CLOEXEC = 26;

function happen(state: State, name: string, params: Record<string, number>, width: Record<string, 1 | 8> = {}): void {
  const bytes = Object.entries(params).map(([key, value]): [string, Buffer] => {
    if (width[key] === 1) return [key, Buffer.from([value])];
    const buffer = Buffer.alloc(8);
    buffer.writeBigInt64LE(BigInt(value));
    return [key, buffer];
  });
  const event = { name, isEntryTold: false, entry: [], exit: [] };
  const raw = { event, tid: 7, time: 1n, isEntry: false, params: new Map(bytes) } as unknown as RawEvent;
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
    [1, 2, 9, 26, 29].map((number) => CONVERT.fcntl!(BigInt(number))),
    [0n, 1n, 7n, 1030n, 1032n],
  );
});

test("a call that changes the process is told of the process as it left it", () => {
  const state = new State();
  happen(state, "setuid", { uid: 33, res: 0 });
  assert.is(state.thread(7).uid, 33);
  happen(state, "setresuid", { ruid: 0, euid: 5, suid: 0, res: -1 });
  assert.is(state.thread(7).uid, 33);
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
