// SPDX-License-Identifier: Apache-2.0
//
// docs/scenarios.md names a test for each scenario that the inline tier must survive: none may be missing,
// and each must be there.
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";

const ROOT = resolve(import.meta.dirname, "..");
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);
const WANTED = [...range(1, 28), ...range(31, 36), ...range(38, 40), ...range(42, 46)];

const rows = readFileSync(join(ROOT, "docs/scenarios.md"), "utf8")
  .split("\n")
  .filter((line) => /^\| \d+ \|/.test(line))
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .map(([, number, what, file, title]) => ({ number: Number(number), what: what!, file: file!, title: title! }));

test("every scenario has a row", () => {
  assert.equal(
    rows.map(({ number }) => number),
    WANTED,
  );
});

for (const { number, what, file, title } of rows) {
  test(`scenario ${number}, ${what}: its test is there`, () => {
    assert.ok(title.length > 3, "no title");
    assert.ok(readFileSync(join(ROOT, file), "utf8").includes(title), `${file} holds no "${title}"`);
  });
}

test.run();
