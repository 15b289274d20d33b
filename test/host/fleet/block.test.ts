// SPDX-License-Identifier: Apache-2.0
// Blocks on the bus: what was sent comes back, also where records were left out by choice; and bytes that
// somebody else made up are refused with a code, whatever they are.
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { VedetteError } from "../../../host/errors.js";
import { decodeBlock, encodeBlock, keptEntry, MESSAGE_BYTES_MAX, type Origin } from "../../../host/fleet/block.js";
import { parseForward, selected } from "../../../host/fleet/selection.js";
import { partitionOf, placeOfBlocks } from "../../../host/fleet/subject.js";
import { packBlock, writeEntryHead } from "../../../host/recording/block.js";
import { type Batch, openBatch } from "../../../host/wire/batch.js";
import { EVENT_OF_NAME } from "../../../host/wire/layout.js";
import { BatchBuilder } from "../wire/builder.js";

const SOURCE = Buffer.alloc(16, 7);
const sender = { tenant: "payments", task: "arn:task/1", source: SOURCE.toString("hex"), version: "1" };
const ORIGIN: Origin = { sender, host: "höst", container: { id: "4f", name: "web", type: "ecs" } as never };

/** Two of `openat`, an `execve`, and one more `openat`. */
function batch(seq: number, first: number): Batch {
  const builder = new BatchBuilder({ source: SOURCE, seq, first, clock: 5n, lost: [1, 0, 0, 0, 0] });
  const process = builder.process({ pid: 7, name: "cat" });
  const open = (name: string) =>
    builder.record("openat", { process, result: 3, params: { dirfd: -100, name, flags: 0 } });
  open("/secret-one");
  open("/two");
  builder.record("execve", { process, result: 0, params: { filename: "/bin/id", argv: ["id"] } });
  open("/secret-three");
  return openBatch(builder.bytes());
}

const EXECVE = new Set([EVENT_OF_NAME.get("execve")!.id]);
const code = (bytes: Uint8Array): string => {
  try {
    decodeBlock(bytes);
    return "none";
  } catch (error) {
    if (!(error instanceof VedetteError)) throw error;
    return error.code;
  }
};

test("a block comes back as it was sent: who sends it, from where, and its batches in their order", () => {
  const sent = [batch(4, 10), batch(5, 14)];
  const got = decodeBlock(
    encodeBlock(
      ORIGIN,
      sent.map((one) => selected(one, null)),
    ),
  );
  assert.equal({ sender: got.sender, host: got.host, container: got.container }, ORIGIN);
  assert.equal(
    got.batches.map(({ batch, count, numbers }) => [batch.seq, batch.first, batch.count, count, numbers]),
    [
      [4, 10, 4, 4, null],
      [5, 14, 4, 4, null],
    ],
  );
  for (const [i, { batch }] of got.batches.entries())
    assert.equal(Buffer.from(batch.bytes), Buffer.from(sent[i]!.bytes));
  assert.is(got.batches[0]!.batch.container?.name, "web");
});

test("of a batch whose other types are left out, numbers and counts are the agent's, and no other text is there", () => {
  const whole = batch(4, 10);
  const part = selected(whole, EXECVE);
  assert.is(part.count, 1);
  const [got] = decodeBlock(encodeBlock(ORIGIN, [part])).batches;
  assert.equal([got!.batch.first, got!.batch.count, got!.count, got!.numbers], [10, 1, 4, [12]]);
  assert.equal(got!.batch.lost, whole.lost);
  assert.not(Buffer.from(got!.batch.bytes).includes("secret"));
  assert.ok(Buffer.from(got!.batch.bytes).includes("/bin/id"));
});

test("a batch of which nothing is kept is still there: whoever counts sees its number and what was left out", () => {
  const part = selected(batch(4, 10), new Set([EVENT_OF_NAME.get("connect")!.id]));
  const [got] = decodeBlock(encodeBlock(ORIGIN, [part])).batches;
  assert.equal([got!.batch.seq, got!.batch.count, got!.count, got!.numbers], [4, 0, 4, []]);
});

