// SPDX-License-Identifier: Apache-2.0
// Alerts that wait on a disk: what a process wrote the next one has, in order, whatever ended the first one;
// doubles are the same bytes; and the bound holds. A model with an array says the same as the folder.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { VedetteError } from "../../../host/errors.js";
import { Backlog } from "../../../host/output/backlog.js";
import { DiskQueue, type StoredLine } from "../../../host/output/disk-queue.js";
import type { Sent } from "../../../host/output/output.js";
import { RECEIVER_LIMITS } from "../../../host/output/registry.js";
import { unlockFolder } from "../../../host/own-folder.js";
import { until } from "../../until.js";
import { otlpReceiver } from "./otlp-receiver.js";
import { NEVER_STUCK } from "./shared.js";

const MIB = 1 << 20;
const root = mkdtempSync(join(tmpdir(), "vedette-queue-"));
test.after(() => rmSync(root, { recursive: true }));
let nth = 0;
const fresh = (): string => join(root, String(nth++));
const segmentsIn = (folder: string): string[] => readdirSync(folder).filter((name) => name.endsWith(".seg"));
const sizeOf = (folder: string): number =>
  segmentsIn(folder).reduce((all, name) => all + statSync(join(folder, name)).size, 0);
const linesOf = (queue: DiskQueue): string[] => queue.read(1_000_000).map(({ line }) => line);

/** As a process that was killed leaves it: nothing is closed, and its lock is nobody's. */
const abandon = unlockFolder;

test("what was written is there for the next process, from the first line that was not acknowledged", () => {
  const folder = fresh();
  const before = new DiskQueue(folder, MIB);
  for (const line of ["a", "b", "ü\u0000", "d"]) before.append(line);
  const [, second] = before.read(2);
  before.done(second!.end);
  abandon(folder);
  const after = new DiskQueue(folder, MIB);
  assert.is(after.unread, 2);
  assert.equal(linesOf(after), ["ü\u0000", "d"]);
  after.close();
});

test("a record that was cut off ends the queue there; one whose bytes are others, too; and that is counted", () => {
  for (const spoil of [
    (path: string) => appendFileSync(path, Buffer.from([9, 0, 0, 0, 1, 2])),
    (path: string) => {
      const bytes = readFileSync(path);
      bytes[bytes.length - 1] = (bytes[bytes.length - 1] as number) ^ 1;
      writeFileSync(path, bytes);
    },
  ]) {
    const folder = fresh();
    const before = new DiskQueue(folder, MIB);
    for (const line of ["one", "two", "three"]) before.append(line);
    before.close();
    spoil(join(folder, segmentsIn(folder)[0]!));
    const after = new DiskQueue(folder, MIB);
    assert.ok(after.damaged > 0);
    assert.equal(linesOf(after).slice(0, 2), ["one", "two"]);
    after.append("four");
    assert.is(linesOf(after).at(-1), "four");
    after.close();
  }
});

test("it takes no more room than it may, and gives it back", () => {
  const folder = fresh();
  const queue = new DiskQueue(folder, MIB);
  const line = "x".repeat(1000);
  let count = 0;
  for (; queue.hasRoom(line.length); count++) queue.append(line);
  assert.ok(count > 1000, `${count}`);
  assert.ok(sizeOf(folder) <= MIB && queue.bytes === sizeOf(folder), `${sizeOf(folder)}`);
  const all = queue.read(count);
  queue.done(all[Math.floor(count / 2)]!.end);
  assert.ok(queue.hasRoom(line.length), "half of it was acknowledged");
  queue.done(all.at(-1)!.end);
  assert.equal([segmentsIn(folder).length, queue.bytes], [0, 0]);
  queue.close();
});

test("two processes do not use one folder", () => {
  const folder = fresh();
  mkdirSync(folder);
  const [, start = ""] = readFileSync(`/proc/${process.ppid}/stat`, "utf8").split(/\) (?=\S )/);
  writeFileSync(join(folder, "lock"), `${process.ppid} ${start.split(" ")[19]}`);
  assert.throws(
    () => new DiskQueue(folder, MIB),
    (error: VedetteError) => error.code === "VEDETTE_QUEUE_DISK" && error.message.includes(`process ${process.ppid}`),
  );
  writeFileSync(join(folder, "lock"), `${process.ppid} 1`); // a pid that was somebody else's before
  new DiskQueue(folder, MIB).close();
});

