// SPDX-License-Identifier: Apache-2.0
// The author's commands as an author meets them: a new folder passes all of them, and what is wrong with it
// is drawn.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { typed } from "./typed.js";

const scratch = mkdtempSync(join(tmpdir(), "vedette-author-"));
const folder = join(scratch, "My first policy!");
const policy = (...argv: string[]) => typed("policy", ...argv);

/** The folder with one file's text changed, for the length of a call. */
async function withChange<T>(file: string, from: string, to: string, run: () => Promise<T>): Promise<T> {
  const path = join(folder, file);
  const text = readFileSync(path, "utf8");
  assert.ok(text.includes(from), `${file} has ${from}`);
  writeFileSync(path, text.replace(from, to));
  try {
    return await run();
  } finally {
    writeFileSync(path, text);
  }
}

test("A10: a new folder passes check and test, untouched, and names no path of this machine", async () => {
  const made = await policy("new", folder);
  assert.is(made.status, 0, made.stderr);
  for (const file of ["policy.yaml", "index.ts", "tests.yaml", "tsconfig.json"])
    assert.ok(existsSync(join(folder, file)));
  assert.match(readFileSync(join(folder, "policy.yaml"), "utf8"), /^name: my-first-policy$/m);
  assert.not.match(readFileSync(join(folder, "tsconfig.json"), "utf8"), /"\//, "a path of this machine");
  const checked = await policy("check", folder);
  assert.is(`${checked.status}${checked.stderr}`, "0");
  assert.match(checked.stdout, /1 rule, nothing wrong/);
  const tested = await policy("test", folder);
  assert.is(`${tested.status}${tested.stderr}`, "0");
  assert.match(tested.stdout, /3 passed, 0 failed/);
});

test("a folder made of a rule of Falco's passes check and test, untouched, and judges as the rule does", async () => {
  const rules = join(scratch, "rules.yaml");
  writeFileSync(
    rules,
    `- list: shells
  items: [sh, bash, zsh]
- macro: spawned
  condition: (evt.type in (execve, execveat) and evt.failed=false)
- rule: Shell of a server
  desc: A shell was run by a server
  condition: spawned and proc.name in (shells) and proc.pname = nginx and not proc.cmdline contains "health check"
  output: A shell | command=%proc.cmdline
  priority: NOTICE
  tags: [T1059]
- rule: Shell of a server
  exceptions: [{name: users, fields: [user.name, proc.args], comps: [=, startswith], values: [[deploy, -x]]}]
  override: {exceptions: append}
`,
  );
  const of = join(scratch, "of-a-rule");
  const made = await policy("new", "--from", rules, "--rule", "Shell of a server", of);
  assert.is(`${made.status}${made.stderr}`, "0");
  const source = readFileSync(join(of, "index.ts"), "utf8");
  assert.match(source, /const SHELLS = new StringSet\(\["sh", "bash", "zsh"\]\);/);
  assert.match(source, /SHELLS\.has\(e\.proc\.name\) &&\n/);
  assert.match(source, /\(e: AnyExec\): bool/);
  assert.match(source, /!\(e\.proc\.user == "deploy" && joinedArgs\(e\.proc\)\.startsWith\("-x"\)\)/);
  const checked = await policy("check", of);
  assert.is(`${checked.status}${checked.stderr}`, "0");
  const tested = await policy("test", of);
  assert.is(`${tested.status}${tested.stderr}`, "0", tested.stdout);
  assert.match(tested.stdout, /2 passed, 0 failed/);
  const built = await policy("build", of);
  assert.is(`${built.status}${built.stderr}`, "0");
});

test("a folder that holds something is not written over", async () => {
  const again = await policy("new", folder);
  assert.is(again.status, 2);
  assert.match(again.stderr, /VEDETTE_POLICY_EXISTS/);
});

test("check draws every error with its line and a caret, and no stack", async () => {
  const { status, stderr } = await withChange("index.ts", "e.proc.pname)", "e.proc.pnam) && 1 + 1 == e.fd_num", () =>
    policy("check", folder),
  );
  assert.is(status, 2);
  assert.match(stderr, /error: .*index\.ts:\d+:\d+: Property 'pnam' does not exist on type 'Process'\./);
  assert.match(stderr, /error: .*index\.ts:\d+:\d+: This is computed in one bit/);
  assert.match(stderr, /\n +\d+ \| {3}return TOOLS\.has.*\n +\| +\^{4}\n/);
  assert.not.match(stderr, /\n\s+at /);
});

test("A3: check starts the policy, and tells of top-level code that fails", async () => {
  const { status, stdout, stderr } = await withChange(
    "index.ts",
    "const TOOLS",
    'assert(false, "too few");\nconst TOOLS',
    () => policy("check", folder),
  );
  assert.is(status, 2, stdout);
  assert.match(stderr, /^error: The policy my-first-policy could not be started: too few \(index\.ts:\d+:\d+\)\.$/m);
  assert.not.match(stdout, /nothing wrong/);
});

test("check tells which tests are missing, and test counts them", async () => {
  const missing = (word: string) =>
    withChange("tests.yaml", "{rule: Download tool run, fields: {proc.pname: nginx}}", "", () =>
      withChange("tests.yaml", "alerts:\n      - \n", "alerts: []\n", () => policy(word, folder)),
    );
  const { status, stderr } = await missing("check");
  assert.is(status, 0);
  assert.match(stderr, /warning: .*No test has an alert of "Download tool run"\./);
  const tested = await missing("test");
  assert.is(tested.status, 1);
  assert.match(tested.stdout, /FAIL No test has an alert of .*\n2 passed, 1 failed, 1 missing\n/);
});

test("test shows what was expected and what came", async () => {
  const { status, stdout } = await withChange("tests.yaml", "proc.pname: nginx}", "proc.pname: apache}", () =>
    policy("test", folder),
  );
  assert.is(status, 1);
  assert.match(
    stdout,
    /FAIL curl from a web server\n +- expected: Download tool run .*\(proc\.pname is nginx\)\n +\+ got: +Download tool run at event 1/,
  );
  assert.match(stdout, /2 passed, 1 failed/);
});

test("A14: test -k runs the tests with a part in their names, asks for no other, and says when there is none", async () => {
  const one = await policy("test", folder, "-k", "package manager");
  assert.is(`${one.status}${one.stderr}`, "0");
  assert.match(one.stdout, /^1 passed, 0 failed$/m);
  const none = await policy("test", folder, "-k", "nowhere");
  assert.is(none.status, 2);
  assert.match(none.stderr, 'No test has "nowhere" in its name.');
});

test("build writes a module that inspect reads, and that runs without its sources", async () => {
  const module = join(scratch, "out.wasm");
  assert.is((await policy("build", folder, "-o", module)).status, 0);
  const inspected = await policy("inspect", module);
  assert.match(inspected.stdout, /rule "Download tool run" \(Notice; T1105\)\n {2}on execve execveat/);
  const { sha256, rules } = JSON.parse((await policy("inspect", "--json", module)).stdout);
  assert.match(sha256, /^[0-9a-f]{64}$/);
  assert.is(rules.length, 1);
});

test("a module that cannot be written, or read, is told", async () => {
  const unwritable = await policy("build", folder, "-o", join(scratch, "no/such/out.wasm"));
  assert.is(unwritable.status, 2);
  assert.match(unwritable.stderr, /VEDETTE_POLICY_UNWRITABLE/);
  assert.match((await policy("inspect", join(scratch, "nothing.wasm"))).stderr, /VEDETTE_POLICY_UNREADABLE/);
  writeFileSync(join(scratch, "text.wasm"), "no module");
  assert.match((await policy("inspect", join(scratch, "text.wasm"))).stderr, /VEDETTE_MODULE_CORRUPT/);
});

test("A8: bench prints a cost for each type, and the same instructions each time", async () => {
  const run = async () => JSON.parse((await policy("bench", "--json", folder)).stdout);
  const [first, second] = [await run(), await run()];
  const instructions = (cost: typeof first) =>
    cost.types.map((type: { type: string; instructionsPerEvent: number }) => [type.type, type.instructionsPerEvent]);
  assert.equal(instructions(first), instructions(second));
  assert.equal(
    first.types.map((type: { type: string }) => type.type),
    ["execve", "execveat"],
  );
  assert.ok(first.types[0].nsPerEvent > 0);
  assert.ok(first.other.worstBatchMs > 0);
});

test.after(() => rmSync(scratch, { recursive: true }));
test.run();
