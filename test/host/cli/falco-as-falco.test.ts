// SPDX-License-Identifier: Apache-2.0
// `vedette falco`: what Falco's own command line prints, and what it refuses, each with the status that
// Falco has.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { EVENTS } from "../../../build/generated/events.js";
import { FIELDS } from "../../../host/falco/falco.js";
import { scratch } from "../../e2e/programs.js";
import { typed } from "./typed.js";

const folder = scratch();
const file = (name: string): string => join(folder, name);
const DESCRIPTION = `A shell was started ${"by somebody who should not ".repeat(4)}here`;
writeFileSync(
  file("rules.yaml"),
  `- rule: Shell
  desc: ${DESCRIPTION}
  condition: evt.type = execve and proc.name = sh
  output: a shell | command=%proc.cmdline
  priority: NOTICE
  tags: [shells]
- rule: Mount
  desc: a mount
  condition: evt.type = mount
  output: a mount
  priority: WARNING
  tags: [mounts]
- rule: Off
  desc: switched off
  condition: evt.type = mount
  output: a mount
  priority: WARNING
  enabled: false
`,
);
writeFileSync(
  file("wrong.yaml"),
  "- rule: Wrong\n  desc: d\n  condition: proc.nothing = 1\n  output: x\n  priority: INFO\n",
);
const RULES = ["-r", file("rules.yaml")];
const JSON_OUTPUT = ["-o", "json_output=true"];
const falco = (...words: string[]) => typed("falco", ...words);

async function printed(...words: string[]): Promise<string> {
  const { status, stdout, stderr } = await falco(...words);
  assert.is(status, 0, stderr);
  return stdout;
}

test("-L prints the rules with their descriptions, broken before column 110", async () => {
  const lines = (await printed(...RULES, "-L")).split("\n");
  assert.match(lines[0]!, /^Rule {47}Description$/);
  assert.ok(lines.every((line) => line.length <= 110));
  const begin = lines.findIndex((line) => line.startsWith("Shell "));
  const its = lines.slice(begin, lines.indexOf("", begin));
  assert.is(its.length, 3);
  assert.is(its.map((line) => line.slice(51)).join(" "), DESCRIPTION);
  assert.is(its[1]!.slice(0, 51).trim(), "");
});

test("-l prints one rule, and with json_output what it is", async () => {
  const one = await printed(...RULES, "-l", "Mount");
  assert.match(one, /^Mount {46}a mount$/m);
  assert.not.match(one, /Shell/);
  const { info, details } = JSON.parse(await printed(...RULES, ...JSON_OUTPUT, "-l", "Mount"));
  assert.equal([info.name, info.priority, info.tags, info.enabled], ["Mount", "Warning", ["mounts"], true]);
  assert.equal(details.events, ["mount"]);
  const { rules } = JSON.parse(await printed(...RULES, ...JSON_OUTPUT, "-L"));
  assert.ok(rules.some((rule: (typeof rules)[number]) => rule.info.name === "Shell"));
});

test("-l of a rule that is not there, and -L of rules that cannot be loaded, end with 1", async () => {
  const none = await falco(...RULES, "-l", "Nothing");
  assert.is(none.status, 1);
  assert.match(none.stderr, /The rule "Nothing" is not loaded\./);
  const wrong = await falco("-r", file("wrong.yaml"), "-L");
  assert.is(wrong.status, 1);
  assert.match(wrong.stdout, /proc\.nothing/);
});

test("--list prints every field with its type, and -N their names alone", async () => {
  const names = (await printed("--list", "-N")).trim().split("\n");
  assert.equal(names, [...FIELDS.keys()]);
  const text = await printed("--list");
  assert.match(text, /^Field Class: {18}proc$/m);
  assert.match(text, /^proc\.name +\(Type: CHARBUF\) /m);
  assert.match(text, /^fd\.sport +\(Type: PORT\) /m);
  const marked = await printed("--list", "syscall", "--markdown");
  assert.match(marked, /^`proc\.name` \| CHARBUF \| /m);
  for (const name of FIELDS.keys()) assert.ok(marked.includes(`\n\`${name}\` | `), name);
});

test("--list of another source is refused", async () => {
  const { status, stderr } = await falco("--list", "k8s_audit");
  assert.is(status, 1);
  assert.match(stderr, /no source of events k8s_audit here, only syscall/);
});

test("--list-events prints each event with its parameters, as text and as a table", async () => {
  const lines = (await printed("--list-events")).trim().split("\n");
  assert.is(lines.length, EVENTS.length);
  assert.ok(lines.some((line) => /^< openat\(.*\bname\b.*\)$/.test(line)));
  const table = (await printed("--list-events", "--markdown")).trim().split("\n");
  assert.is(table.length, EVENTS.length + 2);
  assert.match(table[2]!, /^`<` \| `\w+` \| /);
});

