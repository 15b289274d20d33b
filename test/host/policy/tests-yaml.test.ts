// SPDX-License-Identifier: Apache-2.0
// tests.yaml: what passes, what a difference looks like, and what is wrong in the file itself.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { runTrials } from "../../../host/engine/trial.js";
import { VedetteError } from "../../../host/errors.js";
import { openBundle } from "../../../host/policy/bundle.js";
import { loadPolicy } from "../../../host/policy/load.js";
import { runPolicyTests, type TestReport } from "../../../host/policy/test-run.js";
import { RecordingWriter } from "../../../host/recording/recording.js";
import { BatchBuilder } from "../../../host/wire/builder.js";
import { assemble, changed, HAND_WRITTEN } from "../wasm/shared.js";

const folder = mkdtempSync(join(tmpdir(), "vedette-tests-"));
writeFileSync(join(folder, "policy.yaml"), "name: hand-written\n");

/** The hand-written policy (it tells every openat that failed) on this tests.yaml. */
async function run(yaml: string, module: Uint8Array = assemble(HAND_WRITTEN)): Promise<TestReport> {
  writeFileSync(join(folder, "policy.wasm"), module);
  writeFileSync(join(folder, "tests.yaml"), yaml);
  const bundle = openBundle(folder);
  return runPolicyTests(await loadPolicy(bundle), bundle, runTrials);
}

const FAILED =
  "    events: [{openat: {res: ENOENT, proc: {name: cat}, name: /x, flags: O_RDONLY}}, {openat: {name: /y, flags: O_RDONLY}}]\n";

test("expected alerts are matched by what they give", async () => {
  const { outcomes, missing } = await run(
    `tests:\n  - name: by rule\n${FAILED}    alerts: [Failed open]\n` +
      `  - name: by all\n${FAILED}    alerts: [{rule: Failed open, event: 1, priority: Notice, output: hand-written, fields: {evt.res: ENOENT, proc.name: cat}}]\n`,
  );
  assert.equal(
    outcomes.map(({ name, differences }) => [name, differences]),
    [
      ["by rule", []],
      ["by all", []],
    ],
  );
  assert.equal(missing, []);
});

test("a difference names what was expected, what came, and what is not right", async () => {
  const { outcomes } = await run(
    `tests:\n  - name: t\n${FAILED}    alerts: [{rule: Failed open, fields: {proc.name: dog}}]\n`,
  );
  assert.equal(outcomes[0]?.differences, [
    '- expected: Failed open {"proc.name":"dog"} (proc.name is cat)',
    "+ got:      Failed open at event 1: ENOENT of cat hand-written",
  ]);
});

test("A14: a test says of which container its events are", async () => {
  const output = '{output: "in %container.name of %container.image.tag, %container.label[tier]"}';
  writeFileSync(join(folder, "policy.yaml"), `name: hand-written\nrules: {Failed open: ${output}}\n`);
  try {
    const container = 'container: {name: web, image.tag: "1.2", labels: {tier: front}}';
    const { outcomes } = await run(
      `tests:\n  - name: of web\n    ${container}\n${FAILED}    alerts: [{rule: Failed open, output: "in web of 1.2, front"}]\n` +
        `  - name: of none\n${FAILED}    alerts: [{rule: Failed open, fields: {container.name: host}}]\n`,
    );
    assert.equal(
      outcomes.flatMap(({ differences }) => differences),
      [],
    );
  } finally {
    writeFileSync(join(folder, "policy.yaml"), "name: hand-written\n");
  }
});

test("a missing and an unexpected alert are differences", async () => {
  const { outcomes } = await run(
    `tests:\n  - name: none\n${FAILED}    alerts: []\n  - name: two\n${FAILED}    alerts: [Failed open, Failed open]\n`,
  );
  assert.equal(outcomes[0]?.differences, ["+ got:      Failed open at event 1: ENOENT of cat hand-written"]);
  assert.equal(outcomes[1]?.differences, ["- expected: Failed open"]);
});

test("a rule needs a test in which it speaks and one in which it is silent", async () => {
  const silent = await run("tests:\n  - name: t\n    events: [{openat: {name: /y}}]\n    alerts: []\n");
  assert.equal(silent.missing, ['No test has an alert of "Failed open".']);
  const loud = await run(
    "tests:\n  - name: t\n    events: [{openat: {res: ENOENT, name: /y}}]\n    alerts: [Failed open]\n",
  );
  assert.equal(loud.missing, ['No test has an event that "Failed open" should pass over.']);
});

test("a policy that never returns fails its test, and the next test runs", async () => {
  const loop = changed(
    [
      "(br_if $done (i32.eqz (local.get $left)))",
      "(br_if $done (i32.and (i32.eqz (local.get $left)) (i32.lt_u (i32.load (i32.const 1028)) (i32.const 2))))",
    ],
    [
      "(local.set $left (i32.sub (local.get $left) (i32.const 1)))",
      "(if (local.get $left) (then (local.set $left (i32.sub (local.get $left) (i32.const 1)))))",
    ],
    ["(local.set $at (i32.add (local.get $at) (i32.load offset=4 (local.get $at))))", ""],
  );
  const { outcomes } = await run(
    `tests:\n  - name: endless\n${FAILED.replace("ENOENT", "0")}    alerts: []\n  - name: short\n    events: [{openat: {name: /y}}]\n    alerts: []\n`,
    assemble(loop),
  );
  assert.equal(
    outcomes.map((outcome) => outcome.differences),
    [["it took longer than 5 s"], []],
  );
});

