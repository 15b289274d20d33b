// SPDX-License-Identifier: Apache-2.0
//
// `vedette policy inspect` of a policy that has rows and no rules.
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { builtFile } from "../../../host/paths.js";
import { scratch } from "../../e2e/programs.js";

const cwd = scratch();
const inspect = (...words: string[]) => {
  const argv = [builtFile("js/host/main.js"), "policy", "inspect", ...words];
  return spawnSync(process.execPath, argv, { cwd, encoding: "utf8", timeout: 50_000 });
};

test("a policy that only prevents is inspected, row by row", () => {
  mkdirSync(join(cwd, "only"));
  const row = "{name: No way out, deny: connect, to: [10.0.0.0/8], except: {programs: [/app/x]}, mode: monitor}";
  writeFileSync(join(cwd, "only/policy.yaml"), `name: only\nprevent:\n  - ${row}\n`);
  const { status, stdout, stderr } = inspect("only");
  assert.is(status, 0, stderr);
  assert.match(stdout, /^denies "No way out" \(connect 10\.0\.0\.0\/8; \w+, monitor\), except \/app\/x$/m);
  assert.is(JSON.parse(inspect("--json", "only").stdout).prevent[0].name, "No way out");
});

test.run();
