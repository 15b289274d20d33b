// SPDX-License-Identifier: Apache-2.0
//
// Text that an attacker may have chosen, as it is shown, kept and told of.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { hasUnseen, visible, withoutUnseen } from "../../../host/output/visible.js";

test("what a terminal obeys, and what turns a line, is written out, and left out where it is kept", () => {
  assert.is(visible("a\x1b[2J\u202eb\u2028"), "a\\x1b[2J\\u202eb\\u2028");
  assert.is(withoutUnseen("a\x1b\tb\n\u202ec\u061c\u2028\r"), "a\tb\nc");
});

test("a line of a program that is read otherwise than it is compiled is known", () => {
  for (const line of ["\x07", "a\u202eb", "a\u200bb", "\ufeff", "a\xadb", "a\u2060", "a\u2028b", "a\rb", "\u061c"])
    assert.ok(hasUnseen(line), JSON.stringify(line));
  for (const line of ["", "\tif (a) b();\r", "\u00e9\u4e2d\ud83d\ude00"])
    assert.not.ok(hasUnseen(line), JSON.stringify(line));
});

test.run();
