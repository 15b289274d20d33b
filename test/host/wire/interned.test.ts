// SPDX-License-Identifier: Apache-2.0
// Texts of a batch are stored once, whatever their number, and an emptied table knows none of them.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Growing, InternedTexts } from "../../../host/wire/interned.js";

test("equal texts stand in one place, also among thousands, and an empty one has a place", () => {
  const texts = new InternedTexts();
  const words = Array.from({ length: 5000 }, (_, i) => Buffer.from(`word ${i} ${"x".repeat(i % 90)}`));
  const places = words.map((word) => texts.add(word));
  assert.is(new Set(places).size, words.length);
  assert.equal(
    words.map((word) => texts.add(word)),
    places,
  );
  const whole = Buffer.from(texts.whole());
  for (const [i, word] of words.entries()) assert.ok(whole.subarray(places[i]!).indexOf(word) === 0, `word ${i}`);
  assert.is(texts.add(Buffer.alloc(0)), whole.length);
  assert.is(texts.whole().length, whole.length);
});

test("a part of bytes is stored as that part", () => {
  const texts = new InternedTexts();
  const place = texts.add(Buffer.from("in /etc/shadow out"), 3, 14);
  assert.is(texts.add(Buffer.from("/etc/shadow")), place);
  assert.is(Buffer.from(texts.whole()).toString(), "/etc/shadow");
});

test("what was emptied begins anew", () => {
  const texts = new InternedTexts();
  texts.add(Buffer.from("a long text before"));
  texts.clear();
  assert.is(texts.add(Buffer.from("b")), 0);
  assert.is(texts.add(Buffer.from("a long text before")), 1);
  const bytes = new Growing();
  bytes.append(Buffer.alloc(100_000, 7));
  bytes.clear();
  assert.is(bytes.append(Buffer.from("x")), 0);
  assert.is(bytes.whole().length, 1);
});

test.run();
