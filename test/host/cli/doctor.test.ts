// SPDX-License-Identifier: Apache-2.0
// `vedette doctor`: what this machine allows, as a table within 80 columns and as JSON.
import { release } from "node:os";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Diagnosis } from "../../../host/output/diagnosis.js";
import { typed } from "./typed.js";

test("it says which tiers work here, what was tried, and what to change, within 80 columns", async () => {
  const { status, stdout } = await typed("doctor");
  assert.ok(stdout.startsWith(`Linux ${release()}`), stdout);
  for (const part of ["\nTiers\n", "\nWhat was tried\n"]) assert.ok(stdout.includes(part), stdout);
  assert.match(stdout, /\nWhat to change\n {2}- |\nNothing needs to be changed\./);
  for (const line of stdout.split("\n")) assert.ok(line.length <= 80, line);
  const works = /^ {2}yes +trace /m.test(stdout);
  assert.is(status, works ? 0 : 1);
});

test("the JSON says the same", async () => {
  const [text, json] = [await typed("doctor"), await typed("doctor", "--json")];
  const { tiers, checks, findings } = JSON.parse(json.stdout) as Diagnosis;
  assert.is(json.status, text.status);
  assert.equal(
    tiers.map(({ tier }) => tier),
    ["trace", "inline"],
  );
  for (const { name, ok } of checks)
    assert.match(text.stdout, new RegExp(`^ {2}${ok ? "yes" : "no "} +${name}\\b`, "m"));
  assert.is(findings.kernel, release());
});

test.run();
