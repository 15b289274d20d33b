// SPDX-License-Identifier: Apache-2.0
// Evidence without its thread: what came before a finding, what comes after it, and every bound. The tests
// play the clock.
import { createHash } from "node:crypto";
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { RawBatch } from "../../../host/capture/ring.js";
import { Allowance } from "../../../host/evidence/allowance.js";
import { extended, MARGIN_MS, withMargin } from "../../../host/evidence/duration.js";
import { EvidenceFolder } from "../../../host/evidence/evidence-folder.js";
import { Keeper } from "../../../host/evidence/keeper.js";
import { EVIDENCE_BOUNDS, type EvidenceBounds, type EvidenceFacts, type News } from "../../../host/evidence/parts.js";
import { PreRoll } from "../../../host/evidence/pre-roll.js";
import { readRecording } from "../../../host/recording/recording.js";
import { BatchBuilder } from "../../../host/wire/builder.js";
import { EVENT_OF_NAME } from "../../../host/wire/layout.js";
import { Chance } from "../../attacks/chance.js";

const scratch = mkdtempSync(join(tmpdir(), "vedette-test-"));
test.after(() => rmSync(scratch, { recursive: true }));
let folders = 0;
const linkOf = (path: string): string => {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
};
let numbers = 0;
/** Of a batch of 100 bytes, with what it takes beside them. */
const SMALL = 384;

/** A batch of one call, of an agent. */
function raw(stream: number, first: number, call = "openat", size = 0): RawBatch {
  const builder = new BatchBuilder({ seq: first, first, clock: BigInt(first) });
  builder.record(call, { params: size > 0 ? { data: Buffer.alloc(size, `${first};`), size } : {} });
  const types = new Uint32Array(16);
  const { id } = EVENT_OF_NAME.get(call)!;
  types[id >> 5] = 1 << (id & 31);
  return { bytes: builder.bytes(), types, stream, count: 1, number: ++numbers };
}

function keeperIn(bounds: Partial<EvidenceBounds> = {}, path = join(scratch, `${folders++}`)) {
  const all = { ...EVIDENCE_BOUNDS, ...bounds };
  const news: News[] = [];
  const keeper = new Keeper(new EvidenceFolder(path, all), all, (one) => void news.push(one));
  const keep = (name: string, stream: number, now: number, finding = `f-${name}`, afterMs = all.afterMs): void =>
    keeper.keep({ kind: "keep", name, stream, hostname: "box", facts: null, finding, incident: "i", afterMs }, now);
  const facts = (): EvidenceFacts[] => news.flatMap((one) => (one.kind === "kept" ? [one.facts] : []));
  return { keeper, keep, news, facts, path };
}

/** evt.num of the first event of each batch. */
function firsts(path: string, file: string): number[] {
  return [...readRecording(join(path, file))].flatMap((entry) => (entry.kind === "batch" ? [entry.batch.first] : []));
}