test("one process does not use a folder twice, by whatever name, and one that was refused leaves it as it was", () => {
  const folder = fresh();
  const first = new DiskQueue(folder, MIB);
  const link = fresh();
  symlinkSync(folder, link);
  for (const name of [folder, `${folder}/`, link])
    assert.throws(
      () => new DiskQueue(name, MIB),
      (error: VedetteError) => error.code === "VEDETTE_QUEUE_DISK" && error.message.includes("this process uses it"),
    );
  assert.ok(readFileSync(join(folder, "lock"), "utf8").startsWith(`${process.pid} `));
  first.close();
  mkdirSync(join(folder, "00000001.seg")); // cannot be read
  assert.throws(
    () => new DiskQueue(folder, MIB),
    (error: VedetteError) => !error.message.includes("uses it"),
  );
  rmdirSync(join(folder, "00000001.seg"));
  new DiskQueue(link, MIB).close();
});

test("another bound holds at once, and what is there stays", () => {
  const folder = fresh();
  const queue = new DiskQueue(folder, 4 * MIB);
  const line = "x".repeat(1000);
  for (let i = 0; i < 2000; i++) queue.append(line);
  queue.setBound(MIB);
  assert.not.ok(queue.hasRoom(1));
  const all = queue.read(2001);
  assert.is(all.length, 2000);
  queue.done(all[1999]!.end);
  for (; queue.hasRoom(line.length); ) queue.append(line);
  assert.ok(sizeOf(folder) <= MIB && segmentsIn(folder).length >= 4, `${sizeOf(folder)}`);
  queue.setBound(2 * MIB);
  assert.ok(queue.hasRoom(line.length));
  queue.close();
});

test("a folder is an array, whatever is appended, read, acknowledged and opened again", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("append" as const), line: fc.string({ unit: "binary", maxLength: 40_000 }) }),
    fc.record({ kind: fc.constant("read" as const), count: fc.integer({ min: 1, max: 8 }) }),
    fc.record({ kind: fc.constant("done" as const) }),
    fc.record({ kind: fc.constant("reopen" as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const folder = fresh();
      let queue = new DiskQueue(folder, MIB);
      const model: string[] = []; // what was not acknowledged
      let taken: ReturnType<DiskQueue["read"]> = [];
      for (const one of steps) {
        if (one.kind === "append" && queue.hasRoom(Buffer.byteLength(one.line))) {
          queue.append(one.line);
          model.push(Buffer.from(one.line).toString());
        } else if (one.kind === "read") {
          const more = queue.read(one.count);
          assert.equal(
            more.map(({ line }) => line),
            model.slice(taken.length, taken.length + one.count),
          );
          taken = [...taken, ...more];
        } else if (one.kind === "done" && taken.length > 0) {
          queue.done(taken.at(-1)!.end);
          model.splice(0, taken.length);
          taken = [];
        } else if (one.kind === "reopen") {
          abandon(folder);
          queue = new DiskQueue(folder, MIB);
          taken = [];
        }
        assert.is(queue.unread, model.length - taken.length);
        assert.ok(sizeOf(folder) <= MIB);
      }
      queue.close();
    }),
    { numRuns: 60 },
  );
});

/** A queue whose carrier does as `sent` says. */
function queueAt(
  folder: string,
  sent: () => Sent,
  count = 10,
  disk: (folder: string) => DiskQueue = () => new DiskQueue(folder, MIB),
) {
  const got: string[] = [];
  const faults: string[] = [];
  const queue = new Backlog({
    name: "siem",
    kind: "test",
    carrier: {
      send: (lines) => {
        const now = sent();
        got.push(...lines.slice(0, now.outcome === "done" ? lines.length : now.taken));
        return now;
      },
      close: () => undefined,
    },
    limits: {
      ...{ ...RECEIVER_LIMITS, ...NEVER_STUCK, count, batchCount: 5 },
      ...{ retryMs: 5, retryMsMax: 20, closeMs: 200, retriesAtEnd: false },
    },
    text: ({ rule }) => rule,
    disk: () => disk(folder),
    onFault: (error) => void faults.push(error.code),
  });
  queue.start();
  return { queue, got, faults };
}
const AWAY: Sent = { outcome: "busy", taken: 0 };
const names = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => `${from + i}`);

