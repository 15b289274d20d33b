// SPDX-License-Identifier: Apache-2.0
//
// `vedette policy explain`, as it is typed: of a written event, of a recording, as JSON, and what it refuses.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { run, scratch, VEDETTE } from "../../e2e/programs.js";
import { typedIn } from "./typed.js";

const cwd = scratch();
writeFileSync(
  join(cwd, "rules.yaml"),
  `- macro: shells
  condition: proc.name in (bash, sh)
- rule: Shell
  desc: a shell
  condition: evt.type = execve and shells and not proc.pname = cron
  output: a shell
  priority: NOTICE
- rule: Shadow read
  desc: a read
  condition: evt.type in (open, openat) and fd.name = /etc/shadow and not proc.name = cat
  output: a read
  priority: WARNING
- rule: Mount
  desc: a mount
  condition: evt.type = mount
  output: a mount
  priority: WARNING
`,
);

const vedette = (...words: string[]) => typedIn(cwd, ...words);
const explain = (...words: string[]) => vedette("policy", "explain", "--falco-rules", "rules.yaml", ...words);

test("JSON stays JSON where a name has characters that a terminal would obey", async () => {
  const { stdout, status } = await explain(
    '{execve: {proc: {name: "\\x7f\\x9b\\u202esh"}}}',
    "--rule",
    "Shell",
    "--json",
  );
  assert.is(status, 0);
  assert.not.match(stdout, /[\x7f\x9b\u202e]/);
  assert.match(JSON.stringify(JSON.parse(stdout)), "\x7f\x9b\u202esh");
});

test("of a written event, the term that kept a rule from firing, and the value that it looked at", async () => {
  const { stdout, status } = await explain("{execve: {proc: {name: sh, parent: {name: cron}}}}", "--rule", "Shell");
  assert.is(status, 0);
  assert.match(stdout, /^Shell: did not fire for this event\n/);
  assert.match(
    stdout,
    /\n {4}true {3}proc\.pname = cron {4}\(proc\.pname is "cron"\)\n {4}Otherwise it would have fired\.\n/,
  );
});

test("of a recording, the events that came nearest, the rarest kind first", async () => {
  const recorded = await run(
    [...VEDETTE, "record", "-o", "work.rec", "--", "sh", "-c", "cat /etc/shadow > /dev/null"],
    { cwd },
  );
  assert.is(recorded.status, 0, recorded.stderr);
  const { stdout } = await explain("work.rec");
  assert.match(stdout, /^Shell: fired for 1 of \d+ events\n/m);
  assert.match(
    stdout,
    /^Shadow read: did not fire for any of \d+ events\n.*openat\(AT_FDCWD, "\/etc\/shadow".*\n {4}true {3}proc\.name = cat /m,
  );
  assert.match(stdout, /^Mount: did not fire, and no event has a type that it asks for$/m);
});

test("as JSON, and of the events of a condition alone", async () => {
  const words = ["work.rec", "--json", "--rule", "Shadow read", "-f", "fd.name = /etc/shadow"];
  const [told, ...others] = JSON.parse((await explain(...words)).stdout);
  assert.equal(others, []);
  assert.is(told.rule, "Shadow read");
  assert.equal([told.fired, told.events, told.nearest.length], [0, 1, 1]);
  assert.equal(told.nearest[0].terms, [{ term: "proc.name = cat", is: true, values: { "proc.name": '"cat"' } }]);
});

mkdirSync(join(cwd, "mine"));
writeFileSync(
  join(cwd, "mine/policy.yaml"),
  `name: mine
rules:
  Tool: {exceptions: [{name: mirrors, fields: [proc.args], comps: [contains], values: [[mirror.example]]}]}
  Off: {enabled: false}
`,
);
writeFileSync(
  join(cwd, "mine/index.ts"),
  `import { Execve, Openat, Priority, rule, StringSet } from "vedette";
const TOOLS = new StringSet(["curl"]), CRONS = new StringSet(["cron"]);
class Kind { isTool: bool = false; }
const TOOL = new Kind();
TOOL.isTool = true;
const LENGTHS: i32[] = [1];

@rule({ name: "Tool", priority: Priority.Notice })
export function tool(e: Execve): bool {
  const kind = kindOf(e);
  if (kind && kind.isTool) return !e.failed;
  return false;
}
function kindOf(e: Execve): Kind | null {
  if (!TOOLS.has(e.proc.name) || CRONS.has(e.proc.pname)) return null;
  return TOOL;
}
@rule({ name: "Long", priority: Priority.Notice })
export function long(e: Openat): bool {
  if (e.failed) return false;
  return LENGTHS[e.fd.name.size] == 1;
}
@rule({ name: "Off", priority: Priority.Notice })
export function off(e: Execve): bool { return true; }
`,
);
const explainMine = (...words: string[]) => vedette("policy", "explain", "--policy", "mine", ...words);

test("A14: of a policy's code, the term that kept a rule from firing, its value and its line", async () => {
  const { stdout, status, stderr } = await explainMine("{execve: {proc: {name: ls}}}");
  assert.is(status, 0, stderr);
  assert.match(stdout, /^Tool: did not fire for this event\n/);
  assert.match(
    stdout,
    /\n {4}true {3}!TOOLS\.has\(e\.proc\.name\) {4}\(e\.proc\.name is "ls", index\.ts:15\)\n {4}Otherwise it would have fired\.\n/,
  );
  assert.not.match(stdout, /Off/);
  const [parent] = JSON.parse(
    (await explainMine("{execve: {proc: {name: curl, parent: {name: cron}}}}", "--json")).stdout,
  );
  assert.equal(parent.nearest[0].terms, [
    { term: "CRONS.has(e.proc.pname)", is: true, values: { "e.proc.pname": '"cron"' }, at: "index.ts:15" },
  ]);
});

test("of a policy's code, two terms that are needed together", async () => {
  const [both] = JSON.parse((await explainMine("{execve: {res: ENOENT, proc: {name: ls}}}", "--json")).stdout);
  const texts = both.nearest[0].terms.map(({ term }: { term: string }) => term);
  assert.equal(texts, ["!TOOLS.has(e.proc.name)", "!e.failed"]);
});

test("of a policy's rule that fired, that an exception held, and that it trapped", async () => {
  const fired = (await explainMine("{execve: {proc: {name: curl}}}")).stdout;
  assert.match(fired, /^Tool: fired for this event\n[\s\S]*would not have fired/);
  const excused = (await explainMine("{execve: {proc: {name: curl, args: [mirror.example]}}}")).stdout;
  assert.match(
    excused,
    /did not fire[\s\S]*true {3}exception "mirrors" {4}\(proc\.args is .*mirror\.example.*policy\.yaml\)/,
  );
  const trapped = (await explainMine("{openat: {name: /etc/hosts}}", "--rule", "Long")).stdout;
  assert.match(trapped, /did not fire[\s\S]*trapped after this line: Index out of range.*index\.ts:20\)/);
});

