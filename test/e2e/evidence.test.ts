// SPDX-License-Identifier: Apache-2.0
// Evidence of a real break-in: the file is there, it has what came before, its digest was told, and judging
// it again raises the same alert. A host that is killed loses nothing that it had a second before.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type AlertLine, HandAgent, Host } from "../attacks/host.js";
import { until } from "../until.js";
import { run, scratch, VEDETTE } from "./programs.js";

const folder = scratch();
const SCRIPT = "ls / >/dev/null; echo before; cat /etc/shadow >/dev/null; sleep 0.2; ls /tmp >/dev/null";

const alertsIn = (path: string): AlertLine[] =>
  readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as AlertLine);
const filesIn = (path: string): string[] =>
  (existsSync(path) ? readdirSync(path) : []).filter((name) => name !== "lock");
const digest = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex");

test("a finding leaves a recording with what came before and after it, and its digest is told", async () => {
  const [evidence, alerts] = [join(folder, "one"), join(folder, "alerts.jsonl")];
  const words = ["run", "--evidence", evidence, "--alerts", alerts, "--alerts-detail", "--", "sh", "-c", SCRIPT];
  const { status, stdout, stderr } = await run([...VEDETTE, ...words]);
  assert.equal([status, stdout], [0, "before\n"], stderr);
  const told = alertsIn(alerts);
  const finding = told.find(({ rule }) => rule.startsWith("Sensitive file"))!;
  const kept = told.find(({ rule }) => rule === "Evidence kept")!;
  const file = kept.output_fields["vedette.evidence"] as string;
  assert.is(finding.output_fields["vedette.evidence"], file);
  assert.is(kept.output_fields["vedette.incident.id"], finding.output_fields["vedette.incident.id"]);
  assert.is(kept.output_fields["vedette.evidence.findings"], finding.output_fields["vedette.id"]);
  assert.equal(filesIn(evidence).sort(), [file.replace("vedette", "json"), file].sort());
  assert.is(kept.output_fields["vedette.evidence.sha256"], digest(join(evidence, file)));
  assert.is(statSync(join(evidence, file)).mode & 0o777, 0o600);
  const facts = JSON.parse(readFileSync(join(evidence, file.replace("vedette", "json")), "utf8"));
  assert.equal([facts.state, facts.missed], ["whole", 0]);
  // Judged again it says the same, and what was before and after is there.
  const again = join(folder, "again.jsonl");
  const replay = await run([...VEDETTE, "replay", join(evidence, file), "--alerts", again, "--alerts-detail"]);
  assert.is(replay.status, 0, replay.stderr);
  const id = finding.output_fields["vedette.id"];
  assert.ok(
    alertsIn(again).some(({ output_fields }) => output_fields["vedette.id"] === id),
    "the same finding",
  );
  const rules = join(folder, "rules.yaml");
  writeFileSync(
    rules,
    "- rule: listed\n  desc: x\n  condition: evt.type = execve and proc.name = ls\n  output: ls %proc.args\n  priority: INFO\n",
  );
  const events = await run([...VEDETTE, "replay", join(evidence, file), "--falco-rules", rules, "--alerts", "stdout"]);
  const lines = events.stdout.split("\n").filter((line) => line.includes('"listed"'));
  assert.equal(
    lines.map((line) => /Informational ls (\S*)/.exec(line)?.[1]),
    ["/", "/tmp"],
    events.stderr,
  );
});

test("without a finding nothing is kept", async () => {
  const evidence = join(folder, "none");
  const { status, stderr } = await run([...VEDETTE, "run", "--evidence", evidence, "--", "ls", "/"]);
  assert.is(status, 0, stderr);
  assert.equal(filesIn(evidence), []);
});

test("a folder that others may look into ends the command with its reason, before the workload begins", async () => {
  const open = join(folder, "open");
  mkdirSync(open, { mode: 0o755 });
  const { status, stdout, stderr } = await run([...VEDETTE, "run", "--evidence", open, "--", "echo", "ran"]);
  assert.equal([status, stdout], [2, ""]);
  assert.match(stderr, /VEDETTE_EVIDENCE_UNUSABLE/);
  assert.match(stderr, "other users may look into it");
});

test("serve: each container has its own file; a host that is killed leaves it for the next, which names it", async () => {
  const evidence = join(folder, "served");
  const at = join(folder, "socket");
  mkdirSync(at);
  const secret = join(folder, "secret");
  const words = ["--secret-file", secret, "--evidence", evidence, "--alerts-detail"];
  const host = await Host.start(at, words);
  const known = { secret: readFileSync(secret, "utf8").trim() };
  const [one, two] = [
    await HandAgent.honest(host.socket, { ...known, container: "one" }),
    await HandAgent.honest(host.socket, { ...known, container: "two" }),
  ];
  one.write(one.shadow("first"));
  two.write(two.shadow("second"));
  await until("both are told", () => host.alertsOf("first").length + host.alertsOf("second").length === 2);
  const names = [...host.alertsOf("first"), ...host.alertsOf("second")].map(
    ({ output_fields }) => output_fields["vedette.evidence"] as string,
  );
  assert.is(new Set(names).size, 2, `${names}`);
  await until(
    "both are on the disk",
    () => filesIn(evidence).filter((name) => statSync(join(evidence, name)).size > 100).length === 2,
  );
  await host.stop();
  assert.equal(filesIn(evidence).sort(), names.map((name) => `${name}.part`).sort());
  const next = await Host.start(at, words);
  const keptOf = (rule: string) => next.alerts.filter((alert) => alert.rule === rule);
  await until("the next one names them", () => keptOf("Evidence kept").length === 2);
  assert.equal(
    keptOf("Evidence kept").map(({ output_fields }) => output_fields["vedette.evidence.state"]),
    ["killed", "killed"],
  );
  assert.is(await next.metric("vedette_evidence_files_total"), 2);
  const replay = await run([...VEDETTE, "replay", join(evidence, names[0]!), "--alerts", "stdout"]);
  assert.match(replay.stdout, "process=first");
  assert.not.match(replay.stdout, "process=second");
  await next.stop();
});

test("two Vedettes do not share a folder", async () => {
  const evidence = join(folder, "shared");
  const first = spawn(VEDETTE[0]!, [...VEDETTE.slice(1), "run", "--evidence", evidence, "--", "sleep", "100"]);
  await until("the first has it", () => existsSync(join(evidence, "lock")));
  const { status, stderr } = await run([...VEDETTE, "run", "--evidence", evidence, "--", "true"]);
  first.kill("SIGTERM");
  assert.is(status, 2);
  assert.match(stderr, /VEDETTE_EVIDENCE_UNUSABLE/);
  assert.match(stderr, `process ${first.pid} uses it`);
});

test.run();