test("-i prints the calls that make no event, and none that makes one", async () => {
  const [head, ...names] = (await printed("-i")).trim().split("\n");
  assert.is(head, "Ignored syscall(s):");
  assert.ok(names.length > 0);
  for (const made of ["openat", "execve", "connect"]) assert.not.ok(names.includes(`- ${made}`), made);
});

test("what it says of itself: version, page size, plugins, schemas", async () => {
  assert.match(await printed("--version"), /^Vedette version: \d+\.\d+\.\d+.*\nEngine: +\d+\.\d+\.\d+\n$/);
  const version = JSON.parse(await printed("--version", ...JSON_OUTPUT));
  assert.match(version.engine_version_semver, /^\d+\.\d+\.\d+$/);
  assert.is(await printed("--page-size"), "Your system page size is: 4096\n");
  assert.is(await printed("--list-plugins"), "0 Plugins Loaded:\n");
  const config = JSON.parse(await printed("--config-schema"));
  assert.ok(config.properties.json_output);
  assert.ok(config.properties.http_output.properties.url, "a key with a dot is a key of a mapping");
  const rule = JSON.parse(await printed("--rule-schema"));
  assert.is(rule.type, "array");
  assert.ok(rule.items.properties.priority.enum.includes("WARNING"));
});

test("--support tells the configuration and the rules whole", async () => {
  const config = file("support.yaml");
  writeFileSync(config, `rules_files: [${file("rules.yaml")}]\n`);
  const told = JSON.parse(await printed("-c", config, "--support"));
  assert.is(told.config, readFileSync(config, "utf8"));
  assert.is(told.rules_files[0].name, file("rules.yaml"));
  assert.is(told.rules_files[0].variants[0].content, readFileSync(file("rules.yaml"), "utf8"));
  assert.is(told.system_info.nodename.length > 0, true);
});

test("-V says of each file whether it can be loaded, in text and as JSON", async () => {
  const good = await falco("-V", file("rules.yaml"));
  assert.is(good.status, 0, good.stderr);
  assert.match(good.stdout, /rules\.yaml: Ok/);
  const bad = await falco("-V", file("wrong.yaml"), ...JSON_OUTPUT);
  assert.is(bad.status, 1);
  const [result] = JSON.parse(bad.stdout).falco_load_results;
  assert.is(result.successful, false);
  const gone = await falco("-V", file("nowhere.yaml"));
  assert.is(gone.status, 1);
  assert.match(gone.stderr, /nowhere\.yaml/);
});

test("--dry-run compiles the rules, says which options do nothing, and judges nothing", async () => {
  const dry = await falco(...RULES, "--dry-run", "-o", "nonsense=1");
  assert.is(dry.status, 0, dry.stderr);
  assert.is(dry.stdout, "");
  assert.match(dry.stderr, /Falco has no option nonsense/);
  const wrong = await falco("-r", file("wrong.yaml"), "--dry-run");
  assert.is(wrong.status, 1);
});

/** Words, and what must be said; the status is 1, as all of Falco's refusals. */
const REFUSED: readonly (readonly [words: readonly string[], says: RegExp])[] = [
  [[], /No rules were given: neither by -r nor by the configuration/],
  [[...RULES, "--enable-source", "syscall", "--disable-source", "syscall"], /cannot be mixed/],
  [[...RULES, "--disable-source", "syscall"], /At least one source of events must be enabled/],
  [[...RULES, "--enable-source", "k8s_audit"], /no source of events k8s_audit here/],
  [[...RULES, "-M", "soon"], /-M soon is no number of seconds/],
  [[...RULES, "-M", "-1"], /-M -1 is no number of seconds|argument missing/],
  [[...RULES, "-P", "/proc/nowhere/pid", "-M", "0"], /The pid cannot be written to \/proc\/nowhere\/pid/],
  [["-c", file("nowhere.yaml")], /nowhere\.yaml/],
  [[...RULES, "-o", "engine.kind=replay", "-o", `engine.replay.capture_file=${file("nowhere.scap")}`], /nowhere\.scap/],
  [["--no-such-option"], /no-such-option/],
];
for (const [words, says] of REFUSED)
  test(`falco ${words.map((word) => word.replace(folder, "")).join(" ")} is refused with status 1`, async () => {
    const { status, stderr, stdout } = await falco(...words);
    assert.equal([status, stdout], [1, ""], stderr);
    assert.match(stderr, says);
  });

test("-P's file is gone again when a later flag is refused", async () => {
  const pid = file("pid");
  const { status } = await falco(...RULES, "-P", pid, "-M", "never");
  assert.is(status, 1);
  assert.not.ok(existsSync(pid), "a pid of a process that is gone");
});

test.run();
