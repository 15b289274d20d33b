// SPDX-License-Identifier: Apache-2.0
// Evidence of a real break-in: the file is there, it has what came before, its digest was told, and judging
// it again raises the same alert. A host that is killed loses nothing that it had a second before.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openRecorded } from "../../host/intake/intake.js";
import { eventOf, resultOf, tidOf, timeOf } from "../../host/wire/record.js";
import { type AlertLine, HandAgent, Host } from "../attacks/host.js";
import { until } from "../until.js";
import { hasCommand, ROOT, run, scratch, VEDETTE } from "./programs.js";

const folder = scratch();
const FALCO = join(ROOT, "../shared/falco/rules");
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

test("what a finding's process ran is told by its digest: to OCSF, and beside the recording", async () => {
  const [evidence, config, told] = ["hashed", "hashed.yaml", "hashed.jsonl"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(config, `outputs: {siem: {type: file, path: ${told}, format: ocsf}}\n`);
  // The first finding comes from a process that ends at once, the second from one that goes on.
  const script = `cat /etc/shadow >/dev/null; until grep -q hashes ${told}; do sleep 0.1; done
    cat /etc/shadow >/dev/null; cat /etc/shadow >/dev/null; sleep 0.2`;
  const words = ["run", "--config", config, "--evidence", evidence, "--", "sh", "-c", script];
  const { status, stderr } = await run([...VEDETTE, ...words]);
  assert.is(status, 0, stderr);
  const lines = readFileSync(told, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const cats = lines.filter(({ finding_info, evidences }) => {
    return finding_info?.title.startsWith("Sensitive file") && evidences?.[0].process?.file?.name === "cat";
  });
  const path = realpathSync(cats[0].evidences[0].process.file.path);
  const value = digest(path);
  const hashes = [{ algorithm: "SHA-256", algorithm_id: 3, value }];
  const [first, update, ...later] = cats;
  assert.equal([first.activity_id, first.evidences[0].process.file.hashes], [1, undefined]);
  assert.equal([update.activity_id, update.evidences[0].process.file.hashes], [2, hashes]);
  assert.is(update.finding_info.uid, first.finding_info.uid);
  assert.is.not(update.metadata.uid, first.metadata.uid);
  assert.ok(later.length > 0, "a finding came later");
  for (const one of later) assert.equal([one.activity_id, one.evidences[0].process.file.hashes], [1, hashes]);
  const [facts] = filesIn(evidence).filter((name) => name.endsWith(".json"));
  const { executables } = JSON.parse(readFileSync(join(evidence, facts!), "utf8"));
  assert.ok(
    executables.some((one: object) => JSON.stringify(one) === JSON.stringify({ path, sha256: value })),
    JSON.stringify(executables),
  );
});

/** Time, thread and name of each event that a capture has a place for. */
async function toldIn(path: string): Promise<string[]> {
  const out: string[] = [];
  for await (const entry of openRecorded(path).entries) {
    if (entry.kind !== "batch") continue;
    for (const at of entry.batch.offsets) {
      const { name } = eventOf(entry.batch, at);
      const isTold = path.includes(".scap") || resultOf(entry.batch, at) !== null;
      if (!name.includes(".") && isTold) out.push(`${timeOf(entry.batch, at)} ${tidOf(entry.batch, at)} ${name}`);
    }
  }
  return out;
}

/** How often each of Falco's rules fires on a file. */
async function firedIn(path: string, rules: readonly string[]): Promise<Record<string, number>> {
  const words = rules.flatMap((file) => ["--falco-rules", file]);
  const { status, stdout, stderr } = await run([...VEDETTE, "replay", path, ...words]);
  assert.is(status, 0, stderr);
  const counts: Record<string, number> = {};
  for (const line of stdout.split("\n").filter((one) => one.startsWith("{"))) {
    const { rule } = JSON.parse(line) as AlertLine;
    counts[rule] = (counts[rule] ?? 0) + 1;
  }
  return counts;
}

test("a capture beside the recording has the same events, for tshark and Falco's rules too, and its digest is told", async () => {
  for (const form of ["scap", "scap.gz"]) {
    const [evidence, alerts] = [join(folder, `with ${form}`), join(folder, `alerts of ${form}.jsonl`)];
    const flags = ["--evidence", evidence, "--evidence-capture", form, "--alerts", alerts, "--alerts-detail"];
    const { status, stderr } = await run([...VEDETTE, "run", ...flags, "--", "sh", "-c", SCRIPT]);
    assert.is(status, 0, stderr);
    const told = alertsIn(alerts);
    const [kept] = told.filter(({ rule }) => rule === "Evidence kept");
    const [captured] = told.filter(({ rule }) => rule === "Capture kept");
    const fields = captured!.output_fields;
    const [recording, capture] = [fields["vedette.evidence"] as string, fields["vedette.capture"] as string];
    assert.is(recording, kept!.output_fields["vedette.evidence"]);
    assert.is(capture, recording.replace("vedette", form));
    assert.is(fields["vedette.incident.id"], kept!.output_fields["vedette.incident.id"]);
    assert.is(fields["vedette.evidence.findings"], kept!.output_fields["vedette.evidence.findings"]);
    assert.is(fields["vedette.capture.sha256"], digest(join(evidence, capture)));
    assert.equal(filesIn(evidence).sort(), [capture, recording, recording.replace("vedette", "json")].sort());
    const [expected, found] = [await toldIn(join(evidence, recording)), await toldIn(join(evidence, capture))];
    const differs = expected.findIndex((line, i) => line !== found[i]);
    assert.equal([found.length, differs, fields["vedette.capture.events"]], [expected.length, -1, expected.length]);
    const rules = existsSync(FALCO)
      ? ["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"].map((one) => join(FALCO, one))
      : [shadowRules()];
    if (!existsSync(FALCO)) console.log("skip: Falco's own rules, which do not lie beside this checkout");
    const fired = await firedIn(join(evidence, recording), rules);
    assert.equal(await firedIn(join(evidence, capture), rules), fired);
    assert.ok((fired["Read sensitive file untrusted"] ?? 0) > 0, JSON.stringify(fired));
    if (!hasCommand("tshark")) {
      console.log("skip: no tshark on this machine");
      continue;
    }
    const lines = await run(["tshark", "-r", capture, "-T", "fields", "-e", "frame.number"], { cwd: evidence });
    assert.is(lines.stdout.trim().split("\n").length, expected.length, lines.stderr);
    const expert = await run(["tshark", "-r", capture, "-q", "-z", "expert"], { cwd: evidence });
    assert.is(expert.status, 0, expert.stderr);
    assert.not.match(expert.stdout, /Errors|Warns|Malformed/, expert.stdout);
  }
});

/** One rule that is called like Falco's. */
function shadowRules(): string {
  const path = join(folder, "shadow.yaml");
  const condition = "evt.type in (open,openat) and fd.name = /etc/shadow";
  const body = `  desc: x\n  condition: ${condition}\n  output: "%fd.name"\n  priority: WARNING\n`;
  writeFileSync(path, `- rule: Read sensitive file untrusted\n${body}`);
  return path;
}

test("what is said of evidence without a folder is refused, and so is a number out of bounds, before the workload begins", async () => {
  for (const flags of [
    ["--evidence-capture", "scap"],
    ["--evidence-max-mib", "200"],
    ["--evidence-keep-h", "48"],
  ]) {
    const { status, stdout, stderr } = await run([...VEDETTE, "run", ...flags, "--", "echo", "ran"]);
    assert.equal([status, stdout], [2, ""]);
    assert.match(stderr, /give --evidence DIR, too\./);
  }
  const small = ["--evidence", join(folder, "small"), "--evidence-max-mib", "127"];
  const { status, stdout, stderr } = await run([...VEDETTE, "run", ...small, "--", "echo", "ran"]);
  assert.equal([status, stdout], [2, ""]);
  assert.match(stderr, /a number from 128 to 1048576/);
});

/** Two rules of Informational, which make no evidence by themselves; the first asks for a capture. */
function captureRules(extra = ""): string {
  const path = join(folder, "captures.yaml");
  const rule = (name: string, program: string, more: string): string =>
    `- rule: ${name}\n  desc: x\n  condition: evt.type = execve and proc.name = ${program}\n` +
    `  output: "${name} %proc.name"\n  priority: INFO\n${more}`;
  writeFileSync(path, `${rule("asking", "uname", `  capture: true\n${extra}`)}${rule("silent", "hostname", "")}`);
  return path;
}

test("Falco's capture keys: rules that ask have a capture, all have one by all_rules, and none without enabled", async () => {
  const captured = async (options: readonly string[], program: string): Promise<string[]> => {
    const prefix = join(folder, `falco-${program}-${options.join("-").replace(/\W/g, "_")}`);
    const words = [...options, `capture.path_prefix=${prefix}`].flatMap((option) => ["--option", option]);
    const flags = ["--falco-rules", captureRules(), ...words, "--alerts", join(folder, "captured.jsonl")];
    const { status, stderr } = await run([...VEDETTE, "run", ...flags, "--", program]);
    assert.is(status, 0, stderr);
    assert.is(
      /asks for a capture .* and none is written/.test(stderr),
      !options.includes("capture.enabled=true"),
      stderr,
    );
    for (const one of filesIn(prefix).filter((file) => file.endsWith(".scap")))
      assert.ok((await toldIn(join(prefix, one))).length > 10);
    return filesIn(prefix).map((one) => one.replace(/.*\./, ""));
  };
  const all = ["json", "scap", "vedette"];
  assert.equal((await captured(["capture.enabled=true"], "uname")).sort(), all);
  assert.equal(await captured(["capture.enabled=true"], "hostname"), []);
  assert.equal((await captured(["capture.enabled=true", "capture.mode=all_rules"], "hostname")).sort(), all);
  assert.equal(await captured([], "uname"), []);
});

test("a rule's capture_duration, and else the default of falco.yaml, say how long a file goes on", async () => {
  const config = join(folder, "falco.yaml");
  /** Whether the file ends while the program still runs: it waits for that, and ends with 3. */
  const isEnded = async (name: string, looks: number, usual: number, extra: string): Promise<boolean> => {
    const prefix = join(folder, name);
    const capture = { enabled: true, path_prefix: prefix, mode: "rules", default_duration: usual };
    writeFileSync(config, JSON.stringify({ rules_files: [captureRules(extra)], capture }));
    const look = `ls ${prefix}/*.vedette >/dev/null 2>&1 && exit 3`;
    const script = `uname; i=0; while [ $i -lt ${looks} ]; do i=$((i+1)); ${look}; sleep 0.1; done`;
    const { status, stderr } = await run([...VEDETTE, "falco", "-c", config, "--", "sh", "-c", script]);
    assert.ok(status === 0 || status === 3, stderr);
    assert.equal(
      filesIn(prefix)
        .map((one) => one.replace(/.*\./, ""))
        .sort(),
      ["json", "scap", "vedette"],
    );
    return status === 3;
  };
  const [TEN_MINUTES, SHORT] = [600_000, 500];
  assert.is(await isEnded("rule", 600, TEN_MINUTES, `  capture_duration: ${SHORT}\n`), true);
  assert.is(await isEnded("default", 600, SHORT, ""), true);
  assert.is(await isEnded("longer rule", 80, SHORT, `  capture_duration: ${TEN_MINUTES}\n`), false);
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
