// SPDX-License-Identifier: Apache-2.0
// Tests of a policy that only prevents: which calls its rows deny, as `policy test` says it. Of addresses it
// says what the agent's own table does: the cases are those of its test.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { runTrials } from "../../../host/engine/trial.js";
import { VedetteError } from "../../../host/errors.js";
import { ROOT } from "../../../host/paths.js";
import { openBundle } from "../../../host/policy/bundle.js";
import { PolicyCompiler } from "../../../host/policy/compile.js";
import { loadPolicy } from "../../../host/policy/load.js";
import { runPolicyTests, type TestReport } from "../../../host/policy/test-run.js";

const compiler = new PolicyCompiler();
const folder = mkdtempSync(join(tmpdir(), "vedette-denied-"));
test.after(() => {
  compiler.close();
  rmSync(folder, { recursive: true });
});

async function run(prevent: string, tests: string): Promise<TestReport> {
  writeFileSync(join(folder, "policy.yaml"), `name: rows\nprevent:\n${prevent}`);
  writeFileSync(join(folder, "tests.yaml"), `tests:\n${tests}`);
  const bundle = openBundle(folder);
  return runPolicyTests(await loadPolicy(bundle, { compiler }), bundle, runTrials);
}

/** What `row` does to each event: true where it denies it. */
async function denies(row: string, events: readonly string[]): Promise<boolean[]> {
  const report = await run(`  - {name: R, ${row}}\n`, `  - {name: t, events: [${events.join(", ")}], denied: []}\n`);
  const got = (report.outcomes[0]?.differences ?? []).map((line) => Number(/denies event (\d+)$/.exec(line)?.[1]));
  return events.map((_, i) => got.includes(i + 1));
}

const to = (address: string, proc = ""): string => `{connect: {addr: "${address}"${proc}}}`;

for (const [title, row, events, expected] of [
  [
    "connect: addresses in a range, also wrapped in IPv6, and no others",
    "deny: connect, to: [169.254.170.0/24]",
    [
      to("169.254.170.2:80"),
      to("[::ffff:169.254.170.2]:80"),
      to("169.254.171.2:80"),
      to("[fd00::1]:80"),
      to("/run/a.sock"),
    ],
    [true, true, false, false, false],
  ],
  [
    "connect: at these ports only",
    'deny: connect, to: ["::/0"], ports: [443]',
    [to("[fd00::1]:443"), to("[fd00::1]:80"), to("10.0.0.1:443")],
    [true, false, true],
  ],
  [
    "connect: any address is the loopback",
    "deny: connect, to: [127.0.0.0/8]",
    [to("0.0.0.0:80"), to("127.9.9.9:80"), to("10.0.0.1:80")],
    [true, true, false],
  ],
  [
    "connect: but by a program of the image that is excepted",
    "deny: connect, to: [10.0.0.1], except: {programs: [/app/*]}",
    [
      to("10.0.0.1:80", ", proc: {exepath: /app/server}"),
      to("10.0.0.1:80", ", proc: {exepath: /app/server, exe_flags: EXE_UPPER_LAYER}"),
      to("10.0.0.1:80", ", proc: {exepath: /bin/curl}"),
    ],
    [false, true, true],
  ],
  [
    "exec: what is not of the image, but for the files that are excepted",
    "deny: exec, except: {files: [/app/plugins/*]}",
    [
      "{execve: {proc: {exepath: /bin/ls}}}",
      "{execve: {proc: {exepath: /tmp/x, exe_flags: EXE_UPPER_LAYER}}}",
      "{execve: {proc: {exepath: /app/plugins/a, exe_flags: EXE_UPPER_LAYER}}}",
      "{execve: {res: ENOENT, proc: {exepath: /tmp/x, exe_flags: EXE_UPPER_LAYER}}}",
    ],
    [false, true, false, false],
  ],
  [
    "memfd-exec: programs in memory only",
    "deny: memfd-exec",
    ["{execveat: {proc: {exe_flags: EXE_FROM_MEMFD}}}", "{execve: {proc: {exe_flags: EXE_UPPER_LAYER}}}"],
    [true, false],
  ],
  [
    "ptrace and mount: each call of the kind, but a mount that is only opened",
    "deny: mount",
    ["{mount: {}}", "{open_tree: {}}", "{open_tree: {flags: OPEN_TREE_CLONE}}", "{ptrace: {}}"],
    [true, false, true, false],
  ],
] as const)
  test(title, async () => {
    assert.equal(await denies(row, events), [...expected]);
  });

test("an address is in a network where the agent's table says so", async () => {
  const source = readFileSync(join(ROOT, "test/capture/prevent/table_test.cc"), "utf8");
  const cases = [...source.matchAll(/CHECK(_FALSE)?\(holds\("([^"]+)", "([^"]+)"\)\)/g)];
  assert.ok(cases.length > 15);
  for (const [, not, network, address = ""] of cases) {
    const event = to(address.includes(":") ? `[${address}]:80` : `${address}:80`);
    const [got] = await denies(`deny: connect, to: ["${network}"]`, [event]);
    assert.is(got, not === undefined, `${network} ${address}`);
  }
});

const ROW = "  - {name: No metadata, deny: connect, to: [169.254.169.254]}\n";

test("what a test expects is matched one to one, by row and event", async () => {
  const events = `events: [${to("169.254.169.254:80")}, ${to("10.0.0.1:80")}]`;
  const report = await run(
    ROW,
    `  - {name: a, ${events}, denied: [{row: No metadata, event: 1}]}\n  - {name: b, ${events}, denied: [{row: No metadata, event: 2}]}\n`,
  );
  assert.equal(
    report.outcomes.map(({ differences }) => differences),
    [[], ["- expected: No metadata to deny event 2", "+ got:      No metadata denies event 1"]],
  );
  assert.equal(report.missing, []);
});

test("A7: a row without a call that it denies, or that it lets pass, is missing", async () => {
  const { missing } = await run(ROW, `  - {name: a, events: [${to("169.254.169.254:80")}], denied: [No metadata]}\n`);
  assert.equal(missing, ['No test has a call that "No metadata" should let pass.']);
  const none = await run(ROW, `  - {name: a, events: [${to("10.0.0.1:80")}], denied: []}\n`);
  assert.equal(none.missing, ['No test has a call that "No metadata" denies.']);
});

test("a row that the policy does not have is told at its place", async () => {
  try {
    await run(ROW, `  - {name: a, events: [${to("10.0.0.1:80")}], denied: [Other]}\n`);
  } catch (error) {
    assert.instance(error, VedetteError);
    assert.match((error as Error).message, /the policy has no row "Other" in prevent:/);
    return;
  }
  assert.unreachable("nothing was wrong");
});

test.run();
