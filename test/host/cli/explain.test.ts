// SPDX-License-Identifier: Apache-2.0
//
// `vedette policy explain`, as it is typed: of a written event, of a recording, as JSON, and what it refuses.
// Time limit: 120 s.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { builtFile } from "../../../host/paths.js";
import { scratch } from "../../e2e/programs.js";

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

const vedette = (...words: string[]) =>
  spawnSync(process.execPath, [builtFile("js/host/main.js"), ...words], { cwd, encoding: "utf8", timeout: 60_000 });
const explain = (...words: string[]) => vedette("policy", "explain", "--falco-rules", "rules.yaml", ...words);

test("of a written event, the term that kept a rule from firing, and the value that it looked at", () => {
  const { stdout, status } = explain("{execve: {proc: {name: sh, parent: {name: cron}}}}", "--rule", "Shell");
  assert.is(status, 0);
  assert.match(stdout, /^Shell: did not fire for this event\n/);
  assert.match(
    stdout,
    /\n {4}true {3}proc\.pname = cron {4}\(proc\.pname is "cron"\)\n {4}Otherwise it would have fired\.\n/,
  );
});

test("of a recording, the events that came nearest, the rarest kind first", () => {
  const recorded = vedette("record", "-o", "work.rec", "--", "sh", "-c", "cat /etc/shadow > /dev/null");
  assert.is(recorded.status, 0, recorded.stderr);
  const { stdout } = explain("work.rec");
  assert.match(stdout, /^Shell: fired for 1 of \d+ events\n/m);
  assert.match(
    stdout,
    /^Shadow read: did not fire for any of \d+ events\n.*openat\(AT_FDCWD, "\/etc\/shadow".*\n {4}true {3}proc\.name = cat /m,
  );
  assert.match(stdout, /^Mount: did not fire, and no event has a type that it asks for$/m);
});

test("as JSON, and of the events of a condition alone", () => {
  const words = ["work.rec", "--json", "--rule", "Shadow read", "-f", "fd.name = /etc/shadow"];
  const [told, ...others] = JSON.parse(explain(...words).stdout);
  assert.equal(others, []);
  assert.is(told.rule, "Shadow read");
  assert.equal([told.fired, told.events, told.nearest.length], [0, 1, 1]);
  assert.equal(told.nearest[0].terms, [{ term: "proc.name = cat", is: true, values: { "proc.name": '"cat"' } }]);
});

test("fields lists the parameters of an event, and all events", () => {
  const { stdout } = vedette("fields", "--event", "openat");
  assert.match(stdout, /^openat: /);
  assert.match(stdout, /^ {2}evt\.arg\.flags +flags +of open/m);
  assert.match(vedette("fields", "--events").stdout, /^openat +\S/m);
  assert.ok(
    JSON.parse(vedette("fields", "--event", "openat", "--json").stdout).some(
      (one: { name: string }) => one.name === "name",
    ),
  );
  const { status, stderr } = vedette("fields", "--event", "foo");
  assert.is(status, 2);
  assert.match(stderr, /There is no event "foo"; `vedette fields --events` lists them/);
});

test("what it cannot explain is said", () => {
  for (const [words, says] of [
    [["{execv: {}}"], /wrong at execv: there is no event "execv"/],
    [["{execve: {}}", "--rule", "None"], /There is no rule "None"/],
    [["{execve: "], /The event cannot be read/],
  ] as const) {
    const { status, stderr } = explain(...words);
    assert.is(status, 2, stderr);
    assert.match(stderr, says);
    assert.match(stderr, "VEDETTE_USAGE");
  }
  assert.match(vedette("policy", "explain", "{execve: {}}").stderr, "Give the rules with --falco-rules");
  assert.match(explain("nofile").stderr, "VEDETTE_SCAP_UNREADABLE");
});

test.run();
