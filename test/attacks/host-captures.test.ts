// SPDX-License-Identifier: Apache-2.0
//
// Whoever means harm to a capture that is made of what they did (H33): names that look like the file's own
// form, as long as a name can be, or that would lead its reader elsewhere; a link where the file is to be
// written; or to who reads a crafted one (H52). The honest control is a program of plain names.
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { RecordingWriter, readRecording } from "../../host/recording/recording.js";
import { Beginning, CaptureWriter } from "../../host/recording/scap/capture-writer.js";
import { replay } from "../../host/recording/scap/replay.js";
import { openBatch } from "../../host/wire/batch.js";
import { BatchBuilder } from "../../host/wire/builder.js";
import type { ContainerFacts } from "../../host/wire/container.js";
import { fieldValue } from "../../host/wire/fields.js";

const folder = mkdtempSync(join(tmpdir(), "vedette-capture-attack-"));
const options = { isZipped: false, isForced: false };

/** What the reader says of an exec and of the open after it. */
function told(path: string, name: Buffer): unknown[] {
  const builder = new BatchBuilder();
  const process = builder.process({
    pid: 7,
    name,
    exe: name,
    exepath: name,
    args: Buffer.concat([name, Buffer.of(0)]),
  });
  builder.record("execve", { process, tid: 7, params: { filename: name } });
  const honest = builder.process({ pid: 8, name: "honest", exepath: "/bin/honest", cwd: "/" });
  builder.record("openat", {
    process: honest,
    tid: 8,
    result: 3,
    params: { dirfd: -100, name: "/etc/shadow", flags: 0 },
  });
  const batch = openBatch(builder.bytes());
  const beginning = new Beginning();
  beginning.take(batch);
  const writer = new CaptureWriter(path, beginning, options);
  writer.take(batch);
  assert.is(writer.close().events, 2);
  const { batches, summary } = replay(readFileSync(path), path);
  const events = [...batches].map(openBatch).flatMap((read) => [...read.offsets].map((at) => [read, at] as const));
  assert.equal([events.length, summary().isTruncated, summary().unknownBlocks], [2, false, 0]);
  const [read, at] = events[1]!;
  return ["evt.type", "proc.name", "proc.exepath", "fd.name", "thread.tid"].map((field) =>
    fieldValue(field)!(read, at),
  );
}

const HOSTILE = [
  Buffer.from(
    "0a0d0d0a1c0000004d3c2b1a01000200ffffffffffffffff1c000000".match(/../g)!.map((hex) => parseInt(hex, 16) || 1),
  ),
  Buffer.alloc(4096, 0xff),
  Buffer.alloc(60_000, "A"),
  Buffer.from("\u001b[2J\r\n<NA>\n(NULL)\u202e"),
  Buffer.from("memory=/docker/" + "0".repeat(64)),
];

test("H33: names of any bytes change nothing of what a capture tells of others", () => {
  const expected = ["openat", "honest", "/bin/honest", "/etc/shadow", 8];
  assert.equal(told(join(folder, "plain.scap"), Buffer.from("sh")), expected);
  for (const [i, name] of HOSTILE.entries()) assert.equal(told(join(folder, `${i}.scap`), name), expected, `name ${i}`);
});

const LABELS: Readonly<Record<string, Record<string, string>>> = {
  "a few": { team: "shop", stage: "prod" },
  "ever so many": Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`label-${i}`, "x"])),
  "one that is long": { long: "x".repeat(5_000_000), short: "kept" },
  "long ones of quotes": Object.fromEntries(Array.from({ length: 90 }, (_, i) => [`q${i}`, '"'.repeat(4_000)])),
  "a name of an object's own": JSON.parse('{"__proto__": "x", "constructor": "y"}') as Record<string, string>,
};

test("H33: labels of an image without end make no block that a capture's readers refuse", () => {
  const text = "\u0001".repeat(10_000);
  const none = { cluster: null, service: null, taskFamily: null, taskRevision: null, availabilityZone: null };
  const image = { image: text, imageId: text, imageRepository: text, imageTag: text, imageDigest: text };
  const arns = { taskArn: text, containerArn: text, ip: null };
  const batch = openBatch(new BatchBuilder().record("close").bytes());
  for (const [what, labels] of Object.entries(LABELS)) {
    const beginning = new Beginning();
    beginning.take(batch);
    beginning.container = { id: "c-1", name: "web", type: "ecs", labels, ...image, ...arns, ...none };
    const path = join(folder, `labels of ${what}.scap`);
    const writer = new CaptureWriter(path, beginning, options);
    writer.take(batch);
    const summary = writer.close();
    const file = readFileSync(path);
    for (let at = 0; at < file.length; at += file.readUInt32LE(at + 4))
      assert.ok(file.readUInt32LE(at + 4) <= 65_536, `${what}: a block of ${file.readUInt32LE(at + 4)} bytes`);
    const { batches, container, summary: read } = replay(file, path);
    assert.is([...batches].length, 1);
    assert.is(read().isTruncated, false);
    const kept = container()!;
    assert.equal([kept.id, kept.name], ["c-1", "web"], what);
    const [own, theirs] = [Object.entries(labels), Object.entries(kept.labels!)];
    assert.is(theirs.length + summary.labels, own.length, what);
    for (const [name, value] of theirs)
      assert.ok(
        own.some(([a, b]) => a === name && b === value),
        "each is whole",
      );
    if (own.length < 3) assert.ok(theirs.length > 0);
  }
});

test("H52: a block that claims gigabytes is refused at once, and a container's entry that does not read is told", () => {
  const path = join(folder, "claims.scap");
  told(path, Buffer.from("plain"));
  const capture = readFileSync(path);
  const head = capture.subarray(0, capture.readUInt32LE(4));
  const claim = Buffer.alloc(8);
  claim.writeUInt32LE(0x202, 0);
  claim.writeUInt32LE(0xfffffff0, 4);
  assert.throws(
    () => [...replay(Buffer.concat([head, claim]), path).batches],
    /a block claims to have 4294967280 bytes/,
  );
  // Zeros without end are a few KiB, gzipped.
  assert.throws(() => [...replay(Buffer.concat([head, Buffer.alloc(64)]), path).batches], /claims to have 0 bytes/);
  const recording = join(folder, "facts.rec");
  const entryOf = (facts: unknown): string[] => {
    const writer = new RecordingWriter(recording);
    writer.container(1, facts as ContainerFacts);
    writer.close();
    return [...readRecording(recording)].map(({ kind }) => kind);
  };
  assert.equal(entryOf({ id: "x", name: null, labels: { a: "b" } }), ["container"], "the control");
  for (const facts of [null, [], 5, {}, { id: 5 }, { id: "x", labels: ["a"] }, { id: "x", image: { a: 1 } }])
    assert.throws(() => entryOf(facts), /what it says of a container does not read/, JSON.stringify(facts));
});

test("H33: a link where a capture is to be written leads nowhere", () => {
  const victim = join(folder, "victim");
  writeFileSync(victim, "precious");
  symlinkSync(victim, join(folder, "link.scap"));
  symlinkSync(join(folder, "new"), join(folder, "dangling.scap"));
  for (const name of ["link.scap", "dangling.scap", "victim"])
    assert.throws(() => new CaptureWriter(join(folder, name), new Beginning(), options), /already/);
  new CaptureWriter(join(folder, "link.scap"), new Beginning(), { ...options, isForced: true }).close();
  assert.is(readFileSync(victim, "utf8"), "precious");
});

test.after(() => rmSync(folder, { recursive: true, force: true }));

test.run();
