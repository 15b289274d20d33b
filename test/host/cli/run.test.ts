// SPDX-License-Identifier: Apache-2.0
// `vedette run`, `trace` and `record` of a workload: its status is the command's, and what it did is where
// the flags say.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { scratch } from "../../e2e/programs.js";
import { typed } from "./typed.js";

const folder = scratch();
const file = (name: string): string => join(folder, name);
const linesOf = (name: string): string[] => readFileSync(file(name), "utf8").split("\n").filter(Boolean);
writeFileSync(
  file("rules.yaml"),
  `- rule: Looked for
  desc: a file that is not there
  condition: evt.type in (open, openat) and fd.name = ${file("nonesuch")}
  output: looked for %fd.name by %proc.name
  priority: WARNING
`,
);
const LOOK = ["--", "sh", "-c", `cat ${file("nonesuch")} 2>/dev/null; exit 7`];

test("trace prints a line for each call into its file, and ends with the workload's status", async () => {
  const { status, stdout, stderr } = await typed("trace", "-o", file("calls"), ...LOOK);
  assert.equal([status, stdout, stderr], [7, "", ""]);
  const calls = linesOf("calls");
  assert.ok(calls.some((line) => /\bopenat\(AT_FDCWD, ".*\/nonesuch".*ENOENT/.test(line)));
  assert.ok(calls.some((line) => /\bexecve\(.*cat/.test(line)));
});

test("trace -f prints what a condition matches alone, and --json an object for each", async () => {
  const words = ["--json", "-f", `evt.type = openat and fd.name = ${file("nonesuch")}`];
  assert.is((await typed("trace", "-o", file("opens"), ...words, ...LOOK)).status, 7);
  const [only, ...others] = linesOf("opens").map((line) => JSON.parse(line));
  assert.equal([only["fd.name"], only["evt.res"], others.length], [file("nonesuch"), "ENOENT", 0]);
});

test("trace --summary counts calls and errors, as a table and as JSON", async () => {
  assert.is((await typed("trace", "--summary", "-o", file("table"), ...LOOK)).status, 7);
  assert.ok(linesOf("table").some((line) => /\bopenat\b/.test(line)));
  assert.is((await typed("trace", "--summary", "--json", "-o", file("numbers"), ...LOOK)).status, 7);
  assert.match(JSON.stringify(JSON.parse(readFileSync(file("numbers"), "utf8"))), /"openat"/);
});

test("a wrong condition and a file that cannot be written are told before anything runs", async () => {
  const touch = ["--", "touch", file("touched")];
  const wrong = await typed("trace", "-f", "fd.nam = x", ...touch);
  assert.is(wrong.status, 2);
  assert.match(wrong.stderr, /VEDETTE_FALCO_CONDITION/);
  const unwritable = await typed("trace", "-o", file("no/calls"), ...touch);
  assert.match(unwritable.stderr, /no\/calls.*VEDETTE_OUTPUT_UNWRITABLE/);
  const unrecorded = await typed("record", "-o", file("no/work.vdt"), ...touch);
  assert.ok(unrecorded.status > 0);
  assert.match(unrecorded.stderr, /no\/work\.vdt/);
  assert.not.ok(existsSync(file("touched")));
});

test("a program that is not there has a shell's status", async () => {
  const { status } = await typed("record", "-o", file("none.vdt"), "--", file("no-such-program"));
  assert.is(status, 127);
});

test("record stores what replay judges", async () => {
  assert.is((await typed("record", "-o", file("work.vdt"), ...LOOK)).status, 7);
  const words = ["--falco-rules", file("rules.yaml"), "--alerts", file("replayed")];
  assert.is((await typed("replay", file("work.vdt"), ...words)).status, 0);
  assert.equal(
    linesOf("replayed").map((line) => JSON.parse(line).rule),
    ["Looked for"],
  );
});

// From here on what the command says goes past us: `run` never waits for who reads its stderr.
test("run raises its alerts while it records, by options of a file, of the environment and of the command line", async () => {
  writeFileSync(
    file("vedette.yaml"),
    `falco_rules: [${file("rules.yaml")}]\noutputs:\n  kept: {type: file, path: ${file("kept")}}\n`,
  );
  process.env.VEDETTE_ALERTS = file("ignored");
  process.env.VEDETTE_REPEATS = "all";
  try {
    const words = [
      "--config",
      file("vedette.yaml"),
      "--alerts",
      file("alerts"),
      "--record",
      file("run.vdt"),
      "--incidents",
    ];
    const { status, stderr } = await typed("run", ...words, "--alerts-detail", ...LOOK);
    assert.is(status, 7, stderr);
  } finally {
    delete process.env.VEDETTE_ALERTS;
    delete process.env.VEDETTE_REPEATS;
  }
  assert.not.ok(existsSync(file("ignored")), "the command line wins over the environment");
  for (const name of ["alerts", "kept"]) {
    const [alert, ...others] = linesOf(name).map((line) => JSON.parse(line));
    assert.equal([alert.rule, alert.priority, others.length], ["Looked for", "Warning", 0], name);
    assert.match(alert.output, /looked for .*nonesuch by cat/);
  }
  assert.ok("vedette.policy" in JSON.parse(linesOf("alerts")[0]!).output_fields);
  const replayed = await typed("replay", file("run.vdt"), "--json", "-f", "fd.name endswith nonesuch");
  assert.is(replayed.stdout.split("\n").filter(Boolean).length, 1);
});

test("run tells rules that cannot be loaded before the workload starts", async () => {
  writeFileSync(file("wrong.yaml"), "- {rule: W, desc: d, condition: fd.nam = x, output: x, priority: INFO}\n");
  const { status } = await typed("run", "--falco-rules", file("wrong.yaml"), "--", "touch", file("touched"));
  assert.is(status, 1);
  assert.not.ok(existsSync(file("touched")));
});

test.run();
