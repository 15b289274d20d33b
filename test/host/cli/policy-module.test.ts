// SPDX-License-Identifier: Apache-2.0
// A policy without sources, as `vedette policy import-falco` makes it: every command for policies takes it,
// and says what it cannot know.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { scratch } from "../../e2e/programs.js";
import { typed } from "./typed.js";

const folder = scratch();
const file = (name: string): string => join(folder, name);
const made = file("Shells & more");
writeFileSync(
  file("rules.yaml"),
  `- rule: Shell
  desc: a shell
  condition: evt.type = execve and proc.name = sh
  output: a shell of %proc.pname
  priority: NOTICE
  tags: [T1059]
- rule: Dead
  desc: no event of the two types at once
  condition: evt.type = mount and evt.type = execve
  output: x
  priority: NOTICE
`,
);
const policy = (...words: string[]) => typed("policy", ...words);
const TESTS = `tests:
  - name: a shell
    events: [{execve: {proc: {name: sh, parent: {name: nginx}}}}]
    alerts: [{rule: Shell, output: a shell of nginx}]
  - name: another program
    events: [{execve: {proc: {name: ls}}}]
    alerts: []
`;

test("import-falco makes a folder of rule files, and names it as policies are named", async () => {
  const { status, stdout, stderr } = await policy("import-falco", file("rules.yaml"), "--out", made);
  assert.is(status, 0, stderr);
  assert.match(stdout, /Shells & more: 1 rule, \d+ bytes$/m);
  assert.match(stderr, /1 rule left out, since no event here can match/);
  const yaml = readFileSync(join(made, "policy.yaml"), "utf8");
  assert.match(yaml, /^name: shells-more$/m);
  assert.match(yaml, /^description: Falco rules of rules\.yaml$/m);
});

test("import-falco again renews the module and leaves policy.yaml, and takes no folder of other files", async () => {
  writeFileSync(join(made, "policy.yaml"), "name: mine\nversion: 2.0.0\ndescription: edited\n");
  assert.is((await policy("import-falco", file("rules.yaml"), "--out", made)).status, 0);
  assert.match(readFileSync(join(made, "policy.yaml"), "utf8"), /^name: mine$/m);
  const other = await policy("import-falco", file("rules.yaml"), "--out", folder);
  assert.is(other.status, 2);
  assert.match(other.stderr, /VEDETTE_POLICY_EXISTS/);
  const blocked = await policy("import-falco", file("rules.yaml"), "--out", file("rules.yaml/below"));
  assert.is(blocked.status, 2);
  assert.match(blocked.stderr, /VEDETTE_POLICY_UNWRITABLE/);
});

test("inspect says what is in it, of its folder and of the module alone", async () => {
  const { status, stdout, stderr } = await policy("inspect", made);
  assert.is(status, 0, stderr);
  assert.match(stdout, /^rule "Shell" \(Notice; T1059\)$/m);
  assert.match(stdout, /^ {2}on execve$/m);
  assert.match(stdout, /^memory \d+ KiB, at most \d+ KiB$/m);
  const module = JSON.parse((await policy("inspect", "--json", join(made, "policy.wasm"))).stdout);
  assert.match(stdout, new RegExp(`^sha256 ${module.sha256}$`, "m"));
  assert.equal(
    module.rules.map(({ name }: { name: string }) => name),
    ["Shell"],
  );
  const none = await policy("inspect", file("nowhere"));
  assert.is(none.status, 2);
  assert.match(none.stderr, /nowhere.*VEDETTE_POLICY_UNREADABLE/);
});

