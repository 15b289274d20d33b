// SPDX-License-Identifier: Apache-2.0
//
// Files that change while the built product runs: rules, outputs and Falco's configuration are taken without
// a start anew, a wrong file changes nothing, and each change is an alert.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openRecorded } from "../../host/intake/intake.js";
import { fieldValue } from "../../host/wire/fields.js";
import { until } from "../until.js";
import { freePort } from "./free-port.js";
import { scratch } from "./programs.js";
import { hostIn } from "./serving.js";

const rule = (name: string): string =>
  `- {rule: ${name} opened, desc: d, condition: evt.type = openat and fd.name = /${name}, output: "%fd.name", priority: WARNING}\n`;

interface Alert {
  rule: string;
  output: string;
  priority: string;
  output_fields: Record<string, unknown>;
}

const alertsIn = (path: string): Alert[] =>
  (existsSync(path) ? readFileSync(path, "utf8") : "")
    .split("\n")
    .slice(0, -1) // the last may be under way
    .map((line) => JSON.parse(line) as Alert);
const rulesIn = (path: string): string[] => alertsIn(path).map((alert) => alert.rule);

/** `words`: from the command on. */
function host(folder: string, words: readonly string[]) {
  const started = hostIn(folder, words);
  return {
    ...started,
    /** A workload that opens these. */
    open: (...names: string[]): Promise<void> =>
      started.watches(`{ ${names.map((name) => `cat /${name}`).join("; ")}; } 2>/dev/null; true`),
    ended: async (status: number): Promise<void> => assert.is((await started.ended).status, status, started.said()),
    end: async (): Promise<void> => assert.is((await started.end()).status, 0, started.said()),
  };
}

test("serve --watch-config: rules and outputs change while it runs, a wrong file holds nothing up, and nothing is lost", async () => {
  const folder = scratch();
  const at = (name: string): string => join(folder, name);
  const config = (...lines: string[]): void =>
    writeFileSync(at("v.yaml"), ["falco_rules: [rules.yaml]", "watch_config: true", ...lines, ""].join("\n"));
  const http = `127.0.0.1:${await freePort()}`;
  writeFileSync(at("rules.yaml"), rule("one"));
  config(`http: ${http}`, "alerts: alerts", "outputs: {siem: {type: file, path: siem}}");
  const serving = host(folder, ["serve", "--config", "v.yaml", "--listen", `unix:${folder}/host.sock`]);
  await serving.says("listening at");
  await serving.open("one", "two");

  writeFileSync(at("rules.yaml"), rule("two"));
  await serving.says("read again: rules.yaml (1 policy)");
  await serving.open("one", "two");

  writeFileSync(at("rules.yaml"), "- rule: [\n");
  await serving.says("rules.yaml changed and was not taken: what was before holds");
  await serving.says("VEDETTE_FALCO_RULES");
  config("outputs: {siem: {type: fax}}");
  await serving.says("VEDETTE_CONFIG_VALUE");
  await serving.open("two");

  writeFileSync(at("rules.yaml"), rule("two") + rule("three"));
  config(`http: ${http}`, "alerts: alerts", "outputs: {second: {type: file, path: second}}", "drain: 7");
  await serving.says("taken at the next start: drain");
  await until("the other output is there", async () =>
    (await (await fetch(`http://${http}/api/v1/health`)).text()).includes('"name":"second"'),
  );
  await serving.open("two", "three");
  await serving.end();

  const [taken, refused] = ["taken", "refused"].map((what) => `Vedette internal: configuration ${what}`);
  const rules = rulesIn(at("alerts"));
  const raised = rules.filter((name) => name.endsWith("opened"));
  assert.equal(
    raised,
    ["one", "two", "two", "two", "three"].map((name) => `${name} opened`),
  );
  assert.ok(rules.filter((name) => name === refused).length >= 2, rules.join());
  assert.ok(rules.filter((name) => name === taken).length >= 2, rules.join());
  const [first] = alertsIn(at("alerts")).filter((alert) => alert.rule === taken);
  assert.equal([first?.priority, first?.output_fields.files], ["Notice", "rules.yaml"]);
  assert.is(rulesIn(at("siem")).at(-1), taken, "the output that went is told why");
  assert.equal(
    rulesIn(at("second"))
      .filter((name) => name.endsWith("opened"))
      .slice(-2),
    ["two opened", "three opened"],
  );
});

