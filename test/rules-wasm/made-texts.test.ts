// SPDX-License-Identifier: Apache-2.0
// Texts that the SDK puts together of others: each is made once a batch, whatever the number of events that
// ask for it, and two of them can be held at once.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { cleanUp, loadSource, Running, type ShortEvent } from "./shared.js";

const running = new Running(
  await loadSource(`import { note, Openat, Priority, Read, rule } from "vedette";
@rule({ name: "read", priority: Priority.Debug })
export function read(e: Read): bool {
  const line = e.proc.cmdline, args = e.proc.args.joined;
  return line.endsWith("last") && args.endsWith("last") && line.size == args.size + e.proc.name.size + 1 && e.res == 7;
}
@rule({ name: "open", priority: Priority.Debug })
export function open(e: Openat): bool {
  const line = e.proc.cmdline, args = e.proc.args.joined, other = e.proc.parent.cmdline;
  note(line.toString() + "|" + args.toString() + "|" + other.toString() + "|" + e.proc.parent.args.joined.toString());
  return true;
}
`),
);
const LONG = [...Array.from({ length: 64 }, () => "x".repeat(63)), "last"];
const readOf = (proc: ShortEvent[1], i: number, all: number): ShortEvent => [
  "read",
  { fd: "/etc/hosts", data: "x", res: i === all - 1 ? 7 : 1, proc: { name: "cat", args: LONG, ...proc } },
];

test("thousands of reads of a process with long arguments take its memory once", () => {
  const reads = Array.from({ length: 5000 }, (_, i) => readOf({}, i, 5000));
  running.judge(readOf({}, 0, 1));
  const before = running.memoryBytes;
  assert.is(running.judge(...reads).length, 1, "the last one is judged");
  assert.equal(running.faults, []);
  assert.is(running.memoryBytes, before);
});

test("processes that share their arguments share the text", () => {
  const before = running.memoryBytes;
  const reads = Array.from({ length: 1500 }, (_, i) => readOf({ pid: 2000 + i }, i, 1500));
  assert.is(running.judge(...reads).length, 1);
  assert.equal(running.faults, []);
  assert.is(running.memoryBytes, before);
});

test("each process and list has its own text, in this batch and the next", () => {
  const opened = (i: number): ShortEvent => {
    const parent = i % 2 === 0 ? { name: `p${i}`, args: [] } : { name: "p", args: [`${i}`, "", "z"] };
    return ["openat", { name: "/x", flags: 0, proc: { name: `n${i}`, args: ["a", `${i}`], pid: 3000 + i, parent } }];
  };
  const told = (i: number): string => `open n${i} a ${i}|a ${i}|${i % 2 === 0 ? `p${i}|` : `p ${i}  z|${i}  z`}`;
  for (const numbers of [[0, 1, 2, 3, 1, 0], Array.from({ length: 90 }, (_, i) => 4 + (i % 45)), [3, 2]]) {
    assert.equal(running.judge(...numbers.map(opened)), numbers.map(told));
  }
});

test.after(cleanUp);
test.run();
