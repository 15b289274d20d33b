// SPDX-License-Identifier: Apache-2.0
//
// What platform engineers ran into with version 0.1 has numbers, P1 to P14; a test that closes one begins
// with its number. Here: each has one, and three hundred files and twenty kinds of edit are no fewer.
import { globSync, readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { EDITS } from "./edits.js";
import { generated } from "./kinds.js";

const LINES = 14;
const TITLE = /^\s*test\(\s*["`](P\d+(?:, P\d+)*): /gm;

test("P1 to P14: each has a test", () => {
  const files = globSync("test/{host,e2e}/**/*.test.ts").filter((path) => !path.endsWith("lines.test.ts"));
  const closed = files.flatMap((path) =>
    [...readFileSync(path, "utf8").matchAll(TITLE)].flatMap(([, numbers]) => numbers!.split(", ")),
  );
  const lacking = Array.from({ length: LINES }, (_, index) => `P${index + 1}`).filter((one) => !closed.includes(one));
  assert.equal(lacking, []);
});

test("three hundred files, each in its own words, and twenty kinds of edit", () => {
  assert.ok(new Set(generated().map(({ title }) => title)).size >= 300);
  assert.ok(new Set(EDITS.map(({ title }) => title)).size >= 20);
});

test.run();
