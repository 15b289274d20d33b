// SPDX-License-Identifier: Apache-2.0
//
// What `npm run coverage` counts: lines that code was compiled from, by tsc's source maps.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type FileCoverage, figure, mappedLines, tableOf } from "./coverage.js";

test("a line counts when code is compiled from it", () => {
  const folder = mkdtempSync(join(tmpdir(), "vedette-coverage-"));
  // Lines 1, 2, 4 and, ten lines up and down again, 34 and 24: comments, types and blank lines have no
  // mapping.
  writeFileSync(join(folder, "a.js.map"), JSON.stringify({ mappings: "AAAA,IAAI;AACA;;AAEA;AA8BA;AAVA" }));
  assert.equal(mappedLines(join(folder, "a.js.map")), [1, 2, 4, 24, 34]);
  rmSync(folder, { recursive: true });
});

test("the figure is of all lines, and the table says which are not run", () => {
  const file = (path: string, lines: number, missing: number[]): FileCoverage => {
    return { path, lines, covered: lines - missing.length, missing };
  };
  const files = [file("host/a/one.ts", 900, [3, 4, 5, 9]), file("host/b/two.ts", 1100, [])];
  assert.is(figure(files), "99.8 % of 2,000 lines");
  const table = tableOf(files);
  assert.ok(table.some((line) => /^host\/a +99\.6 % of 900 lines$/.test(line)));
  assert.ok(table.some((line) => /^host\/a\/one\.ts +896 of 900; not 3-5 9$/.test(line)));
});

test.run();
