// SPDX-License-Identifier: Apache-2.0
//
// `vedette policy inspect` of a policy that has rows and no rules, and of the pack.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { scratch } from "../../e2e/programs.js";
import { typedIn } from "./typed.js";

const cwd = scratch();
const inspect = (...words: string[]) => typedIn(cwd, "policy", "inspect", ...words);

test("A7: a policy that only prevents is inspected, row by row", async () => {
  mkdirSync(join(cwd, "only"));
  const row = "{name: No way out, deny: connect, to: [10.0.0.0/8], except: {programs: [/app/x]}, mode: monitor}";
  writeFileSync(join(cwd, "only/policy.yaml"), `name: only\nprevent:\n  - ${row}\n`);
  const { status, stdout, stderr } = await inspect("only");
  assert.is(status, 0, stderr);
  assert.match(stdout, /^denies "No way out" \(connect 10\.0\.0\.0\/8; \w+, monitor\), except \/app\/x$/m);
  assert.is(JSON.parse((await inspect("--json", "only")).stdout).prevent[0].name, "No way out");
});

test("N10: the rules of the pack are listed", async () => {
  const { status, stdout, stderr } = await inspect("pack");
  assert.is(status, 0, stderr);
  assert.match(stdout, /^sensitive-file-read \d+\.\d+\.\d+\n( {2}\w+ +.*\n)* {2}\w+ +Sensitive file read$/m);
  const [, policies, rules] = /^(\d+) policies with (\d+) rules\n$/m.exec(stdout) ?? [];
  const all = JSON.parse((await inspect("pack", "--json")).stdout) as { rules: unknown[] }[];
  assert.equal([all.length, all.flatMap((one) => one.rules).length], [Number(policies), Number(rules)]);
});

test.run();
