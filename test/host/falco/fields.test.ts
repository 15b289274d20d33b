// SPDX-License-Identifier: Apache-2.0
// Every field that Falco knows can stand in an output here; what an event has is told, the rest is null.
import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { EVENTS } from "../../../build/generated/events.js";
import { fieldSource } from "../../../host/falco/compile/event-source.js";
import { Program } from "../../../host/falco/compile/program.js";
import { FIELDS, findField } from "../../../host/falco/fields.js";
import { compileFormat } from "../../../host/output/format.js";
import { openBatch } from "../../../host/wire/batch.js";
import { BatchBuilder } from "../../../host/wire/builder.js";
import { UNANSWERED_FIELDS } from "../../../host/wire/fields/unanswered.js";
import { fieldValue } from "../../../host/wire/fields.js";
import { EVENT_NAMES, PARAMETER_NAMES } from "../../../host/wire/known-names.js";
import type { Value } from "../../../host/wire/value.js";
import { loadText, SHARED, withFalco } from "./shared.js";

const ARGUMENTS: Record<string, string> = { "evt.type.is": "openat", "evt.arg": "flags", "evt.rawarg": "flags" };

function event(): (name: string) => Value {
  const build = new BatchBuilder();
  const leader = build.process({
    pid: 5,
    sid: 5,
    pgid: 5,
    name: "sshd",
    exe: "/usr/sbin/sshd",
    args: ["-D"],
    env: ["A=1", "B=2"],
  });
  const shell = build.process({ pid: 6, sid: 5, pgid: 6, name: "bash", exe: "-bash", parent: leader, env: ["A=3"] });
  const process = build.process({ pid: 7, sid: 5, pgid: 6, name: "mv", exe: "mv", cwd: "/home/u", parent: shell });
  build.record("rename", { process, result: 0, params: { oldpath: "a", newpath: "/b" } });
  const batch = openBatch(build.bytes());
  return (name) => fieldValue(name)!(batch, batch.offsets[0]!);
}

test("every field of Falco is known to outputs, and null where events cannot answer it", () => {
  const get = event();
  for (const { name, arg, isAnswered } of FIELDS.values()) {
    const texts = arg === "none" ? [name] : [`${name}[${ARGUMENTS[name] ?? 1}]`];
    if (arg.endsWith("?")) texts.push(name);
    for (const text of texts) {
      assert.ok(fieldValue(text), text);
      if (!isAnswered && !name.startsWith("container.") && !name.startsWith("evt.is_async"))
        assert.is(get(text), null, text);
    }
  }
});

test("every field, parameter and event that a rule may name loads in its condition and in its output, and the output can be filled", () => {
  const fields = [...FIELDS.values()].flatMap(({ name, arg }) => [
    ...(arg === "none" || arg.endsWith("?") ? [name] : []),
    ...(arg === "none" ? [] : [`${name}[${ARGUMENTS[name] ?? 1}]`]),
  ]);
  const params = [...PARAMETER_NAMES].flatMap((name) => [`evt.arg.${name}`, `evt.rawarg.${name}`, `evt.arg[${name}]`]);
  const types = [...EVENT_NAMES].map((name) => `evt.type.is[${name}]`);
  for (const text of [...fields, ...params, ...types, "evt.arg[0]", "evt.arg[31]", "evt.rawarg[2]", "proc.args[7]"]) {
    const condition = JSON.stringify(`evt.type=open and ${text} exists`);
    const loaded = loadText(`- {rule: r, desc: d, condition: ${condition}, output: "%${text}", priority: INFO}`);
    if (text.startsWith("evt.around")) continue;
    assert.ok(loaded.ok, `${text}: ${loaded.results[0]!.text(loaded.contents)}`);
    compileFormat(loaded.rules[0]!.output);
  }
});

withFalco(
  "every parameter of Falco's calls is known, and a name of none is refused in conditions and in outputs",
  () => {
    const table: Record<string, { params: string[] }> = JSON.parse(readFileSync(`${SHARED}event-params.json`, "utf8"));
    for (const { params } of Object.values(table))
      for (const param of params) assert.ok(PARAMETER_NAMES.has(param.slice(0, param.indexOf(":"))), param);
    const refused = (condition: string, output: string) => {
      const loaded = loadText(`- {rule: r, desc: d, condition: "${condition}", output: "${output}", priority: INFO}`);
      assert.not(loaded.ok, `${condition} ${output}`);
    };
    for (const text of [
      "evt.arg.nosuch",
      "evt.arg[nosuch]",
      "evt.rawarg[nosuch]",
      "evt.type.is[nosuch]",
      "proc.args[x]",
    ])
      refused(`evt.type=open and ${text} exists`, "o");
    for (const text of ["evt.arg.nosuch", "evt.arg[nosuch]", "evt.rawarg.nosuch"]) refused("evt.type=open", `%${text}`);
  },
);

// Times as texts, and what is known where an alert is written; evt.around becomes two comparisons before it
// is a source.
const IN_OUTPUTS = /^evt\.(?:time|datetime|outputtime)/;
const ELSEWHERE = new Set(["evt.around", "evt.hostname"]);
test("a field is marked as never there exactly when no event has it, in conditions and in outputs", () => {
  const program = new Program();
  for (const { name, arg, isAnswered } of FIELDS.values()) {
    const use = findField(name, arg === "none" || arg.endsWith("?") ? null : (ARGUMENTS[name] ?? "1"));
    const isThere = EVENTS.some((event) => fieldSource(program, use, event).kind !== "none");
    if (!ELSEWHERE.has(name) && !IN_OUTPUTS.test(name)) assert.is(isThere, isAnswered, name);
    const isListed = Object.hasOwn(UNANSWERED_FIELDS, name);
    assert.is(isListed, !isAnswered || ELSEWHERE.has(name), `${name} among the fields that no event has`);
  }
});

test("leaders are found among the ancestors, variables in all of them", () => {
  const get = event();
  assert.is(get("proc.sname"), "sshd");
  assert.is(get("proc.sid.exe"), "/usr/sbin/sshd");
  assert.is(get("proc.pgid.name"), "bash");
  assert.is(get("proc.is_pgid_leader"), false);
  assert.equal(get("proc.aargs[2]"), "-D");
  assert.equal(get("proc.aenv[A]"), ["3", "1"]);
  assert.equal(get("proc.aenv[B]"), [null, "2"]);
});

test("fs.path is the path of a call that succeeded", () => {
  const get = event();
  assert.is(get("fs.path.source"), "/home/u/a");
  assert.is(get("fs.path.sourceraw"), "a");
  assert.is(get("fs.path.target"), "/b");
  assert.is(get("fs.path.name"), null);
});

test("dates are local", () => {
  assert.match(String(event()("evt.datetime")), /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{9}$/);
  assert.match(String(event()("evt.datetime.s")), /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
});

test.run();
