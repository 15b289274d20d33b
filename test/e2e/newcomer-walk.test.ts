// SPDX-License-Identifier: Apache-2.0
//
// A newcomer's tasks, in copies of the tree. Each test does what docs/add-a-field.md, add-a-syscall.md or
// add-an-output.md says, file by file, and what it adds works. (A new policy: policy-walk.test.ts.) Of C++ a
// test compiles only the files that a step names.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ROOT, run, scratch } from "./programs.js";
import { NONESUCH } from "./told.js";

const COPIED = ["host", "rules-wasm", "policies", "capture", "test", "package.json", "tsconfig.json", "asconfig.json"];
const LIMIT_MS = 120_000;

/** A copy of the tree, and what a newcomer does in it. */
class Copy {
  readonly folder = scratch();

  constructor() {
    for (const name of COPIED) cpSync(join(ROOT, name), join(this.folder, name), { recursive: true });
    mkdirSync(join(this.folder, "build"));
    for (const name of readdirSync(join(ROOT, "build")))
      if (!["generated", "js"].includes(name))
        // build/host is older than what is compiled here, and so not started
        symlinkSync(join(ROOT, "build", name), join(this.folder, "build", name));
    for (const name of ["generated", "js"])
      cpSync(join(ROOT, "build", name), join(this.folder, "build", name), { recursive: true });
    symlinkSync(join(ROOT, "node_modules"), join(this.folder, "node_modules"));
  }

  read(path: string): string {
    return readFileSync(join(this.folder, path), "utf8");
  }

  write(path: string, text: string): void {
    writeFileSync(join(this.folder, path), text);
  }

  change(path: string, from: string | RegExp, to: string): void {
    const text = this.read(path);
    const changed = text.replace(from, () => to);
    assert.not.equal(changed, text, `${path} has no ${from} any more`);
    this.write(path, changed);
  }

  /** A line right behind the first one that holds `line`. */
  addBehind(path: string, line: string, added: string): void {
    const text = this.read(path);
    const at = text.indexOf(line);
    assert.ok(at >= 0, `${path} has no ${line} any more`);
    const end = text.indexOf("\n", at) + 1;
    this.write(path, `${text.slice(0, end)}${added}\n${text.slice(end)}`);
  }

  async do(...argv: string[]): Promise<string> {
    const { status, stdout, stderr } = await run(argv, { cwd: this.folder, limitMs: LIMIT_MS });
    assert.is(status, 0, `${argv.join(" ")}\n${stdout}${stderr}`);
    return stdout;
  }

  /** Runs lines of TypeScript there, and gives what they print. */
  script(text: string): Promise<string> {
    this.write("script.ts", text);
    return this.do(process.execPath, "--import", "tsx", "script.ts");
  }

  generate(): Promise<string> {
    return this.do(process.execPath, "--import", "tsx", "capture/wire/generate.ts");
  }

  compile(...words: string[]): Promise<string> {
    return this.do("g++", "-std=c++20", "-O0", "-Wall", "-Wextra", "-Werror", "-I.", "-Ibuild/generated", ...words);
  }

  /** The host, as the build has it. */
  build(): Promise<string> {
    return this.do(join(ROOT, "node_modules/.bin/tsc"), "-p", ".");
  }

  /** It adds something to events.yaml. */
  raiseMinor(): void {
    const [, minor] = /^version: \{major: 1, minor: (\d+)\}$/m.exec(this.read("capture/wire/events.yaml"))!;
    this.change("capture/wire/events.yaml", `minor: ${minor}}`, `minor: ${Number(minor) + 1}}`);
  }
}

/** The page names the file, so that who follows it finds it. */
function named(page: string, ...files: string[]): void {
  const text = readFileSync(join(ROOT, "docs", page), "utf8");
  for (const file of files) assert.ok(text.includes(`\`${file}\``), `docs/${page} does not name ${file}`);
}

