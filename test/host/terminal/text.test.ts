// SPDX-License-Identifier: Apache-2.0
//
// Text in cells of a terminal, cells of numbers, keys, and conditions of rows.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { both, conditionOf } from "../../../host/terminal/condition.js";
import { keysOf } from "../../../host/terminal/keys.js";
import { fit, harmless, widthOf, wrapped } from "../../../host/terminal/text.js";
import { cellText } from "../../../host/terminal/values.js";

test("nothing that a terminal obeys is left in a text", () => {
  assert.is(harmless("a\x1b]0;owned\x07b\x9b31m"), "a\\x1b]0;owned\\x07b\\x9b31m");
  assert.is(harmless("gpj.\u202eexe\u2066\u200b\ufeff"), "gpj.\\u202eexe\\u2066\\u200b\\ufeff");
  assert.is(harmless("\u2028\u{e0041}\ud800\n"), "\\u2028\\u{e0041}\\ud800\\x0a");
  assert.is(harmless("naïve 日本", true), "na?ve ??");
  assert.is(harmless("naïve 日本"), "naïve 日本");
});

test("a text has exactly the cells it is given, wide characters whole", () => {
  assert.is(fit("abc", 5), "abc  ");
  assert.is(fit("abc", 5, "right"), "  abc");
  assert.is(fit("日本語", 5), "日本 ");
  assert.is(widthOf("日本語é"), 7);
  assert.is(fit("e\u0301x", 2), "e\u0301x");
  assert.is(fit("\u0301\u0301x", 2), "x ", "no mark without a letter");
  assert.is(fit(`a${"\u0301".repeat(4_000)}b`, 2), "a\u0301\u0301b", "no tower of marks");
  assert.is(fit("abc", 0), "");
  assert.equal(wrapped("ab日c", 3), ["ab", "日c"]);
  assert.equal(wrapped("", 3), [""]);
});

test("numbers take few cells", () => {
  const cells = (unit: "count" | "bytes" | "rate" | "ns", ...numbers: number[]): string[] =>
    numbers.map((number) => cellText(number, unit));
  assert.equal(cells("count", 0, 99_999, 100_000, 1_250_000, 999_999_999), ["0", "99999", "100K", "1.3M", "1.0G"]);
  assert.equal(cells("bytes", 0, 1_023, 1_024, 10_240, 5 * 2 ** 40), ["-", "1023", "1.0K", "10K", "5.0T"]);
  assert.equal(cells("rate", 0.5, 99.9, 100.4, 250_000), ["0.5", "99.9", "100", "250K"]);
  assert.equal(cells("ns", 12, 1_500, 12_000_000, 3e9), ["12ns", "1.5us", "12ms", "3.0s"]);
  assert.is(cellText("no time", "time"), "");
});

test("keys have names, whichever way a terminal sends them", () => {
  assert.equal(keysOf("\x1bOP\x1b[11~\x1b[[A"), ["f1", "f1", "f1"]);
  assert.equal(keysOf("\x1b[A\x1bOB\x1b[5~q"), ["up", "down", "pageup", "q"]);
  assert.equal(keysOf("\x03\x1a\r\x7f日"), ["ctrl-c", "ctrl-z", "enter", "backspace", "日"]);
  assert.equal(keysOf("\x1b"), ["escape"]);
  assert.equal(keysOf("\x1b[200~\x1b[1;5A\x00x"), ["x"], "what is none of ours is left out");
});

test("a row's condition says what it has, whatever a workload chose", () => {
  assert.is(conditionOf("proc.pid", "41"), "proc.pid=41");
  assert.is(conditionOf("fd.name", '/tmp/a" or evt.type=x\\'), 'fd.name="/tmp/a\\x22 or evt.type\\x3dx\\x5c"');
  assert.is(conditionOf("fd.name", "/tmp/é\n"), 'fd.name="/tmp/\\xc3\\xa9\\x0a"');
  assert.is(conditionOf("fd.name", `/tmp/long…`), "fd.name startswith /tmp/long");
  assert.is(conditionOf("container.id", ""), null);
  assert.is(both("proc.pid=1 or proc.pid=2", "evt.type=read"), "(proc.pid=1 or proc.pid=2) and evt.type=read");
  assert.is(both("", "evt.type=read"), "evt.type=read");
});

test.run();