test("what has no room in memory waits on the disk, comes in order, and outlives the end", async () => {
  const folder = fresh();
  let isThere = false;
  const first = queueAt(folder, () => (isThere ? { outcome: "done" } : AWAY));
  for (const line of names(0, 100)) first.queue.push(line);
  assert.equal([first.queue.stats().queued, first.queue.stats().dropped.full], [100, 0]);
  isThere = true;
  await until("all sent", () => first.queue.stats().sent === 100);
  isThere = false;
  for (const line of names(100, 150)) first.queue.push(line);
  await first.queue.close();
  assert.is(first.queue.lost, 0, "they wait for the next one");
  const second = queueAt(folder, () => ({ outcome: "done" }));
  for (const line of names(150, 160)) second.queue.push(line);
  await until("all sent", () => second.queue.stats().sent === 60);
  await second.queue.close();
  assert.equal([...first.got, ...second.got], names(0, 160));
  assert.equal([...first.faults, ...second.faults], []);
});

test("a disk that takes nothing is told once, and alerts wait in memory; drops are counted as they happen", async () => {
  const folder = fresh();
  let isThere = false;
  const { queue, got, faults } = queueAt(folder, () => (isThere ? { outcome: "done" } : AWAY), 20);
  for (let i = 1; i < 20; i++) mkdirSync(join(folder, `${String(i).padStart(8, "0")}.seg`)); // in a segment's place
  for (const line of names(0, 30)) queue.push(line);
  assert.equal([queue.stats().queued, queue.stats().dropped.full], [20, 10]);
  isThere = true;
  await until("all sent", () => queue.stats().sent === 20);
  await queue.close();
  assert.equal(got, names(0, 20));
  assert.equal(faults, ["VEDETTE_QUEUE_DISK"]);
});

test("a full disk loses nothing that was taken before, and takes more when it has room", async () => {
  // A process may write files of 64 KiB only: to its disk that is EFBIG, where a full one says ENOSPC.
  const folder = fresh();
  const script = `
    import { DiskQueue } from "${join(import.meta.dirname, "../../../host/output/disk-queue.ts")}";
    process.on("SIGXFSZ", () => undefined);
    const queue = new DiskQueue(${JSON.stringify(folder)}, ${MIB});
    let taken = 0, failed = 0;
    for (let i = 0; i < 100; i++) try { queue.append(String(i).padEnd(1000)); taken++; } catch { failed++; }
    console.log(taken, failed);`;
  const file = join(root, "full.mts");
  writeFileSync(file, script);
  const child = spawn("sh", ["-c", `ulimit -f 128; exec "${process.execPath}" --import tsx "${file}"`], {
    cwd: process.cwd(),
  });
  let said = "";
  let wrong = "";
  child.stdout.on("data", (part) => (said += part));
  child.stderr.on("data", (part) => (wrong += part));
  await once(child, "close");
  const [taken = 0, failed = 0] = said.split(" ").map(Number);
  assert.ok(taken > 50 && failed > 0 && taken + failed === 100, said + wrong);
  const queue = new DiskQueue(folder, MIB);
  assert.is(queue.damaged, 0, "what was written of the one that failed is gone");
  assert.equal(
    linesOf(queue).map((line) => Number(line)),
    Array.from({ length: taken }, (_, i) => i),
  );
  queue.append("more");
  assert.equal(linesOf(queue), ["more"]);
  queue.close();
});

/** What such a program says; it has `folder`, and a queue there. */
function saidBy(folder: string, program: string): string {
  const script = `import { execFileSync } from "node:child_process";
    import { closeSync, openSync } from "node:fs";
    import { DiskQueue } from "${join(import.meta.dirname, "../../../host/output/disk-queue.ts")}";
    process.on("SIGXFSZ", () => undefined);
    const limit = (what) => execFileSync("prlimit", ["--pid", String(process.pid), "--" + what + ":"]);
    const queue = new DiskQueue(${JSON.stringify(folder)}, ${MIB});
    const say = (what) => { try { console.log(String(what())); } catch (error) { console.log(error.code); } };
    const lines = () => queue.read(10).map(({ line }) => line);
    ${program}`;
  const argv = ["--import", "tsx", "--input-type=module", "-e", script];
  const { stdout, stderr } = spawnSync(process.execPath, argv, { encoding: "utf8" });
  return stdout + stderr;
}

