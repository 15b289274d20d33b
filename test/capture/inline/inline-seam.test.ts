// SPDX-License-Identifier: Apache-2.0
//
// The inline tier's own files know no processor. What belongs to one lies in a folder that has its name
// (docs/inline.md, "Another processor").
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ROOT } from "../../e2e/programs.js";

const FOLDER = join(ROOT, "capture/inline");
/** The 64-bit registers, what ptrace calls them, and where only one processor has it. */
const REGISTERS =
  /\b(r(ax|bx|cx|dx|si|di|sp|bp|ip|[89]|1[0-5])d?|orig_rax|eflags|[fg]s_base|user_regs_struct|ARCH_[GS]ET_[FG]S)\b|\.raw\b/;
/** syscall, cpuid, call, jmp, int3: as bytes. */
const OPCODES = /0x0f, ?0x(05|a2)|== 0x(0f|e8|e9|cc)\b|\bint3\b/;
const COMMENT = /\/\/.*$/;

/** `path:line: text` of each line that names one, in files of a folder. */
function named(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => /\.(cc|h)$/.test(name))
    .flatMap((name) =>
      readFileSync(join(folder, name), "utf8")
        .split("\n")
        .map((line) => line.replace(COMMENT, "").replace(/"[^"]*"/g, '""'))
        .flatMap((line, at) =>
          REGISTERS.test(line) || OPCODES.test(line) ? [`${name}:${at + 1}: ${line.trim()}`] : [],
        ),
    );
}

test("no file of capture/inline/ names a register or an instruction", () => {
  assert.equal(named(FOLDER), []);
});

test("those of the processor's folder do", () => {
  assert.ok(named(join(FOLDER, "x86_64")).length > 20);
});

test("no file asks for the processor by #if but the two that say which one it is", () => {
  const asking = readdirSync(join(ROOT, "capture"), { recursive: true, encoding: "utf8" })
    .filter((path) => /\.(cc|h|S)$/.test(path))
    .filter((path) => /^\s*#.*__(x86_64|aarch64)__/m.test(readFileSync(join(ROOT, "capture", path), "utf8")));
  assert.equal(asking.sort(), ["decode/call.h", "kernel/arch.h"]);
});

test("docs/inline.md names each function of the processor's that others call", () => {
  const page = readFileSync(join(ROOT, "docs/inline.md"), "utf8").split("## Another processor")[1]!;
  const headers = readdirSync(join(FOLDER, "x86_64")).filter((name) => name.endsWith(".h"));
  for (const header of headers) assert.ok(page.includes(`\`${header}\``), header);
  const registers = readFileSync(join(FOLDER, "x86_64/registers.h"), "utf8");
  const functions = [...registers.matchAll(/^[\w:<>]+ (\w+)\(.*\);$/gm)].map((match) => match[1]!);
  assert.ok(functions.length > 5);
  for (const name of functions) assert.ok(page.includes(`\`${name}\``), name);
});

test.run();
