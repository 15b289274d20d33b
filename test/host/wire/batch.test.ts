// SPDX-License-Identifier: Apache-2.0
// Reading a batch: what holds is read where it stands, what does not is VEDETTE_BATCH_CORRUPT, and the two
// readers (TypeScript's and the addon's) agree on which is which for whatever bytes an agent sends.
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { loadAddon } from "../../../host/capture/addon.js";
import { VedetteError } from "../../../host/errors.js";
import { openBatch } from "../../../host/wire/batch.js";
import { BatchBuilder } from "./builder.js";

function sample(): BatchBuilder {
  const batch = new BatchBuilder({ seq: 7, first: 100, lost: [1, 2, 0, 0, 5] });
  const parent = batch.process({ pid: 1, name: "init", args: [] });
  const stdin = batch.descriptor({ type: "p", name: "pipe:[9]" });
  const shell = batch.process({
    pid: 7,
    ppid: 1,
    parent,
    stdin,
    name: "sh",
    exe: "/bin/sh",
    args: ["-c", "id"],
    cwd: "/root",
  });
  const file = batch.descriptor({ type: "f", name: "/etc/hosts", nameraw: "hosts" });
  batch.record("openat", {
    process: shell,
    descriptor: file,
    fd: 3,
    result: 3,
    params: { dirfd: -100, name: "hosts", flags: 0 },
  });
  batch.record("read", {
    process: shell,
    descriptor: file,
    fd: 3,
    result: 9,
    params: { data: Buffer.from("localhost"), size: 80 },
  });
  return batch;
}

/** "ok", or the code that TypeScript refuses it with. */
function verdict(bytes: Uint8Array): string {
  try {
    openBatch(bytes);
    return "ok";
  } catch (error) {
    if (error instanceof VedetteError) return error.code;
    throw error;
  }
}

/** The same by the addon. */
function nativeVerdict(bytes: Uint8Array): string {
  const result = loadAddon().checkBatch(bytes);
  return "code" in result ? result.code : "ok";
}

test("a batch gives its numbers, its sections and where its records begin", () => {
  const bytes = sample().bytes();
  const batch = openBatch(bytes);
  assert.is(batch.seq, 7);
  assert.is(batch.first, 100);
  assert.is(batch.count, 2);
  assert.equal(batch.lost, [1, 2, 0, 0, 5]);
  assert.equal([...batch.offsets], [0, 48 + 4 * 8]);
  assert.is(batch.indexOf(0), 0);
  assert.is(batch.indexOf(80), 1);
  assert.is(batch.records.buffer, bytes.buffer, "a section is a view, not a copy");
});

test("the addon finds the same records and the same event types", () => {
  const result = loadAddon().checkBatch(sample().bytes());
  if ("code" in result) throw new Error(result.reason);
  assert.is(result.count, 2);
  const ids = result.types.flatMap((word, i) =>
    Array.from({ length: 32 }, (_, bit) => ((word >>> bit) & 1 ? i * 32 + bit : -1)),
  );
  assert.equal(
    ids.filter((id) => id >= 0),
    [41, 50],
  );
});

test("a flipped byte gives a batch that still holds or VEDETTE_BATCH_CORRUPT, and both readers agree", () => {
  const whole = sample().bytes();
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 }),
      (flips) => {
        const bytes = Uint8Array.from(whole);
        for (const [at, mask] of flips) bytes[at] = (bytes[at] as number) ^ mask;
        const answer = verdict(bytes);
        assert.ok(["ok", "VEDETTE_BATCH_CORRUPT", "VEDETTE_SCHEMA_MISMATCH"].includes(answer), answer);
        assert.is(nativeVerdict(bytes), answer);
      },
    ),
    { numRuns: 20_000 },
  );
});

test("a batch that was cut off or has bytes behind it is corrupt, wherever that is", () => {
  const whole = sample().bytes();
  for (let length = 0; length < whole.length; length++) {
    assert.is(verdict(whole.subarray(0, length)), "VEDETTE_BATCH_CORRUPT", `cut to ${length}`);
    assert.is(nativeVerdict(whole.subarray(0, length)), "VEDETTE_BATCH_CORRUPT", `cut to ${length}`);
  }
  const longer = Buffer.concat([whole, Buffer.from([0])]);
  assert.is(verdict(longer), "VEDETTE_BATCH_CORRUPT");
  assert.is(nativeVerdict(longer), "VEDETTE_BATCH_CORRUPT");
});

test("bytes that were never a batch are corrupt", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      assert.is(verdict(bytes), "VEDETTE_BATCH_CORRUPT");
      assert.is(nativeVerdict(bytes), "VEDETTE_BATCH_CORRUPT");
    }),
    { numRuns: 5000 },
  );
});

const LIES: Readonly<Record<string, (batch: BatchBuilder) => void>> = {
  "a process that is not in the table": (batch) => batch.record("close", { process: 2 }),
  "a descriptor that is not in the table": (batch) => batch.record("close", { descriptor: 9 }),
  "a parent that is not in the table": (batch) => batch.process({ pid: 5, parent: 40 }),
  "a standard stream that is not in the table": (batch) => batch.process({ pid: 5, stdout: 2 }),
  "a guarded call that says it was recorded inline": (batch) => batch.record("execve", { flags: 1 }),
  "a call too rare for it that says the same": (batch) => batch.record("setxattr", { flags: 1 }),
  "more records than a batch may have": (batch) => {
    for (let i = 0; i < 16_385; i++) batch.record("close");
  },
  "sections that are larger than 1 MiB together": (batch) => {
    for (let i = 0; i < 300; i++) batch.record("write", { params: { data: Buffer.alloc(4096, String(i)) } });
  },
};
for (const [what, lie] of Object.entries(LIES)) {
  test(`a batch with ${what} is corrupt`, () => {
    const batch = sample();
    lie(batch);
    assert.is(verdict(batch.bytes()), "VEDETTE_BATCH_CORRUPT");
    assert.is(nativeVerdict(batch.bytes()), "VEDETTE_BATCH_CORRUPT");
  });
}

test("a batch of another schema is told apart from a corrupt one", () => {
  const bytes = new BatchBuilder({ schema: 1n }).bytes();
  assert.is(verdict(bytes), "VEDETTE_SCHEMA_MISMATCH");
  assert.is(nativeVerdict(bytes), "VEDETTE_SCHEMA_MISMATCH");
});

test("numbers in any width that msgpack has are read", () => {
  const bytes = Buffer.from(new BatchBuilder({ seq: 5 }).bytes());
  const at = 1 + 8 + 1 + 9 + 6 - 1 + 16; // array, name, version, schema, bin head and its 16 bytes
  const seq = bytes.indexOf(5, at);
  for (const form of [
    [0xcc, 5],
    [0xcd, 0, 5],
    [0xce, 0, 0, 0, 5],
    [0xd1, 0, 5],
    [0xd3, 0, 0, 0, 0, 0, 0, 0, 5],
    [0xcb, 0x40, 0x14, 0, 0, 0, 0, 0, 0],
  ]) {
    const other = Buffer.concat([bytes.subarray(0, seq), Buffer.from(form), bytes.subarray(seq + 1)]);
    assert.is(openBatch(other).seq, 5);
    assert.is(nativeVerdict(other), "ok");
  }
});

test.run();