test("behind a record that had no room on the disk, the next one is whole", () => {
  const folder = fresh();
  const said = saidBy(
    folder,
    `queue.append("one");
    limit("fsize=20");
    say(() => queue.append("cut off"));
    limit("fsize=unlimited");
    for (const line of ["two", "three"]) queue.append(line);
    say(lines);
    say(() => queue.takeLost());`,
  );
  assert.is(said, "VEDETTE_QUEUE_DISK\none,two,three\n0\n");
  const after = new DiskQueue(folder, MIB);
  assert.equal([after.damaged, linesOf(after)], [0, ["one", "two", "three"]]);
  after.close();
});

test("a process that can open no file just now loses no line that waits on the disk", () => {
  const said = saidBy(
    fresh(),
    `for (const line of ["one", "two"]) queue.append(line);
    limit("nofile=200");
    const files = [];
    try { for (;;) files.push(openSync("/dev/null")); } catch {}
    say(lines);
    for (const file of files) closeSync(file);
    say(lines);
    say(() => queue.takeLost());`,
  );
  assert.is(said, "VEDETTE_QUEUE_DISK\none,two\n0\n");
});

test("a disk that gives no line just now is asked again, and that is told once", async () => {
  let isShort = false;
  class Short extends DiskQueue {
    override read(most: number): StoredLine[] {
      if (isShort) throw new VedetteError("VEDETTE_QUEUE_DISK", { path: "it", reason: "too many open files" });
      return super.read(most);
    }
  }
  let isThere = false;
  const sent = (): Sent => (isThere ? { outcome: "done" } : AWAY);
  const { queue, got, faults } = queueAt(fresh(), sent, 5, (folder) => new Short(folder, MIB));
  for (const line of names(0, 30)) queue.push(line);
  isShort = true;
  isThere = true;
  await until("what was in memory is sent", () => got.length === 5);
  await until("it is told", () => queue.health() !== null);
  isShort = false;
  await until("all sent", () => queue.stats().sent === 30);
  assert.equal([got, faults, queue.health()], [names(0, 30), ["VEDETTE_QUEUE_DISK"], null]);
  await queue.close();
});

test("a segment that cannot be removed ends nothing: its lines are acknowledged all the same", () => {
  const folder = fresh();
  const queue = new DiskQueue(folder, MIB);
  queue.append("one");
  const [one] = queue.read(1);
  const path = join(folder, segmentsIn(folder)[0]!);
  rmSync(path);
  mkdirSync(path);
  queue.done(one!.end);
  queue.append("two");
  assert.equal(linesOf(queue), ["two"]);
  queue.close();
});

test("a host that is killed again and again loses no alert that it took", async () => {
  const folder = fresh();
  let requests = 0;
  const there = await otlpReceiver(() => (requests++ % 3 === 1 ? { status: 503 } : { status: 200 }));
  const taken = new Set<string>();
  const rounds = 4;
  try {
    for (let round = 0; round < rounds; round++) {
      const told = join(root, `told-${round}`);
      writeFileSync(told, "");
      const said = (): string[] => readFileSync(told, "utf8").split("\n").slice(0, -1);
      const file = join(import.meta.dirname, "killed-sender.ts");
      const argv = ["--import", "tsx", file, folder, there.url, String(round), told];
      const sender = spawn(process.execPath, argv, { stdio: "ignore" });
      const ended = once(sender, "close");
      try {
        const seen = there.taken.length;
        const isOver = (): boolean => round < rounds - 1 || said().includes("empty");
        const some = (): boolean => said().length > 200 && there.taken.length > seen && isOver();
        await until(`round ${round}: some taken, some sent, the last one all`, some);
      } finally {
        sender.kill("SIGKILL");
        await ended;
      }
      for (const id of said()) if (id !== "empty") taken.add(id);
    }
  } finally {
    await there.close();
  }
  const ids = there.taken.map(({ attributes }) => String(attributes["log.record.uid"]));
  const arrived = new Set(ids);
  assert.equal(
    [...taken].filter((id) => !arrived.has(id)),
    [],
    "all that it took arrived",
  );
  assert.equal(there.complaints, []);
});

test.run();
