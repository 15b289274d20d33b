// SPDX-License-Identifier: Apache-2.0
//
// What is shown of one policy: what it was loaded with, its text, and a bound on all of it.
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openBundle } from "../../../host/policy/bundle.js";
import { detailOf, textsAt, textsOf } from "../../../host/policy/detail.js";
import { loadPolicies } from "../../../host/policy/load.js";
import { takeSnapshot } from "../../../host/policy/snapshot.js";

const folder = mkdtempSync(join(tmpdir(), "detail-"));
test.after(() => rmSync(folder, { recursive: true }));

test("a policy is shown with its parameters, rules and text, policy.yaml first", async () => {
  const [policy] = await loadPolicies(["policies/credential-access/sensitive-file-read"]);
  const { place, parameters, rules, prevents, files, more } = detailOf(policy!, textsAt(policy!.place));
  assert.is(place, policy!.place);
  assert.equal(
    parameters.map(({ name, value }) => [name, value]),
    Object.entries(policy!.parameters).map(([name, value]) => [name, JSON.stringify(value).slice(0, 1_000)]),
  );
  assert.equal(
    rules.map(({ name, enabled }) => [name, enabled]),
    policy!.rules.map(({ name, enabled }) => [name, enabled]),
  );
  assert.equal([prevents, more], [[], false]);
  assert.equal(
    files!.map(({ name, isWhole }) => [name, isWhole]),
    [
      ["policy.yaml", true],
      ["index.ts", true],
      ["tests.yaml", true],
    ],
  );
  assert.match(files![0]!.text, "name: sensitive-file-read");
});

test("what its author made long is cut, as a whole", async () => {
  const [policy] = await loadPolicies(["policies/credential-access/sensitive-file-read"]);
  const [rule] = policy!.rules;
  const long = { ...rule!, desc: "d".repeat(4_000), output: "o".repeat(4_000) };
  const detail = detailOf({ ...policy!, rules: Array(1_000).fill(long) }, null);
  assert.is(detail.more, true);
  assert.is(detail.rules[0]!.desc.length, 1_000);
  assert.ok(JSON.stringify(detail).length < 100_000, `${JSON.stringify(detail).length} characters`);
});

test("of its text 64 KiB are shown, and nothing that a link leads to", () => {
  writeFileSync(join(folder, "policy.yaml"), "name: long\n");
  writeFileSync(join(folder, "index.ts"), "x".repeat(70_000));
  writeFileSync(join(folder, "z.ts"), "never");
  const texts = textsOf(takeSnapshot(folder));
  assert.equal(
    texts.map(({ name, text, isWhole }) => [name, text.length, isWhole]),
    [
      ["policy.yaml", 11, true],
      ["index.ts", 65_525, false],
    ],
  );
  symlinkSync("/etc/passwd", join(folder, "a.ts"));
  assert.not.ok(textsOf(takeSnapshot(folder)).some(({ name }) => name === "a.ts"));
  assert.not.ok(
    textsOf(openBundle(folder)).some(({ name }) => name === "a.ts"),
    "it leads out of the folder",
  );
});

test("what is no folder has no text", () => {
  assert.is(textsAt(join(folder, "index.ts")), null);
  assert.is(textsAt(join(folder, "gone")), null);
});

test.run();
