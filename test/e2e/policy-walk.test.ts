// SPDX-License-Identifier: Apache-2.0
//
// docs/write-a-policy.md, as a new author walks it: an empty folder, the page's commands as they are printed
// there, its index.ts and yaml put where it says, and what it says that they print. `...` on the page stands
// for what differs.
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../lab/task.js";
import { endGroup, hasCommand, ROOT, run, scratch, start, VEDETTE } from "./programs.js";

const PAGE = readFileSync(join(ROOT, "docs/write-a-policy.md"), "utf8");
const NGINX = "/usr/sbin/nginx";
const MAKEFILE = "test:\n\tcurl --version >/dev/null\n";
const NGINX_CONF = `user root; pid nginx.pid; error_log error.log; events {}
http { access_log off; client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
  server { listen unix:n.sock; } }`;

/** A command of the page, and the lines that it says the command prints. */
interface Command {
  line: string;
  printed: string[];
}

const home = scratch();
const at = (...names: string[]) => join(home, ...names);
const bin = join(scratch(), "bin");
const server = scratch();
const shell = { cwd: home, env: { PATH: `${bin}:${process.env.PATH}`, HOME: home } };

/** The code blocks of a section (`## 4. ...`) in this language; "" for what is typed. */
function blocks(section: number, language = ""): string[] {
  const text = PAGE.split(/^## /m).find((part) => part.startsWith(`${section}.`)) as string;
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)]
    .filter((one) => one[1] === language)
    .map((one) => one[2] as string);
}

function commands(section: number): Command[] {
  const all: Command[] = [];
  for (const line of blocks(section).join("").split("\n").filter(Boolean)) {
    if (line.startsWith("$ ")) all.push({ line: line.slice(2), printed: [] });
    else all.at(-1)?.printed.push(line);
  }
  assert.ok(all.length > 0, `section ${section} types something`);
  return all;
}

/**
 * The page's lines as a pattern: `...` for anything, alone on a line for any lines; columns as wide as they
 * come.
 */
function pattern(printed: readonly string[]): RegExp {
  const words = (line: string) => line.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&").replace(/ +/g, " +");
  const lines = printed.map((line) => (line === "..." ? "(?:.*\\n)*.*" : words(line).replaceAll("\\.\\.\\.", ".*")));
  return new RegExp(lines.map((line) => `^${line}$`).join("\n"), "m");
}

/** Types it and looks at what it says and how it ends. Gives what it printed. */
async function type({ line, printed }: Command): Promise<string> {
  // What goes on until a signal gets one once it has said that all is well.
  const typed = line.replace(
    /^vedette policy watch \S+/,
    "$& > said 2>&1 & until grep -q 'passed, 0 failed' said; do sleep 0.1; done; kill -TERM $!; wait $!",
  );
  const { status, stdout, stderr } = await run(["bash", "-c", typed], shell);
  assert.is(status, 0, `${line}\n${stdout}${stderr}`);
  assert.match(stdout + stderr, pattern(printed), line);
  return stdout + stderr;
}

function put(name: string, text: string): void {
  writeFileSync(at("my-policy", name), text);
}

test.before(() => {
  mkdirSync(bin);
  const quoted = VEDETTE.map((word) => `'${word}'`).join(" ");
  writeFileSync(join(bin, "vedette"), `#!/bin/sh\nexec ${quoted} "$@"\n`, { mode: 0o755 });
  // The machine's own nginx, kept off port 80 and /run.
  writeFileSync(join(server, "nginx.conf"), NGINX_CONF);
  writeFileSync(
    join(bin, "nginx"),
    `#!/bin/sh\nexec ${NGINX} -e ${server}/error.log -p ${server} -c ${server}/nginx.conf "$@"\n`,
    { mode: 0o755 },
  );
});

test("1. a folder is made, and passes", async () => {
  for (const command of commands(1)) await type(command);
  for (const [, file] of PAGE.matchAll(/^\| `([\w.]+)` \| /gm)) {
    if (file?.includes(".")) assert.ok(existsSync(at("my-policy", file)), file);
  }
});

test("2 to 4. the page's rule and its tests pass, and every command of the author's", async () => {
  put("index.ts", blocks(2, "ts")[0] as string);
  put("tests.yaml", blocks(4, "yaml")[0] as string);
  for (const command of commands(4)) assert.not.match(await type(command), /^warning:|FAIL|missing/m, command.line);
});