test("H66: bytes that another made up are refused with a code, and take no memory without end", () => {
  const whole = encodeBlock(ORIGIN, [selected(batch(4, 10), EXECVE)]);
  for (let size = 0; size < whole.length; size++) assert.is(code(whole.subarray(0, size)), "VEDETTE_BLOCK_CORRUPT");
  assert.is(code(Buffer.concat([whole, Buffer.from([0])])), "VEDETTE_BLOCK_CORRUPT");
  assert.is(code(packBlock(Buffer.alloc(MESSAGE_BYTES_MAX + 1))), "VEDETTE_BLOCK_CORRUPT");
  const lying = Buffer.from(packBlock(Buffer.alloc(MESSAGE_BYTES_MAX)));
  lying.writeUInt32LE(16, 8); // it claims 16 bytes, and unpacks to 2 MiB
  assert.is(code(lying), "VEDETTE_BLOCK_CORRUPT");
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 4_000 }), (bytes) => {
      assert.is(code(bytes), "VEDETTE_BLOCK_CORRUPT");
      assert.is(code(packBlock(bytes)) === "none", false);
    }),
    { numRuns: 300 },
  );
});

test("H66: a block whose parts contradict one another is refused", () => {
  const other = { ...sender, source: "ab".repeat(16) };
  const one = selected(batch(4, 10), null);
  const wrong: readonly Uint8Array[] = [
    encodeBlock({ ...ORIGIN, sender: other }, [one]),
    encodeBlock(ORIGIN, [one, one]),
    encodeBlock(ORIGIN, [selected(batch(5, 14), null), one]),
    encodeBlock(ORIGIN, [{ bytes: one.bytes, kept: keptEntry(4, [1]) }]),
    encodeBlock(ORIGIN, [{ bytes: one.bytes, kept: keptEntry(3, [0, 1, 2, 3]) }]),
    encodeBlock(ORIGIN, [{ bytes: one.bytes, kept: Buffer.from([255, 255, 255, 255]) }]),
    encodeBlock(ORIGIN, [{ bytes: one.bytes, kept: Buffer.alloc(1) }]),
    encodeBlock({ ...ORIGIN, sender: { ...sender, tenant: 7 as never } }, [one]),
    encodeBlock({ ...ORIGIN, sender: { ...sender, task: "x".repeat(5_000) } }, [one]),
    encodeBlock(ORIGIN, [{ bytes: Buffer.from("no batch"), kept: null }]),
    noSender(one.bytes),
  ];
  for (const bytes of wrong) assert.is(code(bytes), "VEDETTE_BLOCK_CORRUPT");
});

test("H66: of a whole block, no byte can be another without a code or what was sent", () => {
  const inner = selected(batch(4, 10), EXECVE);
  fc.assert(
    fc.property(fc.nat(inner.bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
      const bytes = Buffer.from(inner.bytes);
      bytes[at] = (bytes[at] as number) ^ by;
      // Past the checksum, as whoever may publish can: it reads, or it is told.
      assert.ok(
        ["none", "VEDETTE_BLOCK_CORRUPT", "VEDETTE_SCHEMA_MISMATCH"].includes(
          code(encodeBlock(ORIGIN, [{ ...inner, bytes }])),
        ),
      );
    }),
    { numRuns: 1_000 },
  );
});

test("a task's blocks are all of one partition, which is FNV-1a over its token", () => {
  // Published by the hash's authors: FNV-1a 32 of "foobar".
  assert.is(partitionOf("foobar", 2 ** 32), 0xbf9cf968);
  const { partition, ...place } = placeOfBlocks("", "arn:aws:ecs:x/y.*>", 8);
  assert.equal(place, {
    subject: `vd.b._.${partition}.arn%3Aaws%3Aecs%3Ax%2Fy%2E%2A%3E`,
    stream: `VB_${partition}`,
    subjects: [`vd.b.*.${partition}.*`],
  });
});

test("what is to be forwarded is alerts, all, or types that there are", () => {
  assert.is(parseForward("alerts"), "alerts");
  assert.is(parseForward("all"), "all");
  assert.equal(parseForward("types=execve"), EXECVE);
  for (const wrong of ["", "types=", "types=execve,nothing", "some"])
    assert.ok("wrong" in (parseForward(wrong) as object));
});

function noSender(batch: Uint8Array): Buffer {
  const raw = Buffer.alloc(12 + batch.length);
  writeEntryHead(raw, 0, { kind: 1, stream: 1 }, batch.length);
  raw.set(batch, 12);
  return packBlock(raw);
}

test.run();