test("a trap is told with its event", async () => {
  const { outcomes } = await run(
    `tests:\n  - name: t\n${FAILED}    alerts: []\n`,
    assemble(changed(["(local.get $raised)))", "(unreachable)))"])),
  );
  assert.match(outcomes[0]?.differences[0] as string, /^it failed at event 1: unreachable$/);
});

test("a recording beside tests.yaml is a test too, and its events are told by their numbers", async () => {
  const writer = new RecordingWriter(join(folder, "tuesday.rec"));
  for (const first of [100, 200]) {
    const builder = new BatchBuilder({ first });
    for (const [i, result] of [0, -2, 0].entries())
      builder.record("openat", { result, time: BigInt(first + i), params: { dirfd: -100, name: "/x", flags: 0 } });
    writer.batch(0, builder.bytes(), 3);
  }
  writer.close();
  const { outcomes, missing } = await run(
    "tests: [{name: tuesday, recording: tuesday.rec, alerts: [{rule: Failed open, event: 101}, {rule: Failed open, event: 201}]}]\n",
  );
  assert.equal(outcomes[0]?.differences, []);
  assert.equal(missing, []);
});

const WRONG: readonly (readonly [title: string, yaml: string, place: RegExp])[] = [
  [
    "neither events nor a recording",
    "tests:\n  - {name: t, alerts: []}\n",
    /tests\.yaml:2:5: a test has either events or a recording/,
  ],
  [
    "a recording that is not there",
    "tests:\n  - {name: t, recording: gone.rec, alerts: []}\n",
    /tests\.yaml:2:15: there is no file gone\.rec/,
  ],
  [
    "a recording elsewhere",
    "tests:\n  - {name: t, recording: ../x.rec, alerts: []}\n",
    /tests\.yaml:2:15: tests\.item 1\.recording: a file NAME\.rec/,
  ],
  [
    "a recording that is none",
    "tests:\n  - {name: t, recording: text.rec, alerts: []}\n",
    /tests\.yaml:2:15: The recording text\.rec cannot be read: it is none/,
  ],
  ["no tests", "tests: []\n", /tests\.yaml:1:1: tests must have at least 1 item/],
  [
    "an unknown event",
    "tests:\n  - name: t\n    events:\n      - openit: {}\n    alerts: []\n",
    /tests\.yaml:4:9: there is no event "openit"/,
  ],
  [
    "an unknown parameter of an event",
    "tests:\n  - name: t\n    events:\n      - openat: {name: /x, mood: 7}\n    alerts: []\n",
    /tests\.yaml:4:28: openat has no "mood"/,
  ],
  [
    "a parameter that is a field",
    "tests:\n  - name: t\n    events:\n      - execve: {exe: sh}\n    alerts: []\n",
    /tests\.yaml:4:18: "exe" of execve is proc\.exe/,
  ],
  [
    "an unknown flag",
    "tests:\n  - name: t\n    events:\n      - openat: {name: /x, flags: O_RDNLY}\n    alerts: []\n",
    /tests\.yaml:4:28: there is no O_RDNLY/,
  ],
  [
    "an unknown errno",
    "tests:\n  - name: t\n    events:\n      - openat: {res: ENOPE, name: /x}\n    alerts: []\n",
    /tests\.yaml:4:18: there is no ENOPE/,
  ],
  [
    "an address that is none",
    "tests:\n  - name: t\n    events:\n      - connect: {addr: 1.2.3.400:5}\n    alerts: []\n",
    /tests\.yaml:4:19: "1\.2\.3\.400" is no IP address/,
  ],
  [
    "an unknown field of a process",
    "tests:\n  - name: t\n    events:\n      - execve: {proc: {nmae: sh}}\n    alerts: []\n",
    /tests\.yaml:4:18: there is no "nmae" here/,
  ],
  [
    "events out of order",
    "tests:\n  - name: t\n    events:\n      - close: {at: 2s}\n      - close: {at: 1s}\n    alerts: []\n",
    /tests\.yaml:5:17: events come in the order/,
  ],
  [
    "an alert of an unknown rule",
    "tests:\n  - name: t\n    events:\n      - close: {}\n    alerts: [Failed]\n",
    /tests\.yaml:5:5: the policy has no rule "Failed"/,
  ],
  [
    "two types in one event",
    "tests:\n  - name: t\n    events:\n      - {close: {}, dup: {}}\n    alerts: []\n",
    /tests\.yaml:4:9: an event is one type/,
  ],
];

writeFileSync(join(folder, "text.rec"), "hello");

for (const [title, yaml, place] of WRONG) {
  test(`${title} is told with its place`, async () => {
    try {
      await run(yaml);
      assert.unreachable();
    } catch (error) {
      assert.instance(error, VedetteError);
      assert.is((error as VedetteError).code, "VEDETTE_POLICY_TESTS");
      assert.match((error as VedetteError).message, place);
    }
  });
}

test.after(() => rmSync(folder, { recursive: true, force: true }));
test.run();
