// SPDX-License-Identifier: Apache-2.0
// Recordings: what was stored comes back, and of a damaged one what is whole, with the byte at which the
// damage is.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { SCHEMA } from "../../../build/generated/events.js";
import { VedetteError } from "../../../host/errors.js";
import { isRecording, RecordingWriter, readRecording } from "../../../host/recording/recording.js";
import { SCHEMA_0_1 } from "../../e2e/first-version.js";
import { batchOf } from "../engine/shared.js";

const scratch = mkdtempSync(join(tmpdir(), "vedette-recording-"));
const whole = join(scratch, "whole");
const FACTS = { id: "4f", name: "web" } as never;

/** Enough for several blocks: 40 batches of 1,500 records, each of another result. */
const writer = new RecordingWriter(whole);
writer.host(3, "höst");
writer.container(3, FACTS);
for (let i = 0; i < 40; i++) {
  const batch = batchOf(
    Array.from({ length: 1500 }, (_, k) => (k * 7919 + i) % 1000),
    1 + 1500 * i,
  );
  writer.batch(3, batch.bytes, batch.count);
}
writer.close();
const bytes = readFileSync(whole);

function read(path: string): { firsts: number[]; others: unknown[]; error: VedetteError | null } {
  const firsts: number[] = [];
  const others: unknown[] = [];
  try {
    for (const entry of readRecording(path)) {
      if (entry.kind === "batch") firsts.push(entry.batch.first);
      else others.push(entry.kind === "host" ? entry.hostname : entry.facts);
    }
    return { firsts, others, error: null };
  } catch (error) {
    if (!(error instanceof VedetteError)) throw error;
    return { firsts, others, error };
  }
}

test("of a recording of 0.1, it is said that another version recorded it", () => {
  const path = join(scratch, "older");
  const older = new RecordingWriter(path);
  const batch = Buffer.from(batchOf([1], 1).bytes);
  const [ours, theirs] = [SCHEMA, BigInt(`0x${SCHEMA_0_1.split(":")[1]}`)].map((schema) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(BigInt.asUintN(64, schema!));
    return bytes;
  }) as [Buffer, Buffer];
  theirs.copy(batch, batch.indexOf(ours));
  older.batch(3, batch, 1);
  older.close();
  const { firsts, error } = read(path);
  assert.equal(firsts, []);
  assert.is(error?.code, "VEDETTE_RECORDING_UNREADABLE");
  assert.match(
    error?.message ?? "",
    /older cannot be read: another version of Vedette recorded it, .* replay it with that/,
  );
});

function damaged(change: Uint8Array): ReturnType<typeof read> {
  const path = join(scratch, "damaged");
  writeFileSync(path, change);
  return read(path);
}

const all = Array.from({ length: 40 }, (_, i) => 1 + 1500 * i);

test("everything comes back in order, smaller than it was", () => {
  assert.equal(read(whole), { firsts: all, others: ["höst", FACTS], error: null });
  assert.ok(isRecording(whole));
  assert.ok(bytes.length < 40 * 1500 * 96);
  assert.is(writer.events, 60_000);
});

test("one that is cut anywhere gives what is whole, and the byte where it ends", () => {
  let most = 0;
  for (let size = 8; size < bytes.length; size += 977) {
    const { firsts, error } = damaged(bytes.subarray(0, size));
    assert.equal(firsts, all.slice(0, firsts.length));
    assert.is(error?.code, "VEDETTE_RECORDING_CORRUPT");
    const offset = Number(/at byte (\d+)/.exec(error?.message ?? "")?.[1]);
    assert.ok(offset <= size);
    most = Math.max(most, firsts.length);
  }
  assert.ok(most > 20);
});

test("flipped bytes never give another batch than was stored", () => {
  fc.assert(
    fc.property(fc.integer({ min: 8, max: bytes.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, mask) => {
      const copy = Uint8Array.from(bytes);
      copy[at] = (copy[at] as number) ^ mask;
      const { firsts, error } = damaged(copy);
      return error !== null && firsts.every((first, i) => first === all[i]);
    }),
    { numRuns: 300 },
  );
});

test("a block that claims too much takes no memory", () => {
  const copy = Buffer.from(bytes);
  copy.writeUInt32LE(0x7fffffff, 16); // the raw size of the first block
  assert.match(damaged(copy).error?.message as string, /at byte 8: a block claims to be larger/);
});

test("what is no recording, or not there, is told", () => {
  writeFileSync(join(scratch, "text"), "hello");
  assert.not(isRecording(join(scratch, "text")));
  assert.is(read(join(scratch, "text")).error?.code, "VEDETTE_RECORDING_UNREADABLE");
  assert.is(read(join(scratch, "nowhere")).error?.code, "VEDETTE_RECORDING_UNREADABLE");
  assert.throws(
    () => new RecordingWriter(join(scratch, "no/such/file")),
    (error: VedetteError) => error.code === "VEDETTE_RECORDING_UNWRITABLE",
  );
});

test.after(() => rmSync(scratch, { recursive: true, force: true }));
test.run();
