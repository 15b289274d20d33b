// SPDX-License-Identifier: Apache-2.0
//
// What the program says of itself: help that fits 80 columns, examples that work, completions of three
// shells, a manual page, and the table of exit statuses.
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ERRORS } from "../../../build/generated/errors.js";
import { commandsOf, pathOf } from "../../../host/cli/command-tree.js";
import { EXAMPLES } from "../../../host/cli/examples.js";
import { EXIT_STATUSES } from "../../../host/cli/exit-statuses.js";
import { defineProgram } from "../../../host/cli/program.js";
import { builtFile } from "../../../host/paths.js";
import { hasCommand, ROOT, scratch } from "../../e2e/programs.js";
import { startRegistry } from "../../lab/registry.js";
import { typed } from "./typed.js";

const PROGRAM = defineProgram([], [], () => undefined);
const COMMANDS = commandsOf(PROGRAM);
const LIMIT_MS = 100_000;

/** A folder with what the examples name, and a PATH with `vedette` in it. */
const folder = scratch();
mkdirSync(join(folder, "bin"));
writeFileSync(
  join(folder, "bin/vedette"),
  `#!/bin/sh\nexec '${process.execPath}' '${builtFile("js/host/main.js")}' "$@"\n`,
);
chmodSync(join(folder, "bin/vedette"), 0o755);
const RULE = `- rule: Shell\n  desc: a shell\n  condition: evt.type = execve and proc.name = sh\n  output: a shell\n  priority: NOTICE\n`;
writeFileSync(join(folder, "rules.yaml"), RULE);
writeFileSync(
  join(folder, "vedette.yaml"),
  "control: vedette.sock\noutputs: {disk: {type: file, path: alerts.json}}\n",
);
const TASK = {
  family: "f",
  containerDefinitions: [{ name: "app", image: "app", essential: true, entryPoint: ["/app"] }],
};
writeFileSync(join(folder, "task.json"), JSON.stringify(TASK));

function shell(line: string, program = "bash"): { status: number | null; stdout: string; stderr: string } {
  const env = { ...process.env, PATH: `${join(folder, "bin")}:${process.env.PATH}`, MANPAGER: "cat" };
  return spawnSync(program, ["-c", line], {
    cwd: folder,
    env,
    encoding: "utf8",
    timeout: LIMIT_MS,
    killSignal: "SIGKILL",
  });
}

function helpOf(command: Command): string {
  let text = "";
  command.configureOutput({ writeOut: (part) => (text += part) }).outputHelp();
  return text;
}

const everyCommand = (command: Command): Command[] => [command, ...command.commands.flatMap(everyCommand)];

test("N5: every command's help fits 80 columns, has an example and no empty default", () => {
  for (const command of everyCommand(PROGRAM)) {
    const help = helpOf(command);
    for (const line of help.split("\n")) assert.ok(line.length <= 80, `${pathOf(command)}: ${line}`);
    assert.match(help, /^Examples:$/m, pathOf(command));
    assert.not.match(help, /default: \[\]/, pathOf(command));
  }
});

/** What goes on until a signal, and what it has said by then: it is ended once it has, and has its status. */
const ENDLESS: Readonly<Record<string, string>> = {
  "vedette policy watch": "passed, 0 failed",
  "vedette judge": "judging 8 partitions",
};
const ended = (line: string, says: string): string =>
  `${line} > said 2>&1 & until grep -q '${says}' said; do sleep 0.1; done; kill -TERM $!; wait $!`;
/** What ends otherwise where no Vedette runs that could be asked. */
const ASKS_ONE_THAT_RUNS = [
  ...["vedette serve", "vedette policy status", "vedette console"],
  ...["vedette fleet", "vedette fleet collect", "vedette fleet sensors"],
];

/** Runs the examples, in their order: some need what those before made. */
function runExamples(registry: string): void {
  for (const [path, examples] of Object.entries(EXAMPLES)) {
    assert.ok(
      COMMANDS.some((one) => one.path === path),
      path,
    );
    for (const { line: example } of examples) {
      const line = example.replaceAll("r.example", registry);
      if (path === "vedette policy release")
        writeFileSync(join(folder, "releases.yaml"), `tenant: t\npolicies: [{policy: "oci://${registry}/mine:1"}]\n`);
      if (line.includes("man -l") && !hasCommand("man")) continue; // man itself is tested below
      const says = ENDLESS[path];
      const { status, stderr } = shell(says === undefined ? line : ended(line, says));
      if (ASKS_ONE_THAT_RUNS.includes(path)) assert.not.match(stderr, /VEDETTE_USAGE/, line);
      else assert.is(status, 0, `${line}\n${stderr}`);
    }
  }
}

test("the examples of help work", async () => {
  assert.is(shell("vedette policy new mine").status, 0);
  const { at, child } = await startRegistry(join(folder, "registry"));
  try {
    runExamples(at);
  } finally {
    child.kill("SIGKILL");
  }
});

