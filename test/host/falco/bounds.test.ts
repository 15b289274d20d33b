// SPDX-License-Identifier: Apache-2.0
// Files of rules that are made to take memory without measure: each loads, or ends in an error that says why,
// in a process that stays below the bound that docs/falco.md states.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { builtFile } from "../../../host/paths.js";
import { scratch } from "../../e2e/programs.js";

const MIB_MAX = 1024;
const folder = scratch();
const rule = (condition: string): string =>
  `- rule: r\n  desc: d\n  condition: ${condition}\n  output: o\n  priority: INFO\n`;
const times = (count: number, make: (i: number) => string, between = ""): string =>
  Array.from({ length: count }, (_, i) => make(i)).join(between);

/** Each macro names the one before twice. */
const macros = (step: (before: string, i: number) => string): string =>
  `- {macro: m0, condition: (proc.name=a or fd.name=b)}\n` +
  times(40, (i) => `- {macro: m${i + 1}, condition: ${step(`m${i}`, i)}}\n`) +
  rule("evt.type=open and m40");

const FILES: Record<string, [text: string, said: RegExp]> = {
  "aliases of aliases": [
    `a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n` +
      times(9, (i) => `a${i + 1}: &a${i + 1} [${times(10, () => `*a${i}`, ", ")}]\n`),
    /LOAD_ERR_YAML_PARSE.*more than 1000000 values/,
  ],
  "400,000 aliases": [
    `- list: l\n  items: [&a x, ${times(400_000, () => "*a", ",")}]\n${rule("evt.type=open and proc.name in (l)")}`,
    /: Ok/,
  ],
  "two million entries": [
    `- list: l\n  items: [${times(2_000_000, (i) => `n${i}`, ",")}]\n${rule("evt.type=open and proc.name in (l)")}`,
    /LOAD_ERR_YAML_PARSE.*more than 1000000 values/,
  ],
  "lists of lists": [
    `- {list: l0, items: [${times(10, (i) => `n${i}`, ", ")}]}\n` +
      times(12, (i) => `- {list: l${i + 1}, items: [${times(10, () => `l${i}`, ", ")}]}\n`) +
      rule("evt.type=open and proc.name in (l12)"),
    /: Ok/,
  ],
  "macros of macros that mean nothing": [macros((before) => `(${before} and not ${before})`), /: Ok/],
  "macros of macros": [
    macros((before, i) => `((${before} and proc.pid > ${i}) or (fd.num > ${i} and not ${before}))`),
    /macros that name others many times do.*\[VEDETTE_FALCO_TOO_MUCH\]/s,
  ],
  "parentheses in parentheses": [
    rule(`evt.type=open and ${"(".repeat(100_000)}proc.name=a${")".repeat(100_000)}`),
    /exceeded max depth limit/,
  ],
  "a list in a list in a list": ["[".repeat(200_000), /LOAD_ERR_YAML_PARSE/],
  "macros in a row": [
    `- {macro: m0, condition: (proc.name=a)}\n` +
      times(5000, (i) => `- {macro: m${i + 1}, condition: (m${i} or proc.pid=${i})}\n`) +
      rule("evt.type=open and m5000"),
    /their macros name one another in a row that is too long.*\[VEDETTE_FALCO_TOO_MUCH\]/s,
  ],
  "a hundred macros in a row": [
    `- {macro: m0, condition: (proc.name=a)}\n` +
      times(100, (i) => `- {macro: m${i + 1}, condition: (m${i} or proc.pid=${i})}\n`) +
      rule("evt.type=open and m100"),
    /: Ok/,
  ],
  "a regex of a thousand words": [
    rule(`evt.type=open and fd.name regex "${times(1000, (i) => `/opt/[a-z]+/w${i}`, "|")}"`),
    /: Ok/,
  ],
  "a regex of five thousand words": [
    rule(`evt.type=open and fd.name regex "${times(5000, (i) => `/opt/[a-z]+/w${i}`, "|")}"`),
    /would need more than \d+ states.*\[VEDETTE_FALCO_TOO_MUCH\]/s,
  ],
  "a regex that would have to remember its last 30 bytes": [
    rule(`evt.type=open and fd.name regex ".*a.{30}"`),
    /would need more than \d+ states.*\[VEDETTE_FALCO_TOO_MUCH\]/s,
  ],
  "regexes of many loops": [rule(`evt.type=open and fd.name regex "${"(a|b|c)*".repeat(200)}x"`), /: Ok/],
};

for (const [what, [text, said]] of Object.entries(FILES)) {
  test(`${what} are taken or refused within ${MIB_MAX} MiB`, () => {
    const file = join(folder, `${what}.yaml`);
    writeFileSync(file, text);
    const asked = `process.on("exit", () => console.error(process.resourceUsage().maxRSS));
      process.argv.splice(1, 0, "vedette");
      await import(${JSON.stringify(builtFile("js/host/main.js"))});`;
    // Its heap grows as far as the collector lags behind, which differs from machine to machine.
    const { stdout, stderr } = check(["--single-threaded-gc", "--input-type=module", "-e", asked], file);
    const [, kib] = /^(\d+)$/m.exec(stderr) ?? [];
    assert.match(`${stdout}${stderr}`, said);
    assert.ok(Number(kib) < MIB_MAX * 1024, `${Math.round(Number(kib) / 1024)} MiB`);
  });
}

test("where the process's memory is nearly used up, compiling ends with an error of ours", () => {
  const asked = `import { boundMemory } from ${JSON.stringify(builtFile("js/host/falco/compile/memory-bound.js"))};
    boundMemory();
    globalThis.kept = Buffer.alloc(300 << 20);
    try {
      for (let i = 0; i < 1000; i++) boundMemory();
    } catch ({ code, message }) {
      console.log(code, message);
    }`;
  const argv = ["--max-old-space-size=80", "--input-type=module", "-e", asked];
  const { stdout, stderr } = spawnSync(process.execPath, argv, { encoding: "utf8", timeout: 60_000 });
  assert.match(stdout, /^VEDETTE_FALCO_TOO_MUCH .*compiling them takes more than \d+ MiB of memory/, stderr);
});

function check(node: readonly string[], file: string): { stdout: string; stderr: string; status: number | null } {
  const ended = spawnSync(process.execPath, [...node, "falco", "-V", file], { encoding: "utf8", timeout: 300_000 });
  assert.is(ended.error, undefined);
  return ended;
}

test.run();
