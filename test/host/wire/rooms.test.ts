// SPDX-License-Identifier: Apache-2.0
// Memory for batches: what is in it stays, and it is used again.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Rooms } from "../../../host/wire/rooms.js";
import { Random } from "../falco/random.js";

test("what is kept stays as it was, and what is given back is used again", () => {
  const random = new Random(1);
  const rooms = new Rooms();
  const kept: { readonly copy: Buffer<ArrayBuffer>; readonly text: Buffer }[] = [];
  const seen = new Set<ArrayBuffer>();
  for (let round = 0; round < 20_000; round++) {
    const text = Buffer.alloc(1 + random.below(9_000), random.below(256));
    const copy = rooms.copy(text);
    text.fill(copy);
    kept.push({ copy, text });
    seen.add(copy.buffer);
    if (kept.length <= 50) continue;
    const { copy: old, text: was } = kept.splice(random.below(kept.length), 1)[0]!;
    assert.equal(old, was);
    rooms.giveBack(old);
  }
  assert.ok(seen.size < 500, `${seen.size} rooms for 50 batches at a time`);
});

test("a room is at most a quarter larger than what is in it, and at least 128 bytes", () => {
  for (let size = 0; size < 70_000; size += 1 + (size >> 6)) {
    const { length, buffer } = new Rooms().copy(new Uint8Array(size));
    assert.is(length, size);
    assert.ok(buffer.byteLength >= size && buffer.byteLength <= Math.max(128, size * 1.25), `${size}`);
  }
});

test("of what is given back, a MiB is kept", () => {
  const rooms = new Rooms();
  const copies = Array.from({ length: 20 }, () => rooms.copy(new Uint8Array(100_000)));
  const were = new Set(copies.map(({ buffer }) => buffer));
  for (const copy of copies) rooms.giveBack(copy);
  const again = Array.from({ length: 20 }, () => rooms.copy(new Uint8Array(100_000)));
  assert.is(
    again.filter(({ buffer }) => were.has(buffer)).length,
    Math.floor((1 << 20) / copies[0]!.buffer.byteLength),
  );
});

test.run();