test("check names what has no test, and is quiet once all have one", async () => {
  const without = await policy("check", made);
  assert.is(without.status, 0, without.stderr);
  assert.match(without.stderr, /warning: .*There is no tests\.yaml\./);
  writeFileSync(join(made, "tests.yaml"), TESTS);
  const { status, stdout, stderr } = await policy("check", made);
  assert.equal([status, stderr], [0, ""]);
  assert.match(stdout, /1 rule, nothing wrong/);
  const unsaid = await policy("check");
  assert.is(unsaid.status, 2);
  assert.match(unsaid.stderr, /No policy's folder was given/);
});

test("test runs its tests, cannot know what of the code they reach, and shows what differs", async () => {
  const right = await policy("test", "--coverage", made);
  assert.is(right.status, 0, right.stdout + right.stderr);
  assert.match(right.stdout, /^ {2}ok {3}a shell$/m);
  assert.match(right.stdout, /coverage: not known without sources and passing tests/);
  assert.match(right.stdout, /^2 passed, 0 failed$/m);
  writeFileSync(join(made, "tests.yaml"), TESTS.replace("alerts: []", "alerts: [{rule: Shell}]"));
  const wrong = await policy("test", made);
  assert.is(wrong.status, 1);
  assert.match(wrong.stdout, /^ {2}FAIL another program\n {9}\S/m);
  assert.match(wrong.stdout, /^1 passed, 1 failed/m);
  const { failed, policies } = JSON.parse((await policy("test", "--json", made)).stdout);
  assert.equal([failed, policies[0].outcomes.length], [1, 2]);
  writeFileSync(join(made, "tests.yaml"), TESTS);
});

test("build writes the module elsewhere, the same bytes, and tells where it cannot", async () => {
  const { status, stdout, stderr } = await policy("build", made, "-o", file("out.wasm"));
  assert.is(status, 0, stderr);
  assert.match(stdout, /out\.wasm: mine 2\.0\.0, 1 rule, \d+ bytes/);
  assert.ok(readFileSync(file("out.wasm")).equals(readFileSync(join(made, "policy.wasm"))));
  const blocked = await policy("build", made, "-o", file("nowhere/out.wasm"));
  assert.is(blocked.status, 2);
  assert.match(blocked.stderr, /VEDETTE_POLICY_UNWRITABLE/);
});

test("bench measures each type of event that its rules ask for, and any other", async () => {
  const { types, other, policy: name } = JSON.parse((await policy("bench", "--json", made)).stdout);
  assert.equal([name, types.map(({ type }: { type: string }) => type)], ["mine", ["execve"]]);
  assert.ok(types[0].instructionsPerEvent > other.instructionsPerEvent);
  const { stdout } = await policy("bench", made);
  assert.match(stdout, /^event +ns +instructions +a batch, ms$/m);
  assert.match(stdout, /^execve +[\d.]+ +[\d.]+ +[\d.]+$/m);
  assert.match(stdout, /^any other +/m);
});

test("sign makes a key once, and counts each signature", async () => {
  const key = file("key.pem");
  const first = await policy("sign", made, "--key", key);
  assert.is(first.status, 0, first.stderr);
  assert.match(first.stdout, /^made the key .*key\.pem, which stays with you, and .*key\.pem\.pub/m);
  assert.ok(existsSync(`${key}.pub`));
  const serial = (text: string): number => Number(/serial (\d+)$/m.exec(text)![1]);
  const again = await policy("sign", made, "--key", key);
  assert.not.match(again.stdout, /made the key/);
  assert.ok(serial(again.stdout) > serial(first.stdout));
});

test("explain cannot explain it, and says why", async () => {
  const { status, stderr } = await policy("explain", "{execve: {proc: {name: sh}}}", "--policy", made);
  assert.is(status, 2);
  assert.match(stderr, /has no index\.ts; its rules cannot be explained/);
});

test("a folder without a policy is told by every command", async () => {
  mkdirSync(file("empty"));
  for (const words of [["check"], ["test"], ["build"], ["bench"], ["sign", "--key", file("key.pem")]]) {
    const { status, stderr } = await policy(words[0]!, file("empty"), ...words.slice(1));
    assert.is(status, 2, `${words[0]}: ${stderr}`);
    assert.match(stderr, /empty.*VEDETTE_POLICY_/, words[0]);
  }
});

test.run();
