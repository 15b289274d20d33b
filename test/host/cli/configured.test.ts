// SPDX-License-Identifier: Apache-2.0
// Every command by vedette.yaml and by variables: which of its options are keys, who wins, and what it leaves
// alone.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { commandsOf, pathOf } from "../../../host/cli/command-tree.js";
import { keysOf, readsConfig } from "../../../host/cli/configured.js";
import { defineProgram } from "../../../host/cli/program.js";
import { KEYS, variableName } from "../../../host/config/config.js";
import { parseSyslogUrl } from "../../../host/output/syslog-url.js";
import { scratch } from "../../e2e/programs.js";
import { recorded, SHELL } from "./recorded.js";
import { typed } from "./typed.js";

const folder = scratch();
const file = (name: string, text?: string): string => {
  const path = join(folder, name);
  if (text !== undefined) writeFileSync(path, text);
  return path;
};

const everyCommand = (command: Command): Command[] => [command, ...command.commands.flatMap(everyCommand)];
const leaves = (program: Command): Command[] => everyCommand(program).filter(({ commands }) => commands.length === 0);
const PROGRAM = defineProgram([], [], () => undefined);
const READERS = leaves(PROGRAM).filter(readsConfig).map(pathOf);

/** Variables of the environment, for so long. */
async function withVariables<T>(variables: Readonly<Record<string, string>>, work: () => Promise<T>): Promise<T> {
  Object.assign(process.env, variables);
  try {
    return await work();
  } finally {
    for (const name of Object.keys(variables)) delete process.env[name];
  }
}

test("each command reads vedette.yaml, or says in its help that it does not", () => {
  for (const command of leaves(PROGRAM)) {
    let help = "";
    command.configureOutput({ writeOut: (part) => (help += part) }).outputHelp();
    const path = pathOf(command);
    assert.is(/^ {2}--config <file>\s+vedette\.yaml/m.test(help), readsConfig(command), path);
    assert.is(/^It reads no vedette\.yaml\.$/m.test(help), !readsConfig(command), path);
  }
  const without = commandsOf(PROGRAM).filter(({ path, commands }) => commands.length === 0 && !READERS.includes(path));
  assert.equal(without.map(({ path }) => path.replace("vedette ", "")).sort(), [
    ...["completion", "config check", "config keys", "config schema", "doctor", "falco", "fields"],
    ...["instrument", "man"],
  ]);
});

test("a command reads neither keys of others nor what they have that is wrong", async () => {
  const config = file("others.yaml", `drain: soon\noutputs: {a: {type: http, url: "\${NO_SUCH_ONE}"}}\nquiet: true\n`);
  const others = { VEDETTE_DRAIN: "soon", VEDETTE_OUTPUTS_A_TYPE: "nonsense" };
  assert.is((await withVariables(others, () => optionsOf("vedette policy test", "--config", config))).quiet, true);
  for (const [path, says] of [
    ["run", /others\.yaml:2:.*NO_SUCH_ONE.*VEDETTE_CONFIG_VALUE/],
    ["serve", /others\.yaml:1:1: drain must be a number.*VEDETTE_CONFIG_VALUE/],
  ] as const)
    assert.match((await typed(path, "--config", config)).stderr, says);
  const unknown = await typed("policy", "test", folder, "--config", file("unknown.yaml", "drian: 5\n"));
  assert.match(unknown.stderr, /"drian" is not known here[\s\S]*Did you mean "drain"\?/);
  const missing = await typed("policy", "test", folder, "--config", file("nowhere.yaml"));
  assert.match(missing.stderr, /nowhere\.yaml.*VEDETTE_CONFIG_UNREADABLE/);
});

test("who asks a running Vedette finds its socket in the file", async () => {
  const control = file("nobody.sock");
  const config = file("control.yaml", `control: ${control}\nstore: ${file("store")}\n`);
  for (const words of [["top"], ["policy", "status"], ["console"]]) {
    const { status, stderr } = await typed(...words, "--config", config);
    assert.is(status, 2, stderr);
    assert.match(stderr, /nobody\.sock.*VEDETTE_CONTROL_UNANSWERED/, words.join(" "));
    const none = await typed(...words);
    assert.match(none.stderr, /Give .*--socket PATH/, words.join(" "));
  }
  const ofRecording = await typed("top", "--once", recorded(file("shell.vdt"), SHELL), "--config", config);
  assert.is(ofRecording.status, 0, ofRecording.stderr);
  const ofStore = await typed("console", "--config", config, "--store", file("no-store"));
  assert.match(ofStore.stderr, /no-store.*VEDETTE_STORE_UNUSABLE/);
});

test("replay judges by the file, and sends alerts where its own command line says", async () => {
  const rule = "- {rule: Shell, desc: d, condition: evt.type = execve, output: a shell, priority: NOTICE}\n";
  const sent = file("sent.json");
  const config = file(
    "judge.yaml",
    `falco_rules: [${file("rules.yaml", rule)}]\nalerts: ${sent}\noutputs: {a: {type: file, path: ${sent}}}\n`,
  );
  const recording = recorded(file("work.vdt"), SHELL);
  const { status, stderr } = await typed("replay", recording, "--config", config, "--alerts", file("told"));
  assert.is(status, 0, stderr);
  assert.is(JSON.parse(readFileSync(file("told"), "utf8")).rule, "Shell");
  assert.match((await typed("replay", recording, "--config", config, "--print")).stdout, /^.*execve.*$/m);
  assert.not.ok(existsSync(sent));
});