test("add-an-output.md: a class, a row and an option make an output", async () => {
  const copy = new Copy();
  named(
    "add-an-output.md",
    "host/output/registry.ts",
    "host/output/output.ts",
    "host/cli/falco-flags.ts",
    "host/cli/falco-judging.ts",
  );
  copy.write(
    "host/output/pigeon.ts",
    `import { appendFileSync } from "node:fs";
import type { Carrier, Sent } from "./output.js";
export class Pigeon implements Carrier {
  readonly #path: string;
  constructor(path: string) {
    this.#path = path;
  }
  send(lines: readonly string[]): Sent {
    appendFileSync(this.#path, lines.map((line) => \`coo: \${line}\\n\`).join(""));
    return { outcome: "done" };
  }
  close(): void {}
}
`,
  );
  const registry = "host/output/registry.ts";
  copy.addBehind(registry, "readonly targets: readonly string[];", "  readonly pigeon?: string;");
  copy.change(
    registry,
    "const ROWS = [",
    `const PIGEON: OutputRow<string> = {
  kind: "pigeon",
  asked: ({ pigeon }) => (pigeon === undefined ? [] : [pigeon]),
  name: (path) => path,
  limits: () => LINES,
  texts: (_path, { style = {} }) => ({ text: (alert) => alertJson(alert, style) }),
  carrier: async (path) => new (await import("./pigeon.js")).Pigeon(path),
};
const ROWS = [bound(PIGEON), `,
  );
  copy.addBehind(
    "host/cli/falco-flags.ts",
    '.option("--alerts <where>"',
    '    .option("--pigeon <path>", "alerts by pigeon")',
  );
  const judging = "host/cli/falco-judging.ts";
  copy.addBehind(judging, "readonly alerts: string;", "  readonly pigeon?: string;");
  copy.addBehind(
    judging,
    "const { alerts, syslog: server,",
    "  const birds = flags.pigeon === undefined ? {} : { pigeon: flags.pigeon };",
  );
  copy.write(judging, copy.read(judging).replace("    http,\n", "    ...birds,\n    http,\n"));
  await copy.build();
  copy.write("rules.yaml", NONESUCH);
  const words = ["run", "--falco-rules", "rules.yaml", "--alerts", "alerts", "--pigeon", "loft", "--"];
  await copy.do(process.execPath, "build/js/host/main.js", ...words, "sh", "-c", "cat /nonesuch/1; true");
  assert.match(copy.read("loft"), /^coo: \{.*"rule":"nonesuch".*\}\n$/);
  assert.is(copy.read("loft"), `coo: ${copy.read("alerts")}`);
});

test("add-a-field.md: a field of the process reaches conditions and outputs", async () => {
  const copy = new Copy();
  const tables = ["host/falco/field-table.ts", "host/falco/compile/process-source.ts"];
  named("add-a-field.md", "capture/wire/events.yaml", "capture/state/process.h", "capture/agent/encode.cc", ...tables);
  copy.addBehind(
    "capture/wire/events.yaml",
    "- {name: exe_of_image,",
    '  - {name: mood, type: uint, doc: "[proc.mood]"}',
  );
  copy.raiseMinor();
  await copy.generate();
  copy.addBehind("capture/state/process.h", "uint64_t fd_limit = 0;", "  uint64_t mood = 7;");
  copy.addBehind("capture/agent/encode.cc", "set(F::fd_limit_, process.fd_limit);", "  set(F::mood_, process.mood);");
  copy.addBehind("host/wire/fields/proc.ts", '"proc.nthreads":', '  "proc.mood": own(int("mood")),');
  copy.addBehind("host/falco/field-table.ts", "proc.nthreads int:", "proc.mood int: how it feels");
  copy.addBehind("host/falco/compile/process-source.ts", '"proc.nthreads":', '  "proc.mood": int("mood"),');
  const compiled = copy.compile("-fsyntax-only", "capture/agent/encode.cc");
  const said = await copy.script(`import { openBatch } from "./host/wire/batch.js";
import { fieldValue } from "./host/wire/fields.js";
import { Judge, rulesOf } from "./test/host/falco/judge.js";
import { BatchBuilder } from "./test/host/wire/builder.js";
const builder = new BatchBuilder({ first: 1 });
const process = builder.process({ name: "cat", mood: 7 });
builder.record("openat", { process, result: 3, params: { dirfd: -100, name: "/x", flags: 0 } });
const batch = openBatch(builder.bytes());
console.log(String(fieldValue("proc.mood")!(batch, 0)));
const judge = await Judge.of(rulesOf(["evt.type=openat and proc.mood=7", "evt.type=openat and proc.mood=8"]));
console.log(JSON.stringify(judge.judge(batch)));
`);
  assert.is(said, '7\n[["evt.type=openat and proc.mood=7"]]\n');
  await compiled;
});