test("a file has what came before a finding and after it, of its agent alone, with its digest beside it", () => {
  const { keeper, keep, facts, path } = keeperIn();
  for (let i = 1; i <= 10; i++) keeper.take(raw(i % 2, i), i);
  keep("a", 1, 11);
  for (let i = 11; i <= 20; i++) keeper.take(raw(i % 2, i), i);
  keeper.tick(11 + EVIDENCE_BOUNDS.afterMs);
  keeper.take(raw(1, 21), 6_000);
  const [one] = facts();
  assert.equal(firsts(path, "a.vedette"), [1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
  const bytes = readFileSync(join(path, "a.vedette"));
  assert.is(one?.sha256, createHash("sha256").update(bytes).digest("hex"));
  assert.equal([one?.bytes, one?.batches, one?.from, one?.to, one?.state], [bytes.length, 10, "1", "19", "whole"]);
  assert.equal(JSON.parse(readFileSync(join(path, "a.json"), "utf8")), one);
  for (const name of readdirSync(path)) assert.is(statSync(join(path, name)).mode & 0o777, 0o600, name);
  assert.equal(readdirSync(path).sort(), ["a.json", "a.vedette"]);
});

test("more findings make a file longer, up to a minute, and each is named", () => {
  const { keeper, keep, facts } = keeperIn();
  keep("a", 1, 0, "first");
  for (let now = 4_000; now < 100_000; now += 4_000) {
    keep("a", 1, now, `at ${now}`);
    keeper.tick(now);
    if (facts().length > 0) break;
  }
  const [one] = facts();
  assert.is(one?.findings[0], "first");
  assert.is(one?.findings.at(-1), "at 60000");
});

test("a rule that asks for longer has it, within a bound, and no finding makes a file shorter", () => {
  const { keeper, keep, facts } = keeperIn();
  keep("a", 1, 0, "short", 1_000);
  keep("a", 1, 500, "long", 120_000);
  keep("a", 1, 600, "short again", 1_000);
  keeper.tick(120_499);
  assert.equal(facts(), []);
  keeper.tick(120_500);
  assert.equal(facts()[0]?.findings, ["short", "long", "short again"]);
  const open = { begun: 0, until: 0 };
  assert.is(extended(open, 4_000_000_000, 10, EVIDENCE_BOUNDS), EVIDENCE_BOUNDS.askedMsMax);
});

test("an order that comes late finds its file open, whatever findings ask for", () => {
  const chance = new Chance(7);
  for (let round = 0; round < 2_000; round++) {
    let at = chance.below(100);
    const first = MARGIN_MS + chance.below(10) * chance.below(10_000);
    const named = { begun: at, until: at + first };
    const come = at + chance.below(MARGIN_MS);
    const kept = { begun: come, until: come + first + MARGIN_MS };
    for (let i = 0; i < 20; i++) {
      at += chance.below(first);
      if (at >= named.until) break;
      const afterMs = MARGIN_MS + chance.below(10) * chance.below(60_000);
      named.until = extended(named, afterMs, at, withMargin(EVIDENCE_BOUNDS));
      const now = at + chance.below(MARGIN_MS);
      assert.ok(now < kept.until, `${now} in a file until ${kept.until}`);
      kept.until = extended(kept, afterMs + MARGIN_MS, Math.max(now, come), EVIDENCE_BOUNDS);
    }
    assert.ok(kept.until >= named.until + MARGIN_MS);
  }
});

test("a file names what its findings' processes ran, as far as that is known before it ends", () => {
  const { keeper, keep, facts } = keeperIn();
  const identify = (name: string, path: string, sha256: string): void =>
    keeper.identify({ kind: "identify", name, executable: { path, sha256 } });
  keeper.take(raw(1, 1), 1);
  keep("a", 1, 2);
  identify("a", "/bin/sh", "00");
  identify("other", "/bin/no", "01");
  for (const sha256 of ["02", "02", "03"]) identify("a", "/tmp/x", sha256);
  keeper.tick(2 + EVIDENCE_BOUNDS.afterMs);
  identify("a", "/bin/late", "04");
  assert.equal(facts()[0]?.executables, [
    { path: "/bin/sh", sha256: "00" },
    { path: "/tmp/x", sha256: "02" },
    { path: "/tmp/x", sha256: "03" },
  ]);
});

test("a storm of reads does not drive out what is rare, and what is old goes", () => {
  const { keeper, keep, path } = keeperIn({ bytes: 200_000 });
  keeper.take(raw(1, 1, "execve"), 0);
  for (let i = 2; i < 500; i++) keeper.take(raw(1, i, "read", 4_000), i);
  keep("a", 1, 600);
  keeper.end();
  const got = firsts(path, "a.vedette");
  assert.is(got[0], 1, "the exec is there");
  assert.is(got.at(-1), 499);
  assert.ok(got.length < 20, `${got.length} batches`);
  const roll = new PreRoll(EVIDENCE_BOUNDS);
  const batch = (number: number, at: number) => ({ bytes: Buffer.alloc(10), count: 1, at, number });
  roll.add(1, batch(1, 0), true);
  roll.add(1, batch(2, 0), false);
  roll.add(1, batch(3, 31_000), true);
  roll.age(31_000);
  assert.equal(
    roll.of(1).map(({ number }) => number),
    [2, 3],
  );
  roll.age(700_000);
  assert.equal([roll.of(1), roll.bytes], [[], 0]);
});

test("all agents together stay within the bound, and the one that has most pays", () => {
  const roll = new PreRoll({ ...EVIDENCE_BOUNDS, bytes: 10 * SMALL, allBytes: 20 * SMALL });
  const batch = (number: number) => ({ bytes: Buffer.alloc(100), count: 1, at: 0, number });
  for (let i = 0; i < 3; i++) roll.add(9, batch(i), false);
  for (let stream = 0; stream < 4; stream++) for (let i = 0; i < 100; i++) roll.add(stream, batch(i), false);
  assert.is(roll.bytes, 20 * SMALL);
  assert.is(roll.of(9).length, 3, "who has little keeps it");
});

test("a file that has all it may have ends and says so, and the next finding begins another", () => {
  const { keeper, keep, facts } = keeperIn({ fileBytes: 50_000 });
  keep("a", 1, 0);
  for (let i = 1; i < 20; i++) keeper.take(raw(1, i, "read", 4_000), i);
  assert.is(facts()[0]?.state, "full");
  assert.ok((facts()[0]?.batches ?? 0) < 13);
  keep("b", 1, 30);
  keeper.end();
  assert.is(facts()[1]?.file, "b.vedette");
});

test("what was overtaken is counted, also before the finding, and what is in one file is before the next", () => {
  const { keeper, keep, facts, path } = keeperIn();
  keeper.take(raw(1, 1), 0);
  numbers += 7;
  keeper.take(raw(1, 2), 1);
  keep("a", 1, 2);
  keeper.take(raw(1, 3), 3);
  numbers += 2;
  keeper.take(raw(1, 4), 4);
  keeper.tick(10_000);
  keep("b", 1, 11_000);
  keeper.end();
  assert.equal(
    facts().map(({ missed }) => missed),
    [9, 9],
  );
  assert.equal(firsts(path, "b.vedette"), [1, 2, 3, 4]);
});

test("a disk that is full in the middle ends the file and keeps what is there", () => {
  const { keeper, keep, facts, news, path } = keeperIn();
  keeper.take(raw(1, 1), 0);
  keep("a", 1, 1);
  // From now on nothing that was opened for this file can be written.
  const part = readdirSync("/proc/self/fd").find((fd) => linkOf(`/proc/self/fd/${fd}`).endsWith("a.vedette.part"))!;
  const full = openSync("/dev/full", "w");
  closeSync(Number(part));
  assert.is(openSync("/dev/full", "w"), Number(part), "it has the file's place");
  closeSync(full);
  keeper.take(raw(1, 2), 2);
  keeper.tick(1_000);
  assert.equal(
    news.map(({ kind }) => kind),
    ["kept"],
  );
  assert.equal([facts()[0]?.state, facts()[0]?.file], ["cut", "a.vedette"]);
  const seen: number[] = [];
  assert.throws(() => {
    for (const entry of readRecording(join(path, "a.vedette")))
      if (entry.kind === "batch") seen.push(entry.batch.first);
  }, /it ends without its end/);
  assert.equal(seen, [1]);
});

test("a file that was told of is never written again", () => {
  const { keeper, keep, news, path } = keeperIn();
  keeper.take(raw(1, 1), 0);
  keep("a", 1, 1);
  keeper.tick(10_000);
  const before = readFileSync(join(path, "a.vedette"));
  keep("a", 1, 10_001);
  keeper.take(raw(1, 2), 10_002);
  keeper.end();
  assert.equal(news.at(-1), { kind: "refused", name: "a", reason: "full", text: "its file has ended" });
  assert.ok(before.equals(readFileSync(join(path, "a.vedette"))));
});

test("the folder's oldest files make room, but none that is younger than a day", () => {
  const path = join(scratch, `${folders++}`);
  mkdirSync(path, { mode: 0o700 });
  const put = (name: string, hours: number): void => {
    for (const ending of ["vedette", "json"]) writeFileSync(join(path, `${name}.${ending}`), Buffer.alloc(40_000));
    const at = Date.now() / 1000 - hours * 3_600;
    utimesSync(join(path, `${name}.vedette`), at, at);
  };
  put("old", 60);
  put("older", 90);
  put("young", 5);
  const { keeper, keep, news, facts } = keeperIn({ folderBytes: 105_000, fileBytes: 20_000 }, path);
  keeper.take(raw(1, 1), 0);
  keep("a", 1, 0);
  keeper.end();
  assert.is(facts().length, 1, JSON.stringify(news));
  assert.equal(readdirSync(path).sort(), [
    "a.json",
    "a.vedette",
    "old.json",
    "old.vedette",
    "young.json",
    "young.vedette",
  ]);
  put("younger", 4);
  put("youngest", 3);
  keep("b", 1, 10);
  keeper.end();
  assert.equal(news.at(-1), {
    kind: "refused",
    name: "b",
    reason: "full",
    text: "the folder has no room, and none of its files is older than a day",
  });
  assert.ok(existsSync(join(path, "young.vedette")) && !existsSync(join(path, "old.vedette")));
});

test("what a host left when it was killed gets its name at the next start, and is whole up to then", () => {
  const first = keeperIn();
  first.keeper.take(raw(1, 1), 0);
  first.keep("a", 1, 1);
  first.keeper.take(raw(1, 2), 2);
  first.keeper.tick(1_000); // each second
  const { keeper, facts, path } = keeperIn({}, first.path);
  keeper.recover();
  assert.equal([facts()[0]?.file, facts()[0]?.state], ["a.vedette", "killed"]);
  const seen: number[] = [];
  try {
    for (const entry of readRecording(join(path, "a.vedette")))
      if (entry.kind === "batch") seen.push(entry.batch.first);
    assert.unreachable("it has no end");
  } catch (error) {
    assert.match((error as Error).message, "it ends without its end");
  }
  assert.equal(seen, [1, 2]);
});

test("a folder that others may look into, or that cannot be written, is refused with its reason", () => {
  const open = join(scratch, "open");
  mkdirSync(open);
  chmodSync(open, 0o755);
  assert.throws(() => new EvidenceFolder(open, EVIDENCE_BOUNDS), /other users may look into it/);
  const { keeper, keep, news, path } = keeperIn();
  keeper.take(raw(1, 1), 0);
  rmSync(path, { recursive: true });
  keep("a", 1, 0);
  keeper.end();
  assert.equal([news.length, news[0]?.kind], [1, "refused"]);
});

test("a container may make twelve files an hour, and twelve more for grave findings", () => {
  const allowance = new Allowance(12, 1_000);
  const take = (container: string, priority: "Notice" | "Critical", now: number) =>
    allowance.take(container, priority, now);
  for (let i = 0; i < 12; i++) assert.ok(take("a", "Notice", i).isAllowed);
  assert.equal(take("a", "Notice", 20), { isAllowed: false, isFirst: true });
  assert.equal(take("a", "Notice", 21), { isAllowed: false, isFirst: false });
  assert.ok(take("b", "Notice", 22).isAllowed, "another container has its own");
  for (let i = 0; i < 12; i++) assert.ok(take("a", "Critical", 30 + i).isAllowed);
  assert.not.ok(take("a", "Critical", 50).isAllowed);
  assert.ok(take("a", "Notice", 3_600_001).isAllowed, "an hour later");
  allowance.spend("c", 1_000, 5);
  assert.not.ok(take("c", "Notice", 6).isAllowed, "it has made enough bytes");
  assert.ok(take("c", "Critical", 7).isAllowed);
  allowance.spend("c", 1_000, 8);
  assert.not.ok(take("c", "Critical", 9).isAllowed);
  assert.ok(take("c", "Notice", 86_400_010).isAllowed, "a day later");
});

test.run();
