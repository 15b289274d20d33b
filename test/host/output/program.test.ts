// SPDX-License-Identifier: Apache-2.0
// Alerts to a program: one process for each alert, or one for all; programs that fail, hang, read nothing, or
// end in between; and nothing of them is left when the output is closed.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { queryObjects } from "node:v8";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { VedetteError } from "../../../host/errors.js";
import { Backlog } from "../../../host/output/backlog.js";
import { ProgramCarrier } from "../../../host/output/program.js";
import { RECEIVER_LIMITS } from "../../../host/output/registry.js";
import { until } from "../../until.js";
import { NEVER_STUCK } from "./shared.js";

const root = mkdtempSync(join(tmpdir(), "vedette-program-"));
test.after(() => rmSync(root, { recursive: true }));
let files = 0;

/** `TO` in the program is a file of its own. */
function output(program: string, isKept: boolean, times = {}, limits = {}) {
  const path = join(root, String(++files));
  const settings = { program: program.replaceAll("TO", path), isKept, capacity: 1_000 };
  const faults: VedetteError[] = [];
  const queue = new Backlog({
    name: "program_output",
    kind: "program",
    carrier: new ProgramCarrier(settings, { runMs: 5_000, endMs: 2_000, ...times }),
    limits: {
      ...{ ...RECEIVER_LIMITS, ...NEVER_STUCK, count: 1_000, batchCount: isKept ? 100 : 1 },
      ...{ retryMs: 5, retryMsMax: 20, ...limits },
    },
    text: String,
    onFault: (error) => faults.push(error),
  });
  const written = (): string => (existsSync(path) ? readFileSync(path, "utf8") : "");
  return { queue, faults, written, path };
}

/** Whether it lives: a zombie does not. */
function lives(pid: string): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

test("each alert has a process of its own, in order, with its line and the end of its input", async () => {
  const { queue, faults, written } = output('{ cat /dev/stdin; echo "end"; } >> TO', false);
  for (const line of ["one", "$(two) `two` 'two' \u00e9"]) queue.push(line);
  await until("both", () => queue.stats().sent === 2);
  await queue.close();
  assert.equal([written(), faults], ["one\nend\n$(two) `two` 'two' \u00e9\nend\n", []]);
});

test("one process gets all alerts, until SIGHUP: then the next one has another", async () => {
  const { queue, faults, written } = output('while read -r line; do echo "$line" >> TO; done; echo "end" >> TO', true);
  for (const line of ["one", "two"]) queue.push(line);
  await until("both", () => written() === "one\ntwo\n");
  queue.reopen();
  await until("its end", () => written() === "one\ntwo\nend\n");
  queue.push("three");
  await until("the next", () => written().endsWith("three\n"));
  await queue.close();
  assert.equal([written(), faults, queue.stats().sent], ["one\ntwo\nend\nthree\nend\n", [], 3]);
});

test("a program that fails has not taken the alert: that is told once and counted, and the next one runs", async () => {
  const { queue, faults, written } = output("read -r line; echo $line >> TO; [ $line = good ]", false);
  for (const line of ["bad", "worse", "good"]) queue.push(line);
  await until("all", () => queue.stats().sent === 1);
  await queue.close();
  assert.equal(written(), "bad\nworse\ngood\n");
  assert.equal([queue.stats().dropped.refused, faults.map(({ code }) => code)], [2, ["VEDETTE_PROGRAM_OUTPUT"]]);
  assert.match(faults[0]?.message ?? "", "program_output: it ended with status 1");
  assert.not.match(faults[0]?.message ?? "", "read -r", "a command may hold a token");
});

test("a program that hangs is killed with what it has started, and holds only its own alert up", async () => {
  const hangs = "read -r line; [ $line = good ] || { sleep 600 & echo $! >> TO; wait; }";
  const { queue, faults, written } = output(hangs, false, { runMs: 2_500 });
  for (const line of ["bad", "good"]) queue.push(line);
  await until("the good one", () => queue.stats().sent === 1);
  await queue.close();
  assert.match(faults[0]?.message ?? "", "it took longer than 2.5 s, and was killed");
  assert.match(written(), /^\d+\n$/, "it had started a child");
  await until("its child is gone, too", () => !lives(written().trim()));
  assert.is(queue.stats().dropped.refused, 1);
});

test("one that is kept and ends is started again for the next alert", async () => {
  const { queue, written } = output('read -r line; echo "$line $$" >> TO', true);
  for (const [i, line] of ["one", "two", "three"].entries()) {
    queue.push(line);
    await until(line, () => written().split("\n").length > i + 1);
    await until("it has ended", () => !lives(written().trim().split(" ").at(-1) ?? ""));
  }
  await queue.close();
  assert.match(written(), /^one \d+\ntwo \d+\nthree \d+\n$/);
  assert.is(queue.stats().dropped.refused, 0);
});

test("one that is kept and reads nothing holds nobody up, and is killed at the end", async () => {
  const { queue, written } = output("echo $$ > TO; exec sleep 600", true, { endMs: 100 }, { closeMs: 200 });
  for (let i = 0; i < 200; i++) queue.push("x".repeat(4_096));
  await until("it runs", () => written() !== "");
  await until("the pipe is full", () => queue.stats().sent + queue.stats().queued === 200);
  await queue.close();
  const { sent, dropped } = queue.stats();
  assert.is(sent + dropped.closed, 200);
  assert.ok(dropped.closed > 0);
  await until("it is gone", () => !lives(written().trim()));
});

test("what is under way at the end is killed when its time is up", async () => {
  const { queue, written } = output("echo $$ > TO; exec sleep 600", false, {}, { closeMs: 200 });
  queue.push("one");
  await until("it runs", () => written() !== "");
  await queue.close();
  await until("it is gone", () => !lives(written().trim()));
  assert.is(queue.stats().dropped.closed, 1);
});

test("a program that is none is told by the shell's status", async () => {
  const { queue, faults } = output("/nonesuch/program 2>/dev/null", false);
  queue.push("one");
  await until("it is told", () => faults.length > 0);
  await queue.close();
  assert.match(faults[0]?.message ?? "", "it ended with status 127");
});

test("a process that is kept keeps nothing of the batches that it has got", async () => {
  const carrier = new ProgramCarrier({ program: "cat > /dev/null", isKept: true, capacity: 1 });
  const send = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++)
      assert.equal(await carrier.send([String(i)], new AbortController().signal), { outcome: "done" });
  };
  await send(10);
  const before = queryObjects(Promise, { format: "count" });
  await send(1_000);
  const more = queryObjects(Promise, { format: "count" }) - before;
  await carrier.close();
  assert.ok(more < 100, `${more} promises more`);
});

for (const isKept of [true, false]) {
  test(`one that nobody may kill is left to itself at the end (keep_alive=${isKept})`, async () => {
    const { queue, written } = output("echo $$ > TO; exec sleep 600", isKept, { endMs: 100 }, { closeMs: 200 });
    queue.push("one");
    await until("it runs", () => written().endsWith("\n"));
    const { kill } = process;
    process.kill = () => {
      throw Object.assign(new Error("kill EPERM"), { code: "EPERM" }); // as of another user's program
    };
    try {
      let isClosed = false;
      void queue.close().then(() => (isClosed = true));
      await until("it is closed", () => isClosed);
      assert.ok(lives(written().trim()));
    } finally {
      process.kill = kill;
      process.kill(Number(written()), "SIGKILL");
    }
  });
}

test.run();