/** Puts a number into a processor's list where it belongs. */
function addNumber(copy: Copy, path: string, number: number, name: string): void {
  const text = copy.read(path);
  const begin = text.indexOf("kNumbers[] = {");
  const rows = [...text.slice(begin).matchAll(/\{(\d+), "\w+"/g)];
  const next = rows.find((row) => Number(row[1]) > number)!;
  const at = begin + next.index;
  copy.write(path, `${text.slice(0, at)}{${number}, "${name}"}, ${text.slice(at)}`);
}

test("add-a-syscall.md: a call that was left out gets an event, on each processor", async () => {
  const copy = new Copy();
  const numbers = ["capture/decode/x86_64.h", "capture/decode/i386.h", "capture/decode/aarch64.h"];
  named(
    "add-a-syscall.md",
    "capture/wire/events.yaml",
    "capture/decode/calls.h",
    "capture/wire/left-out.yaml",
    ...numbers,
  );
  const ids = [...copy.read("capture/wire/events.yaml").matchAll(/\{id: (\d+),/g)].map((match) => Number(match[1]));
  const free = Math.max(...ids.filter((id) => id < 250)) + 1;
  copy.addBehind(
    "capture/wire/events.yaml",
    "  mkdir: {id:",
    `  umask: {id: ${free}, tier: cold, doc: "the mask of new files", params: [{mask: uint}]}`,
  );
  copy.raiseMinor();
  copy.addBehind("capture/decode/calls.h", '{"mkdir", E::mkdir,', '    {"umask", E::umask, {u32(0, umask_::mask)}},');
  for (const [i, number] of [95, 60, 166].entries()) addNumber(copy, numbers[i]!, number, "umask");
  copy.change("capture/wire/left-out.yaml", " umask,", "");
  await copy.generate();
  assert.match(copy.read("build/generated/docs/calls.md"), /umask/);
  copy.write(
    "main.cc",
    `#include <cstdio>
#include "capture/decode/syscalls.h"
using namespace vedette;
int main() {
  const Row* const rows[] = {find_row(Abi::X86_64, 95), find_row(Abi::I386, 60), find_row(Abi::Aarch64, 166)};
  for (const Row* row : rows) std::printf("%d ", row != nullptr && row->id == EventId::umask && row->steps.size() == 1);
}
`,
  );
  await copy.compile("-o", "main", "main.cc", "capture/decode/syscalls.cc");
  assert.is(await copy.do("./main"), "1 1 1 ");
  const said = await copy.script(`import { openBatch } from "./host/wire/batch.js";
import { fieldValue } from "./host/wire/fields.js";
import { BatchBuilder } from "./test/host/wire/builder.js";
const builder = new BatchBuilder({ first: 1 });
builder.record("umask", { process: builder.process({ name: "sh" }), result: 0o22, params: { mask: 0o77 } });
const batch = openBatch(builder.bytes());
for (const field of ["evt.type", "evt.arg.mask", "evt.rawres"]) console.log(String(fieldValue(field)!(batch, 0)));
`);
  assert.is(said, "umask\n63\n18\n");
  rmSync(copy.folder, { recursive: true });
});

test.run();