test("what was refused is taken when it is mended: a file that it names, or at SIGHUP what is no file of configuration", async () => {
  const folder = scratch();
  const at = (name: string): string => join(folder, name);
  const config = (...lines: string[]): void =>
    writeFileSync(
      at("v.yaml"),
      [`http: unix:${folder}/http`, "watch_config: true", "alerts: alerts", ...lines, ""].join("\n"),
    );
  writeFileSync(at("rules.yaml"), rule("one"));
  config("falco_rules: [rules.yaml]");
  const serving = host(folder, ["serve", "--config", "v.yaml", "--listen", `unix:${folder}/host.sock`]);
  await serving.says("listening at");

  writeFileSync(at("more.yaml"), "- rule: [\n");
  config("falco_rules: [rules.yaml, more.yaml]");
  await serving.says("v.yaml changed and was not taken");
  writeFileSync(at("more.yaml"), rule("two"));
  await serving.says("read again: v.yaml, more.yaml (1 policy)");

  config("falco_rules: [rules.yaml, more.yaml]", "outputs: {deep: {type: file, path: no/such/alerts}}", "quiet: true");
  await serving.says("VEDETTE_SINK_UNWRITABLE");
  mkdirSync(at("no/such"), { recursive: true });
  serving.hangUp();
  await serving.says("taken at the next start: quiet");
  await serving.says("read again: v.yaml (1 policy)");
  await serving.open("one", "two");
  await serving.end();
  assert.equal(
    rulesIn(at("alerts")).filter((name) => name.endsWith("opened")),
    ["one opened", "two opened"],
  );
});

const nameOf = fieldValue("fd.name")!;
const typeOf = fieldValue("evt.type")!;

/** The files of one letter that a recording tells to be opened, in order. */
async function openedIn(path: string): Promise<string> {
  let opened = "";
  for await (const entry of openRecorded(path).entries)
    if (entry.kind === "batch")
      for (const at of entry.batch.offsets)
        if (typeOf(entry.batch, at) === "openat")
          opened += /^\/([a-z])$/.exec(String(nameOf(entry.batch, at)))?.[1] ?? "";
  return opened;
}

test("evidence loses nothing when rules are read again: what came before is there, and an open file goes on", async () => {
  const folder = scratch();
  const at = (name: string): string => join(folder, name);
  const files = (ending: string): string[] =>
    (existsSync(at("kept")) ? readdirSync(at("kept")) : []).filter((name) => name.endsWith(ending)).sort();
  const asking = (name: string): string => rule(name).replace("}", ", capture: true, capture_duration: 500}");
  writeFileSync(at("rules.yaml"), asking("b"));
  const flags = ["--falco-rules", "rules.yaml", "--watch-config", "--evidence", "kept", "--alerts", "alerts"];
  const serving = host(folder, ["serve", ...flags, "--listen", `unix:${folder}/host.sock`]);
  await serving.says("listening at");
  const opens = (names: string): string => `{ ${[...names].map((name) => `cat /${name}`).join("; ")}; } 2>/dev/null`;
  const go = (name: string): string => `until [ -e ${at(name)} ]; do sleep 0.05; done`;
  // One workload throughout: what comes before a finding is kept by agent.
  const script = [opens("ab"), go("taken"), opens("cbd"), go("over"), opens("e"), "true"];
  const watched = serving.watches(script.join("; "));
  await until("a file is open", () => files(".part").length > 0);
  writeFileSync(at("rules.yaml"), asking("d") + asking("e"));
  await serving.says("read again: rules.yaml (1 policy)");
  writeFileSync(at("taken"), "");
  await until("it has ended", () => files(".json").length > 0 && files(".part").length === 0);
  const before = files(".vedette");
  writeFileSync(at("over"), "");
  await watched;
  await until("the next has ended", () => files(".json").length > before.length && files(".part").length === 0);
  const all = files(".vedette");
  const told = await Promise.all(all.map((name) => openedIn(at(`kept/${name}`))));
  await serving.end();
  assert.is(told.at(-1), "abcbde", "what came before the change");
  // Where the change took long, the first file had ended by then: then the second has all of it.
  assert.ok(before.length === 1 ? told[0] === "abcbd" : told[0]!.startsWith("ab") && told[1] === "abcbd", told.join());
  for (const name of files(".json")) {
    const { missed, state } = JSON.parse(readFileSync(at(`kept/${name}`), "utf8"));
    assert.equal([missed, state], [0, "whole"]);
  }
});