// A13: and stands nowhere but in the page.
test("2, 3. what the page names is there", async () => {
  const names = [...new Set([...PAGE.matchAll(/`(e\.[\w.()]+)`/g)].map((one) => one[1] as string))];
  const tables = [...PAGE.matchAll(/^\| `(new \w+\([^`]*)` \|/gm)].map((one) => one[1] as string);
  assert.ok(names.length > 10 && tables.length === 8, names.join(" "));
  const lines = [
    `import { ${["Openat", "Priority", "rule", ...new Set(tables.join(" ").match(/\w+(?=\()/g))].join(", ")} } from "vedette";`,
    ...tables.map((table, i) => `const table${i} = ${table};`),
    `@rule({ name: "All names", priority: Priority.Debug })`,
    "export function allNames(e: Openat): bool {",
    ...names.map((name, i) => `  const value${i} = ${name};`),
    "  return false;\n}\n",
  ];
  mkdirSync(at("names"));
  writeFileSync(at("names/index.ts"), lines.join("\n"));
  writeFileSync(at("names/policy.yaml"), "name: names\n");
  const { status, stderr } = await run([...VEDETTE, "policy", "check", at("names")]);
  assert.is(status, 0, `${lines.join("\n")}\n${stderr}`);
});

// A6: the page's own idiom.
test("3. a sequence in one rule passes its tests", async () => {
  await type({ line: "vedette policy new sequence", printed: [] });
  writeFileSync(at("sequence/index.ts"), blocks(3, "ts")[0] as string);
  writeFileSync(at("sequence/policy.yaml"), "name: sequence\nversion: 0.1.0\n");
  writeFileSync(at("sequence/tests.yaml"), blocks(3, "yaml")[0] as string);
  await type({ line: "vedette policy check sequence", printed: ["sequence: 1 rule, nothing wrong"] });
  await type({ line: "vedette policy test sequence", printed: ["2 passed, 0 failed"] });
});

test("5. it speaks under `run` and over a recording, which is a test too", async () => {
  if (!hasCommand("curl")) return console.log("skip: the page's workload: no curl on this machine");
  writeFileSync(at("Makefile"), MAKEFILE);
  const typed = commands(5).filter(({ line }) => / (run --policy|record|replay) /.test(line));
  assert.is(typed.length, 3);
  for (const command of typed) assert.match(await type(command), /recorded|"rule":"Download tool run"/, command.line);

  const { stdout } = await run([
    ...VEDETTE,
    "replay",
    at("work.rec"),
    "--json",
    "-f",
    "proc.name = curl and evt.type = execve",
  ]);
  const sample = /^`(\{name: .* recording: .*\]\})`/m.exec(PAGE)?.[1] as string;
  copyFileSync(at("work.rec"), at("my-policy/may-3.rec"));
  put("tests.yaml", `${blocks(4, "yaml")[0]}  - ${sample.replace("4711", String(JSON.parse(stdout)["evt.num"]))}\n`);
  await type({ line: "vedette policy test my-policy", printed: ["  ok   the 3rd of May", "3 passed, 0 failed"] });
});

test("5. a running sensor takes it", async () => {
  if (!existsSync(NGINX)) return console.log(`skip: the page's server: no ${NGINX} on this machine`);
  const typed = commands(5).filter(({ line }) => / policies\.d| --socket /.test(line));
  assert.is(typed.length, 4);
  const [folder, sensor, copy, status] = typed as [Command, Command, Command, Command];
  await type(folder);
  assert.match(sensor.line, / &$/);
  const { child, ended, said } = start(["bash", "-c", `exec ${sensor.line.slice(0, -2)}`], shell);
  try {
    await until(() => existsSync(at("vedette.sock")), "the sensor did not start", said);
    await type({ line: copy.line, printed: [] });
    await until(() => pattern(copy.printed).test(said()), "it was not loaded", said);
    await type(status);
    child.kill("SIGTERM");
    await ended;
  } finally {
    endGroup(child.pid);
  }
});

test("6. a place changes a rule's priority, and what it does not want to hear", async () => {
  const change = blocks(6, "yaml")[0] as string;
  writeFileSync(at("my-policy/policy.yaml"), readFileSync(at("my-policy/policy.yaml"), "utf8") + change);
  const [, parent, start] = /- \[([^,]+), "(.*)"\]/.exec(change) as unknown as [string, string, string];
  const curl = (args: string) => `- execve: {proc: {name: curl, args: ["${args}"], parent: {name: ${parent}}}}`;
  put(
    "tests.yaml",
    `tests:\n  - name: mirrors\n    events:\n      ${curl(`${start}x`)}\n      ${curl("http://203.0.113.9/x")}\n` +
      "    alerts:\n      - {rule: Download tool run, event: 2, priority: Warning}\n",
  );
  await type({ line: "vedette policy test my-policy", printed: ["  ok   mirrors"] });
});

test.run();
