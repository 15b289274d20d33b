// SPDX-License-Identifier: Apache-2.0
//
// What `npm run coverage` counts: lines that code was compiled from, by tsc's source maps.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { barred, COUNTS, counted, type FileCoverage, figure, mappedLines, tableOf } from "./coverage.js";
import { coverageOf, type Job } from "./jobs.js";
import { failureText, passedText } from "./report.js";
import { runJob } from "./run-job.js";

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

test("a side below its bar fails as a test, and a side above it is told by its figure", async () => {
  const side = (missing: number): FileCoverage[] => [
    { path: "host/a.ts", lines: 100, covered: 100 - missing, missing: [] },
  ];
  assert.equal(barred("host", side(15), 85), {
    line: "coverage of host/: 85.0 % of 100 lines (met: 85 %)",
    holds: true,
  });
  assert.equal(barred("host", side(16), 85).holds, false);

  const saying = (missing: number): Job => {
    const { line, holds } = barred("host", side(missing), 85);
    return { ...coverageOf("host", "counted"), command: ["bash", "-c", `echo "${line}"; exit ${holds ? 0 : 1}`] };
  };
  const [met, missed] = [await runJob(saying(15), []), await runJob(saying(16), [])];
  assert.equal([met.passed, met.failed, missed.passed, missed.failed], [1, 0, 0, 1]);
  assert.match(
    passedText(met),
    /^coverage of host\/: 85\.0 % of 100 lines \(met: 85 %\), \d+\.\d s \(\d+\.\d s of CPU\)$/,
  );
  assert.match(failureText(missed), "coverage of host failed; again: npm run coverage");
});

test("CI counts what tests host/ in its own process, and nothing else", async () => {
  const job = (path: string, env: Record<string, string> = {}): Job => {
    const command = [process.execPath, "--import", "tsx", path];
    return { path, command, limitMs: 1, alone: false, kind: "uvu", text: "", env };
  };
  const { command, env } = counted(job("test/host/a.test.ts"));
  assert.equal(command.slice(1), [
    "--import",
    "tsx",
    "--import",
    "./test/runner/alone-covered.mjs",
    "test/host/a.test.ts",
  ]);
  assert.ok(env.NODE_V8_COVERAGE!.endsWith(COUNTS));
  for (const other of [job("test/e2e/a.test.ts"), job("test/host/a.test.ts with A=b", { A: "b" })])
    assert.is(counted(other), other);
});

test.run();