test("run --watch-config: rows of responses are taken, and taken away", async () => {
  const folder = scratch();
  const at = (name: string): string => join(folder, name);
  const respond = (...rows: string[]): void => writeFileSync(at("respond.yaml"), `respond: [${rows.join()}]\n`);
  writeFileSync(at("rules.yaml"), rule("one"));
  respond();
  const script = [
    "child() { until [ -e go-$1 ]; do sleep 0.05; done; \"$0\" -c 'read x < /one; until [ -e end-$0 ]; do sleep 0.05; done' $1; echo $1 $? >> ended; }",
    "child a; child b; child c",
  ];
  const flags = ["--watch-config", "--falco-rules", "rules.yaml", "--respond", "respond.yaml", "--alerts", "alerts"];
  const watching = host(folder, ["run", ...flags, "--", "sh", "-c", script.join("\n"), "sh"]);
  const opened = (times: number): Promise<unknown> =>
    until(
      `the file was opened ${times} times`,
      () => rulesIn(at("alerts")).filter((one) => one === "one opened").length === times,
      { tell: watching.said },
    );
  const ended = (line: string): Promise<unknown> =>
    until(line, () => existsSync(at("ended")) && readFileSync(at("ended"), "utf8").includes(line), {
      tell: watching.said,
    });
  writeFileSync(at("go-a"), "");
  await opened(1);
  respond("{rules: [one opened], action: kill, mode: enforce}");
  await watching.says("read again: respond.yaml");
  writeFileSync(at("end-a"), "");
  writeFileSync(at("go-b"), "");
  await ended("b 137");
  respond();
  await watching.says("read again: respond.yaml", 2);
  writeFileSync(at("go-c"), "");
  await opened(3);
  writeFileSync(at("end-c"), "");
  await watching.ended(0);
  assert.is(readFileSync(at("ended"), "utf8"), "a 0\nb 137\nc 0\n");
  assert.not.match(watching.said(), "taken at the next start");
  const steps = alertsIn(at("alerts")).filter((alert) => alert.rule === "Response");
  assert.equal(
    steps.map(({ output_fields: fields }) => fields["response.status"]),
    ["requested", "done"],
  );
});

test("serve takes changed files at SIGHUP, too, and reads none without one", async () => {
  const folder = scratch();
  const at = (name: string): string => join(folder, name);
  writeFileSync(at("rules.yaml"), rule("one"));
  const words = ["--http", `127.0.0.1:${await freePort()}`, "--alerts", "alerts", "--falco-rules", "rules.yaml"];
  const serving = host(folder, ["serve", "--listen", `unix:${folder}/host.sock`, ...words]);
  await serving.says("listening at");
  writeFileSync(at("rules.yaml"), rule("two"));
  await serving.open("one", "two");
  await until("by the old rules", () => rulesIn(at("alerts")).length === 1);
  serving.hangUp();
  await serving.says("read again: rules.yaml");
  await serving.open("one", "two");
  await serving.end();
  assert.equal(
    rulesIn(at("alerts")).filter((name) => name.endsWith("opened")),
    ["one opened", "two opened"],
  );
});

test("falco: watch_config_files takes falco.yaml, its config_files and its rules_files; switched off it does not", async () => {
  for (const isOn of [true, false]) {
    const folder = scratch();
    const at = (name: string): string => join(folder, name);
    mkdirSync(at("config.d"));
    writeFileSync(at("rules.yaml"), rule("one"));
    const own = [
      `watch_config_files: ${isOn}`,
      "config_files: [config.d]",
      `rules_files: [${at("rules.yaml")}, ${at("local.yaml")}]`,
      `file_output: {enabled: true, filename: ${at("alerts")}}`,
      "json_output: true",
    ];
    writeFileSync(at("falco.yaml"), `${own.join("\n")}\n`);
    const loop = `until [ -e ${at("end")} ]; do cat /one /two 2>/dev/null; sleep 0.1; done`;
    const watching = host(folder, ["falco", "-c", at("falco.yaml"), "--", "sh", "-c", loop]);
    const seen = (name: string, times = 1): Promise<unknown> =>
      until(`${name} in ${times}`, () => rulesIn(at("alerts")).filter((one) => one === name).length >= times, {
        tell: watching.said,
      });
    await seen("one opened");
    writeFileSync(at("local.yaml"), rule("two"));
    if (isOn) await seen("two opened");
    writeFileSync(at("config.d/more.yaml"), "priority: critical\n");
    if (isOn) await watching.says(`read again: ${at("config.d")}`);
    writeFileSync(at("config.d/more.yaml"), "priority: loud\n");
    if (isOn) await watching.says("VEDETTE_FALCO_OPTION");
    else await seen("one opened", rulesIn(at("alerts")).length + 20);
    writeFileSync(at("end"), "");
    await watching.ended(0);
    assert.is(watching.said().includes("read again"), isOn);
    assert.is(rulesIn(at("alerts")).includes("two opened"), isOn);
    assert.not.match(watching.said(), "without meaning here: watch_config_files");
  }
});

test.run();