// From here on commands speak as the file says.

/** Two values of each key, as the file has them and as a variable does, and what the option is then. */
function samples(key: string): readonly { yaml: string; text: string; value: unknown }[] {
  const { schema, optionValue = (one: never): unknown => one } = KEYS[key]!;
  const one = (yaml: unknown, text = String(yaml)) => ({ yaml: JSON.stringify(yaml), text });
  const candidates = [
    [one(200), one(300)],
    [one(2), one(3)],
    [one(true), one(false)],
    [one(["a", "b"], "a,b"), one(["c"], "c")],
    [one({ n: "v" }, "n=v"), one({ m: "w" }, "m=w")],
    ...[
      ["thread", "process"],
      ["all", "first"],
      ["all", "trace"],
      ["text", "json"],
      ["scap", "scap.gz"],
    ].map(([a, b]) => [one(a), one(b)]),
    ...[
      ["normal", "strict"],
      ["refuse", "allow"],
      ["shed", "block"],
      ["udp://a", "udp://b"],
    ].map(([a, b]) => [one(a), one(b)]),
    ["kill", "freeze"].map((action) => one([{ rules: ["R"], action }], JSON.stringify([{ rules: ["R"], action }]))),
    [one("x"), one("y")],
  ];
  const both = candidates.find((both) => both.every(({ yaml }) => schema.safeParse(JSON.parse(yaml)).success))!;
  return both.map((one) => ({ ...one, value: optionValue(schema.parse(JSON.parse(one.yaml)) as never) }));
}

/** What the command's options are, when it is typed so. */
async function optionsOf(path: string, ...words: string[]): Promise<Record<string, unknown>> {
  const program = defineProgram([], [], () => undefined);
  const command = leaves(program).find((one) => pathOf(one) === path)!;
  let found: Record<string, unknown> | null = null;
  command.action(() => {
    found = command.opts();
  });
  const needed = command.options.filter(({ mandatory }) => mandatory).flatMap(({ long }) => [long!, "x"]);
  const given = command.registeredArguments.map(() => "x");
  await program.parseAsync([...path.split(" ").slice(1), ...given, ...needed, ...words], { from: "user" });
  return found!;
}

test("of every command and key, a flag wins over a variable, that over the file, and that over the default", async () => {
  const keys = Object.keys(KEYS);
  const config = file("all.yaml", keys.map((key) => `${key}: ${samples(key)[0]!.yaml}\n`).join(""));
  const variables = Object.fromEntries(keys.map((key) => [variableName(key), samples(key)[1]!.text]));
  for (const path of READERS) {
    const command = leaves(PROGRAM).find((one) => pathOf(one) === path)!;
    const all = [...keysOf(command)].filter(([key]) => key in KEYS);
    const [first, second, none] = [
      await optionsOf(path, "--config", config),
      await withVariables(variables, () => optionsOf(path, "--config", config)),
      await optionsOf(path),
    ];
    const byVariable = await withVariables({ VEDETTE_CONFIG: config }, () => optionsOf(path));
    for (const [key, option] of all) {
      const attribute = option.attributeName();
      const [a, b] = samples(key);
      assert.equal(first[attribute], a!.value, `${path}: ${key} of the file`);
      assert.equal(second[attribute], b!.value, `${path}: ${variableName(key)} wins over the file`);
      assert.equal(byVariable[attribute], a!.value, `${path}: ${key} of the file that VEDETTE_CONFIG names`);
      assert.equal(none[attribute], option.defaultValue, `${path}: ${key} by default`);
    }
    assert.ok(all.length >= 2, path);
  }
});

/** A command line with a flag, and what the option is whatever the file and the environment say. */
const TYPED: readonly (readonly [path: string, words: readonly string[], attribute: string, value: unknown])[] = [
  ["vedette run", ["--repeats", "first"], "repeats", "first"],
  ["vedette serve", ["--syslog", "udp://typed"], "syslog", parseSyslogUrl("udp://typed")],
  ["vedette replay", ["--policy", "mine"], "policy", ["mine"]],
  ["vedette top", ["--socket", "/typed"], "socket", "/typed"],
  ["vedette top", ["--control", "/typed"], "socket", "/typed"],
  ["vedette trace", ["--snaplen", "7"], "snaplen", 7],
  ["vedette policy status", ["--socket", "/typed"], "socket", "/typed"],
  ["vedette policy explain", ["--tag", "mine"], "tag", ["mine"]],
  ["vedette policy import-falco", ["--matching", "first"], "matching", "first"],
];
for (const [path, words, attribute, value] of TYPED)
  test(`${path} ${words.join(" ")} wins`, async () => {
    const variables = { VEDETTE_CONFIG: file("all.yaml"), VEDETTE_CONTROL: "/told", VEDETTE_SNAPLEN: "9" };
    assert.equal((await withVariables(variables, () => optionsOf(path, ...words)))[attribute], value);
  });

test.run();