test("without --policy, a rule is looked for in what `run` would judge by: the pack, or what vedette.yaml names", async () => {
  const words = ["policy", "explain", "{openat: {name: /etc/shadow, flags: O_RDONLY, proc: {name: cat}}}"] as const;
  const ofPack = await vedette(...words, "--rule", "Sensitive file read");
  assert.is(ofPack.status, 0, ofPack.stderr);
  assert.match(ofPack.stdout, /^Sensitive file read: fired for this event$/m);
  const unknown = await vedette(...words, "--rule", "Sensitive fire read");
  assert.match(unknown.stderr, /There is no rule "Sensitive fire read".*Did you mean "Sensitive file read"\?/);
  writeFileSync(join(cwd, "vedette.yaml"), "policies: [mine]\nfalco_rules: [rules.yaml]\n");
  const all = await vedette("policy", "explain", "{execve: {proc: {name: ls}}}", "--config", "vedette.yaml");
  assert.match(all.stdout, /^Shell: did not fire for this event$/m);
  assert.match(all.stdout, /^Tool: did not fire for this event$/m);
});

test("fields lists the parameters of an event, and all events", async () => {
  const { stdout } = await vedette("fields", "--event", "openat");
  assert.match(stdout, /^openat: /);
  assert.match(stdout, /^ {2}evt\.arg\.flags +flags +of open/m);
  assert.match((await vedette("fields", "--events")).stdout, /^openat +\S/m);
  assert.ok(
    JSON.parse((await vedette("fields", "--event", "openat", "--json")).stdout).some(
      (one: { name: string }) => one.name === "name",
    ),
  );
  const { status, stderr } = await vedette("fields", "--event", "foo");
  assert.is(status, 2);
  assert.match(stderr, /There is no event "foo"; `vedette fields --events` lists them/);
});

test("what it cannot explain is said", async () => {
  for (const [words, says] of [
    [["{execv: {}}"], /wrong at execv: there is no event "execv"/],
    [["{execve: {}}", "--rule", "None"], /There is no rule "None"/],
    [["{execve: "], /The event cannot be read/],
  ] as const) {
    const { status, stderr } = await explain(...words);
    assert.is(status, 2, stderr);
    assert.match(stderr, says);
    assert.match(stderr, "VEDETTE_USAGE");
  }
  assert.match((await explain("nofile")).stderr, "VEDETTE_SCAP_UNREADABLE");
  assert.match((await explainMine("{execve: {}}", "--rule", "Off")).stderr, 'There is no rule "Off"');
  assert.match(
    (await vedette("policy", "explain", "{execve: {}}", "--policy", "none")).stderr,
    "VEDETTE_POLICY_UNREADABLE",
  );
});

test.run();
