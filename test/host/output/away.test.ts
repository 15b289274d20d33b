// SPDX-License-Identifier: Apache-2.0
// Receivers that are away for 60 s, all kinds at once, each with a queue in memory and with one on a disk,
// while findings come. Nothing that was taken is lost, a finding that comes twice has one name, and what has
// no room is counted while that happens.
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findingId } from "../../../host/finding/finding.js";
import { Backlog } from "../../../host/output/backlog.js";
import { DiskQueue } from "../../../host/output/disk-queue.js";
import { RECEIVER_LIMITS } from "../../../host/output/registry.js";
import { until } from "../../until.js";
import { KINDS } from "./receivers.js";
import { CONNECT, FINDING } from "./shared.js";

const AWAY_MS = 60_000;
/** Between two findings of one output. */
const PACE_MS = 40;
/** So many may wait in memory, and so many bytes on the disk. */
const ROOM = 500;
const DISK_BYTES = 512 << 10;
const FIRST = 100;
/** A receiver is away or well here, so no answer is ever late, however busy the machine is. */
const ANSWER_MS = 60_000;

const root = mkdtempSync(join(tmpdir(), "vedette-away-"));
test.after(() => rmSync(root, { recursive: true }));

/** One output, from its start to its end. */
async function throughIt(kind: string, where: "memory" | "disk"): Promise<void> {
  const there = await (KINDS[kind] as (typeof KINDS)[string])(ANSWER_MS);
  const folder = join(root, `${kind} ${where}`.replaceAll(" ", "-"));
  const faults: string[] = [];
  const queue = new Backlog({
    ...{ name: `${kind}, ${where}`, kind, carrier: there.carrier, text: there.text },
    limits: { ...RECEIVER_LIMITS, count: where === "disk" ? 50 : ROOM, ...there.limits },
    onFault: ({ code }) => faults.push(code),
    ...(where === "disk" ? { disk: () => new DiskQueue(folder, DISK_BYTES) } : {}),
  });
  queue.start();
  const accepted: string[] = [];
  let came = 0;
  const come = (): void => {
    const finding = { ...FINDING, tid: came++ };
    const before = queue.lost;
    queue.write({ ...CONNECT, finding });
    if (queue.lost === before) accepted.push(findingId(finding));
  };
  for (let i = 0; i < FIRST; i++) come();
  // What the kernel has for a server of syslog that dies is lost, and nobody can count it: it is stopped.
  const first = kind.startsWith("syslog") ? accepted.length : 1;
  await until(`${queue.name}: the first are there`, () => there.names().length >= first);

  await (kind.startsWith("syslog") ? there.slow.leave() : there.slow.close());
  let seen = 0;
  const gone = performance.now();
  const isSeenFull = (): boolean => {
    come();
    const { dropped, state } = queue.stats();
    assert.is(dropped.full, came - accepted.length, `${queue.name}: each drop is counted, while it happens`);
    if (dropped.full > 0 && state === "full") seen++;
    return seen > 1 && performance.now() - gone >= AWAY_MS;
  };
  // However slowly findings come here, at some time there is no room.
  await until(`${queue.name}: it is full for a while`, isSeenFull, {
    ...{ ms: 3 * AWAY_MS, everyMs: PACE_MS },
    tell: () => `${came} findings had room`,
  });
  const own = faults.filter((code) => code !== "VEDETTE_OUTPUT_STUCK");
  assert.is(new Set(own).size, 1, `${queue.name}: it is told, by its code: ${faults}`);
  assert.is.not(queue.health(), null);

  await there.slow.comeBack();
  const isDone = (): boolean => queue.stats().queued === 0 && there.names().length >= accepted.length;
  const tell = (): string => JSON.stringify(queue.stats().lastError);
  while (!isDone()) {
    const had = there.names().length; // one that gets an alert at a time may take long for all, never for one
    await until(`${queue.name}: all are there`, () => isDone() || there.names().length > had, { tell });
  }
  come();
  await until(`${queue.name}: and another`, () => new Set(there.names()).size === accepted.length);
  await queue.close();
  await there.slow.close();
  await there.close();
  assert.equal([...new Set(there.names())].sort(), accepted.sort(), queue.name);
  assert.equal({ ...queue.stats().dropped, full: 0 }, { full: 0, refused: 0, closed: 0, damaged: 0 });
  if (where === "disk")
    assert.equal(
      readdirSync(folder).filter((name) => name.endsWith(".seg")),
      [],
    );
  console.log(`${queue.name}: ${accepted.length} of ${came} taken, ${there.names().length} came`);
}

test("receivers that are away for 60 s lose nothing that was taken, with a queue in memory or on a disk", async () => {
  const all = Object.keys(KINDS).flatMap((kind) =>
    (["memory", "disk"] as const).map((where) => throughIt(kind, where)),
  );
  const ends = await Promise.allSettled(all);
  assert.equal(
    ends.flatMap((end) => (end.status === "rejected" ? [String(end.reason)] : [])),
    [],
  );
});

test.run();
