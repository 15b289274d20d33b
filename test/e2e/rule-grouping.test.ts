// SPDX-License-Identifier: Apache-2.0
//
// What @rule says of grouping, and a Falco rule by `customs`, under the whole product: a key of the rule's
// own, a threshold, a runbook; in a worker and in a tenant's process. A field that there is not is told when
// the policy is loaded.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { run, scratch, VEDETTE } from "./programs.js";

/** The first run of a policy compiles it. */
const LIMITS = { limitMs: 120_000 };
const DEED = "(for i in 1 2 3 4 5; do cat /nonesuch/$i; done; true) 2>/dev/null; true";

function policy(folder: string, words: string): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "policy.yaml"), "name: opens\nversion: 1.0.0\ndescription: opens of a file\n");
  writeFileSync(
    join(folder, "index.ts"),
    `import { AnyOpen, Priority, rule } from "vedette";
@rule({ name: "seen", priority: Priority.Notice, output: "seen | name=%fd.nameraw", ${words} })
export function seen(e: AnyOpen): bool { return e.failed && e.fd.name.startsWith("/nonesuch/"); }
`,
  );
  return folder;
}

function alertsOf(path: string): { repeats: number; name: string }[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line.includes('"rule":"seen"'))
    .map((line) => JSON.parse(line).output_fields)
    .map((fields) => ({ repeats: fields["vedette.repeats"] ?? 1, name: fields["fd.nameraw"] }));
}

test("a rule's key makes opens of different files repeats, and its threshold withholds the first", async () => {
  const folder = scratch();
  const alerts = join(folder, "alerts");
  const own = policy(
    join(folder, "opens"),
    'dedup: ["proc.name"], threshold: 3, window: 30, runbook: "https://wiki/opens"',
  );
  const words = ["run", "--policy", own, "--alerts", alerts, "--alerts-detail", "--incidents"];
  const { status, stderr } = await run([...VEDETTE, ...words, "--", "sh", "-c", DEED], LIMITS);
  assert.is(status, 0, stderr);
  assert.is(alertsOf(alerts).length, 3, stderr);
  assert.match(stderr, /seen \(3 times\)/);
  assert.match(stderr, /^ {2}What to do: https:\/\/wiki\/opens$/m);
});

test("a tenant's process says the key, and the host knows the rest", async () => {
  const folder = scratch();
  const alerts = join(folder, "alerts");
  policy(join(folder, "policies.d", "blue", "opens"), 'dedup: ["proc.name"]');
  writeFileSync(join(folder, "tenants.yaml"), "tenants:\n  blue: {isolation: process}\n");
  const words = ["run", "--policies-d", join(folder, "policies.d"), "--tenants", join(folder, "tenants.yaml")];
  const more = ["--alerts", alerts, "--repeats", "first"];
  const { status, stderr } = await run([...VEDETTE, ...words, ...more, "--", "sh", "-c", DEED], LIMITS);
  assert.is(status, 0, stderr);
  assert.equal(
    alertsOf(alerts).map(({ repeats }) => repeats),
    [1, 5],
    stderr,
  );
});

test("a field that there is not is told at its place", async () => {
  const folder = policy(join(scratch(), "opens"), 'dedup: ["fd.nome"]');
  const { status, stderr, stdout } = await run([...VEDETTE, "policy", "check", folder], LIMITS);
  assert.is.not(status, 0);
  assert.match(stderr + stdout, /fd\.nome/);
});

const CUSTOMS = 'customs: {dedup: [proc.name], threshold: 3, window: 30, runbook: "https://wiki/opens"}';
const falcoRule = (customs: string): string => `- rule: seen
  desc: opens of a file
  condition: evt.type in (open, openat) and fd.name startswith /nonesuch/
  output: seen | name=%fd.nameraw
  priority: NOTICE
  ${customs}
`;

function rulesOf(folder: string, customs: string): string {
  const path = join(folder, "rules.yaml");
  writeFileSync(path, falcoRule(customs));
  return path;
}

test("a Falco rule says the same by customs, live, in a replay and as an imported policy", async () => {
  const folder = scratch();
  const rules = rulesOf(folder, CUSTOMS);
  const imported = join(folder, "imported");
  const taken = await run([...VEDETTE, "policy", "import-falco", rules, "--out", imported], LIMITS);
  assert.is(taken.status, 0, taken.stderr);
  const recording = join(folder, "events.vedette");
  const alerts = (name: string): string => join(folder, name);
  const told = ["--alerts-detail", "--incidents"];
  const live = ["run", "--falco-rules", rules, "--alerts", alerts("live"), ...told, "--", "sh", "-c", DEED];
  const made = await run([...VEDETTE, ...live], LIMITS);
  assert.match(made.stderr, /seen \(3 times\)/);
  assert.match(made.stderr, /^ {2}What to do: https:\/\/wiki\/opens$/m);
  const ways: [string, string[]][] = [
    ["recorded", ["record", "-o", recording, "--", "sh", "-c", DEED]],
    ["replayed", ["replay", recording, "--falco-rules", rules, "--alerts", alerts("replayed")]],
    ["as a policy", ["replay", recording, "--policy", imported, "--alerts", alerts("as a policy")]],
    ["falco", ["falco", "-c", configOf(folder, rules, alerts("falco")), "--", "sh", "-c", DEED]],
  ];
  for (const [way, words] of ways) {
    const { status, stderr } = await run([...VEDETTE, ...words], LIMITS);
    assert.is(status, 0, `${way}: ${stderr}`);
  }
  for (const way of ["live", "replayed", "as a policy", "falco"]) assert.is(alertsOf(alerts(way)).length, 3, way);
});

function configOf(folder: string, rules: string, alerts: string): string {
  const path = join(folder, "falco.yaml");
  const file = `{enabled: true, filename: ${alerts}}`;
  writeFileSync(path, `rules_files: [${rules}]\njson_output: true\nfile_output: ${file}\n`);
  return path;
}

test("each command says of a wrong value in customs what it is, and where", async () => {
  const folder = scratch();
  const rules = rulesOf(folder, "customs: {threshold: many, tresholt: 3}");
  const config = configOf(folder, rules, "/dev/null");
  const recording = join(folder, "events.vedette");
  const recorded = await run([...VEDETTE, "record", "-o", recording, "--", "true"], LIMITS);
  assert.is(recorded.status, 0, recorded.stderr);
  const commands: string[][] = [
    ["policy", "check", "--falco", rules],
    ["run", "--falco-rules", rules, "--", "true"],
    ["serve", "--falco-rules", rules, "--listen", `unix:${join(folder, "vedette.sock")}`],
    ["replay", recording, "--falco-rules", rules],
    ["falco", "-c", config, "--", "true"],
  ];
  for (const command of commands) {
    const { status, stderr, stdout } = await run([...VEDETTE, ...command], LIMITS);
    const said = stderr + stdout;
    assert.is(status, 1, said);
    assert.match(said, /LOAD_ERR_YAML_VALIDATE .*: threshold is a whole number from 1 to 1000000/, command.join(" "));
    assert.match(said, /value for 'threshold': \(\S*rules\.yaml:5:23\)/, command.join(" "));
    assert.match(said, /LOAD_UNKNOWN_KEY .*: Unknown key 'tresholt'/, command.join(" "));
  }
});

test.run();