/** What `vedette WORDS...` prints, which is put into the file, too. */
async function printed(name: string, ...words: string[]): Promise<string> {
  const { status, stdout, stderr } = await typed(...words);
  assert.equal([status, stderr], [0, ""]);
  writeFileSync(join(folder, name), stdout);
  return stdout;
}

test("a shell that there is no completion for is told with those that there are", async () => {
  const { status, stderr } = await typed("completion", "csh");
  assert.is(status, 2);
  assert.match(stderr, /There is no completion for csh: it must be one of bash, zsh, fish\./);
});

/** Typed words, the last one unfinished → what must be offered, and what must not. */
const TYPED: readonly (readonly [typed: readonly string[], offered: readonly string[], not: string])[] = [
  [["ru"], ["run"], "trace"],
  [["policy", "che"], ["check"], "chekc"],
  [["run", "--tie"], ["--tiers"], "--json"],
  [["run", "--tiers", ""], ["all", "trace"], "--tiers"],
  [["policy", "build", "--out"], ["--output"], "--json"],
  [["policy", "test", "--conf"], ["--config"], "--policy"],
  [["completion", "z"], ["zsh"], "bash"],
];

test("N10: bash completes commands, options and their values", async () => {
  await printed("complete.bash", "completion", "bash");
  assert.is(shell("bash -n complete.bash").status, 0);
  for (const [line, offered, not] of TYPED) {
    const words = ["vedette", ...line].map((word) => `'${word}'`).join(" ");
    const { stdout, stderr } = shell(
      `. ./complete.bash; COMP_WORDS=(${words}); COMP_CWORD=${line.length}; _vedette; printf '%s\\n' "\${COMPREPLY[@]}"`,
    );
    const answers = stdout.split("\n");
    for (const word of offered) assert.ok(answers.includes(word), `${words}: ${stdout}${stderr}`);
    assert.not.ok(answers.includes(not), `${words}: ${stdout}`);
  }
});

/** One that needs a program that may be missing here. */
const testWith = (command: string, title: string, body: () => Promise<void>): void =>
  hasCommand(command) ? test(title, body) : void test.skip(`${title} (there is no ${command})`);

testWith("fish", "fish completes the same", async () => {
  await printed("complete.fish", "completion", "fish");
  assert.is(shell("fish -n complete.fish").status, 0);
  for (const [line, offered, not] of TYPED) {
    const { stdout, stderr } = shell(`source complete.fish; complete -C 'vedette ${line.join(" ")}'`, "fish");
    const answers = stdout.split("\n").map((line) => line.split("\t")[0]);
    for (const word of offered) assert.ok(answers.includes(word), `${line.join(" ")}: ${stdout}${stderr}`);
    assert.not.ok(answers.includes(not), `${line.join(" ")}: ${stdout}`);
  }
});

// What zsh's completion calls is put in place of zsh's own.
const ZSH = "compdef() { }; compadd() { shift; print -l -- $@ }; _files() { }; source ./_vedette";

testWith("zsh", "zsh completes the same", async () => {
  await printed("_vedette", "completion", "zsh");
  assert.is(shell("zsh -n _vedette").status, 0);
  for (const [line, offered, not] of TYPED) {
    const last = line.at(-1) ?? "";
    const words = ["vedette", ...line].map((word) => `'${word}'`).join(" ");
    const { stdout, stderr } = shell(`${ZSH}; words=(${words}); CURRENT=$#words; PREFIX='${last}'; _vedette`, "zsh");
    const answers = stdout.split("\n").filter((line) => line.startsWith(last));
    for (const word of offered) assert.ok(answers.includes(word), `${words}: ${stdout}${stderr}`);
    assert.not.ok(answers.includes(not), `${words}: ${stdout}`);
  }
});

test("N10: the manual page has every command, its options and its examples", async () => {
  const stdout = await printed("vedette.1", "man");
  for (const { path, options } of COMMANDS) {
    assert.ok(stdout.includes(path.replaceAll("-", "\\-")), path);
    for (const { long } of options) assert.ok(stdout.includes(long.replaceAll("-", "\\-")), long);
  }
});

testWith("groff", "groff finds nothing wrong in the manual page", async () => {
  await printed("vedette.1", "man");
  const { status, stderr } = shell("groff -man -Tutf8 -ww vedette.1 > page");
  assert.is(status, 0, stderr);
  assert.is(stderr, "");
});

test("each status of the catalogue of errors stands in the table of exit statuses, and the page has that table", () => {
  const known = EXIT_STATUSES.map(([status]) => status);
  for (const [code, { exit }] of Object.entries(ERRORS)) assert.ok(known.includes(exit), `${code}: ${exit}`);
  const page = readFileSync(join(ROOT, "docs/exit-statuses.md"), "utf8");
  for (const [status, meaning] of EXIT_STATUSES)
    assert.ok(page.includes(`| ${status ?? "other"} | ${meaning} |`), meaning);
});

test.run();
