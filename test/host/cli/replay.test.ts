// SPDX-License-Identifier: Apache-2.0
// `vedette replay` of a recording: which events it prints and how, which alerts it raises, and what it says
// of a file that is damaged or none.
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { LOST } from "../../../host/cli/exit-statuses.js";
import { scratch } from "../../e2e/programs.js";
import { recorded, SHELL } from "./recorded.js";
import { typed } from "./typed.js";

const folder = scratch();
const file = (name: string): string => join(folder, name);
const recording = recorded(file("shell.vdt"), SHELL);
writeFileSync(
  file("rules.yaml"),
  `- rule: Shell of a server
  desc: a shell
  condition: evt.type = execve and proc.name = sh and proc.pname = nginx
  output: a shell of %proc.pname
  priority: NOTICE
- rule: Secret
  desc: a secret file
  condition: evt.type = openat and fd.name = /etc/shadow
  output: a secret file
  priority: WARNING
  tags: [files]
`,
);
const replay = (...words: string[]) => typed("replay", recording, ...words);
let alertFiles = 0;
/** Judges the recording by the rules; gives the lines of its alerts as well. */
async function judged(path: string, ...words: string[]) {
  const alerts = file(`alerts-${++alertFiles}`);
  const ended = await typed("replay", path, "--falco-rules", file("rules.yaml"), "--alerts", alerts, ...words);
  return { ...ended, alerts: linesOf(readFileSync(alerts, "utf8")) };
}
const linesOf = (text: string): string[] => text.split("\n").filter(Boolean);

test("--print shows a line for each event, --json an object, and -f only what its condition matches", async () => {
  const printed = await replay("--print");
  assert.is(printed.status, 0, printed.stderr);
  assert.is(linesOf(printed.stdout).length, SHELL.length);
  assert.match(printed.stdout, /\bopenat\(.*\/etc\/shadow.*EACCES/);
  const objects = linesOf((await replay("--json")).stdout).map((line) => JSON.parse(line));
  assert.equal(
    objects.map((one) => one["evt.type"]),
    SHELL.map(([type]) => type),
  );
  const opens = linesOf((await replay("--json", "-f", "evt.type = openat and evt.failed = false")).stdout);
  assert.is(opens.length, 1);
  assert.is(JSON.parse(opens[0]!)["fd.name"], "/etc/hostname");
});

test("rules raise their alerts, and -D and -t choose among them", async () => {
  const rulesOf = async (...words: string[]): Promise<string[]> => {
    const { alerts, stderr, status } = await judged(recording, ...words);
    assert.is(status, 0, stderr);
    return alerts.map((line) => JSON.parse(line).rule);
  };
  assert.equal(await rulesOf(), ["Shell of a server", "Secret"]);
  assert.equal(await rulesOf("-D", "Shell of"), ["Secret"]);
  assert.equal(await rulesOf("-t", "files"), ["Secret"]);
});

test("an alert says what it is of where that is asked for, and leaves out what Falco's options leave out", async () => {
  const words = ["--alerts-detail", "--option", "json_include_output_property=false"];
  const { stdout, status, stderr, alerts } = await judged(recording, ...words);
  assert.equal([status, stdout], [0, ""], stderr);
  const first = JSON.parse(alerts[0]!);
  assert.is(first.rule, "Shell of a server");
  assert.is(first.output, undefined);
  assert.ok("vedette.policy" in first.output_fields, Object.keys(first.output_fields).join(" "));
});

test("--option's old name -o is taken, and its new name is told", async () => {
  const { stderr, alerts, status } = await judged(recording, "-o", "json_output=false");
  assert.is(status, 0, stderr);
  assert.match(stderr, /write --option KEY=VALUE instead of -o KEY=VALUE/);
  assert.match(alerts[0]!, /^22:13:20\.000000000: Notice a shell of nginx\b/);
});

test("A5: rules that no event here can match are left out with a word, and refused under --strict", async () => {
  const dead = file("dead.yaml");
  writeFileSync(
    dead,
    "- {rule: Dead, desc: d, condition: evt.type = ptrace and evt.type = mount, output: x, priority: INFO}\n",
  );
  const { stderr, stdout, status } = await replay("--falco-rules", dead);
  assert.equal([status, stdout], [0, ""], stderr);
  const strict = await replay("--falco-rules", dead, "--strict");
  assert.match(`${stderr}${strict.stderr}`, /Dead|none of Falco's rules is left/);
});

test("N7: alerts that cannot be written are told, and the status is that of a loss", async () => {
  const { status, stderr } = await replay("--falco-rules", file("rules.yaml"), "--alerts", "/dev/full");
  assert.is(status, LOST, stderr);
  assert.match(
    stderr,
    /\/dev\/full: no space left on device.*VEDETTE_SINK_UNWRITABLE[\s\S]*\d alerts? could not be sent/,
  );
});

test("events are judged or printed, never both", async () => {
  const { status, stderr } = await replay("--falco-rules", file("rules.yaml"), "--print");
  assert.is(status, 2);
  assert.match(stderr, /Give either rules or policies to judge by, or --print/);
});

test("a wrong condition is told with its place, and a file that is no recording with its path", async () => {
  const wrong = await replay("-f", "evt.type = openat and fd.nam = x");
  assert.is(wrong.status, 2);
  assert.match(wrong.stderr, /wrong at column 23: .*fd\.nam.*VEDETTE_FALCO_CONDITION/);
  const none = await typed("replay", file("rules.yaml"));
  assert.is(none.status, 2);
  assert.match(none.stderr, /rules\.yaml.*VEDETTE_SCAP_UNREADABLE/);
  const gone = await typed("replay", file("nowhere.vdt"));
  assert.not.equal(gone.status, 0);
  assert.match(gone.stderr, /nowhere\.vdt: no such file or directory/);
  assert.not.match(gone.stderr.split("\n")[0]!, /scap|capture/, "nothing says that it is one");
});

test("of a damaged recording what is whole is judged, and then the damage is told", async () => {
  const damaged = recorded(file("damaged.vdt"), SHELL);
  truncateSync(damaged, readFileSync(damaged).length - 8);
  const { status, alerts, stderr } = await judged(damaged);
  assert.is(status, 1);
  assert.match(stderr, /damaged\.vdt.*VEDETTE_RECORDING_CORRUPT/);
  assert.is(alerts.length, 2);
});

test.run();
