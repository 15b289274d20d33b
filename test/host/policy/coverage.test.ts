// SPDX-License-Identifier: Apache-2.0
// What `policy test --coverage` says of a policy's branches: counted by hand here.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { builtFile } from "../../../host/paths.js";
import { openBundle } from "../../../host/policy/bundle.js";
import { PolicyCompiler } from "../../../host/policy/compile.js";
import { type Coverage, coverageOf } from "../../../host/policy/coverage.js";
import { loadPolicy } from "../../../host/policy/load.js";

const scratch = mkdtempSync(join(tmpdir(), "vedette-coverage-"));
const compiler = new PolicyCompiler(join(scratch, "cache"));
test.after(() => {
  compiler.close();
  rmSync(scratch, { recursive: true });
});

const INDEX = `import { Openat, param, Priority, rule } from "vedette";
import { isOdd } from "./odd";
const ALL = param.bool("all");
@rule({ name: "Secret opened", priority: Priority.Warning, output: "%fd.name" })
export function opened(e: Openat): bool {
  if (e.failed) return false;
  if (e.proc.name == "odd") {
    return isOdd(e);
  }
  return ALL || e.name == "/secret" && e.proc.pname != "sshd";
}
`;
const ODD = `import { Openat } from "vedette";
export function isOdd(e: Openat): bool {
  return e.name == "/odd";
}
`;
const EVENTS = {
  speaks: "{name: speaks, events: [{openat: {name: /secret}}], alerts: [Secret opened]}",
  isSilent: "{name: is silent, events: [{openat: {name: /other}}], alerts: []}",
  failed: "{name: failed, events: [{openat: {name: /secret, res: ENOENT}}], alerts: []}",
  sshd: "{name: sshd, events: [{openat: {name: /secret, proc: {parent: {name: sshd}}}}], alerts: []}",
  odd: "{name: odd, events: [{openat: {name: /odd, proc: {name: odd}}}], alerts: [Secret opened]}",
  notOdd: "{name: not odd, events: [{openat: {name: /even, proc: {name: odd}}}], alerts: []}",
  all: "{name: all, parameters: {all: true}, events: [{openat: {name: /x}}], alerts: [Secret opened]}",
  wrong: "{name: wrong, events: [{openat: {name: /x}}], alerts: [Secret opened]}",
};

function folderOf(tests: readonly (keyof typeof EVENTS)[]): string {
  const folder = mkdtempSync(join(scratch, "p-"));
  const files = {
    "policy.yaml": "name: covered\nparameters: {all: {type: bool, default: false}}\n",
    "index.ts": INDEX,
    "odd.ts": ODD,
    "tests.yaml": `tests:\n${tests.map((name) => `  - ${EVENTS[name]}\n`).join("")}`,
  };
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

async function coverage(...tests: (keyof typeof EVENTS)[]): Promise<Coverage> {
  const bundle = openBundle(folderOf(tests));
  return coverageOf(await loadPolicy(bundle, { compiler }), bundle, compiler);
}

const told = ({ missed }: Coverage): string[] => missed.map(({ at, text, never }) => `${at} ${text} ${never}`);

test("A14: what no test reaches is told by its line, in the order of the code", async () => {
  const found = await coverage("speaks", "isSilent");
  assert.equal(told(found), [
    "index.ts:6 e.failed true",
    "index.ts:6 return false both",
    'index.ts:7 e.proc.name == "odd" true',
    "index.ts:8 isOdd(e) both",
    "index.ts:10 ALL true",
    'index.ts:10 e.proc.pname != "sshd" false',
    'odd.ts:3 e.name == "/odd" both',
  ]);
  assert.equal([found.branches, found.reached], [15, 6]);
});

test("tests that reach everything leave nothing to tell, also by parameters of their own", async () => {
  const found = await coverage("speaks", "isSilent", "failed", "sshd", "odd", "notOdd", "all");
  assert.equal(told(found), []);
  assert.equal([found.branches, found.reached], [15, 15]);
});

test("one more test reaches what it reaches, and nothing else", async () => {
  const before = await coverage("speaks", "isSilent");
  const after = await coverage("speaks", "isSilent", "failed");
  const gone = told(before).filter((line) => !told(after).includes(line));
  assert.equal(gone, ["index.ts:6 e.failed true", "index.ts:6 return false both"]);
});

const run = (...argv: string[]) =>
  spawnSync(process.execPath, [builtFile("js/host/main.js"), "policy", "test", ...argv], { encoding: "utf8" });

test("policy test tells it where it is asked, and ends as without", () => {
  const folder = folderOf(["speaks", "isSilent"]);
  const { status, stdout, stderr } = run(folder, "--coverage");
  assert.is(`${status}${stderr}`, "0");
  assert.match(stdout, "  coverage: tests reach 6 of 15 branches\n    index.ts:6  e.failed  was never true\n");
  assert.match(stdout, '    odd.ts:3  e.name == "/odd"  was never reached\n2 passed, 0 failed');
  assert.not.match(run(folder).stdout, "tests reach");
  const json = JSON.parse(run(folder, "--coverage", "--json").stdout) as { policies: { coverage: Coverage }[] };
  assert.is(json.policies[0]!.coverage.branches, 15);
});

test("where a test fails, nothing is told of coverage", () => {
  const { status, stdout } = run(folderOf(["speaks", "isSilent", "wrong"]), "--coverage");
  assert.is(status, 1);
  assert.match(stdout, "coverage: not known without sources and passing tests");
});

test("the branches of a meter count like those of a rule", async () => {
  const folder = folderOf([]);
  writeFileSync(
    join(folder, "index.ts"),
    `import { counter, meter, Openat } from "vedette";
import { isOdd } from "./odd";
const OPENS = counter({ name: "shop.opens", unit: "{open}", doc: "opens of odd files" });
@meter({ name: "opens" })
export function count(e: Openat): void {
  if (isOdd(e) && !e.failed) OPENS.add(1);
}
`,
  );
  writeFileSync(join(folder, "policy.yaml"), "name: covered\n");
  writeFileSync(join(folder, "tests.yaml"), "tests:\n  - {name: one, events: [{openat: {name: /odd}}], alerts: []}\n");
  const bundle = openBundle(folder);
  const { reached, missed } = await coverageOf(await loadPolicy(bundle, { compiler }), bundle, compiler);
  assert.ok(reached >= 2, `${reached}`);
  assert.not.ok(
    missed.some(({ never }) => never === "both"),
    JSON.stringify(missed),
  );
});

test.run();
