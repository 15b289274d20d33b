// SPDX-License-Identifier: Apache-2.0
// What the compiler's transform refuses, each with its place in the author's file; and that what only looks
// like it passes.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { cleanUp, loadError, loadSource } from "./shared.js";

const HEAD = 'import { bit, Event, Execve, has, Openat, param, Priority, rule, StringSet, Str } from "vedette";\n';

/** A policy of one rule with this body, and `before` at the top. */
function policy(body: string, before = ""): string {
  return `${HEAD}${before}\n@rule({ name: "r", priority: Priority.Debug })\nexport function r(e: Openat): bool {\n${body}\n}\n`;
}

const TRAPS: readonly (readonly [title: string, source: string, words: RegExp, excerpt: string])[] = [
  [
    "arithmetic of literals beside a comparison",
    policy("if (1 + 1 == e.fd_num) return true;\nreturn false;"),
    /computed in one bit/,
    "1 + 1",
  ],
  ["arithmetic of literals as a condition", policy("return (1 + 1) && e.failed;"), /computed in one bit/, "1 + 1"],
  [
    "a shift of a literal against 64 bits",
    policy("const n = <i32>e.fd_num;\nreturn ((1 << n) & e.flags) != 0;"),
    /`bit\(n\)`/,
    "1 << n",
  ],
  [
    "a shift of a literal compared with 64 bits",
    policy("const n = <i32>e.fd_num;\nreturn (1 << n) == e.res;"),
    /`bit\(n\)`/,
    "1 << n",
  ],
  [
    "arithmetic that wraps at 8 bits",
    policy("const small = <u8>e.flags;\nreturn small + 100 > 200;"),
    /computed in u8/,
    "small + 100",
  ],
  [
    "arithmetic that wraps at 16 bits",
    policy("const small = <i16>e.flags;\nreturn small * 3 > 200;"),
    /computed in i16/,
    "small * 3",
  ],
  [
    "a global that keeps what a rule made",
    policy("last = e.fd.name.toString();\nreturn false;", 'let last: string = "";'),
    /would outlive the batch/,
    "last",
  ],
  [
    "A4: a map of the top that a rule fills",
    policy("SEEN.set(e.evt_num, 1);\nreturn false;", "const SEEN = new Map<u64, i32>();"),
    /"SEEN" would outlive the batch/,
    "SEEN.set",
  ],
  [
    "a set of the top that a rule fills",
    policy("SEEN.add(e.evt_num);\nreturn false;", "const SEEN = new Set<u64>();"),
    /would outlive the batch/,
    "SEEN.add",
  ],
  [
    "A4: a list of the top that grows in what a rule calls",
    policy(
      "return noted(e);",
      "const LAST: u64[] = [];\nfunction noted(e: Openat): bool {\nLAST.push(e.evt_num);\nreturn false;\n}",
    ),
    /"LAST" would outlive the batch/,
    "LAST.push",
  ],
  [
    "an object of the top whose list grows",
    policy("BOX.all.push(1);\nreturn false;", "class Box { all: i32[] = []; }\nconst BOX = new Box();"),
    /"BOX" would outlive the batch/,
    "BOX.all.push",
  ],
  [
    "an object of the top that keeps what a rule made",
    policy(
      "BOX.name = e.fd.name.toString();\nreturn false;",
      'class Box { name: string = ""; }\nconst BOX = new Box();',
    ),
    /"BOX" would outlive the batch/,
    "BOX.name",
  ],
  [
    "an entry of a list of the top that keeps what a rule made",
    policy("NAMES[0] = e.fd.name.toString();\nreturn false;", 'const NAMES: string[] = [""];'),
    /"NAMES" would outlive the batch/,
    "NAMES[0]",
  ],
  [
    "a list of the top that a rule makes longer",
    policy("LAST.length = 5;\nreturn false;", "const LAST: u64[] = [];"),
    /would outlive the batch/,
    "LAST.length",
  ],
  [
    "a parameter that is not declared",
    policy("return LIST.has(e.proc.name);", 'const LIST = new StringSet(param.strings("lsit"));'),
    /declares no parameter "lsit"/,
    '"lsit"',
  ],
  [
    "a parameter of another type",
    policy("return LIST == 1;", 'const LIST = param.int("list");'),
    /is of type strings: read it with param\.strings\(\)/,
    "int",
  ],
  [
    "a word that @rule does not know",
    `${HEAD}@rule({ name: "r", prio: Priority.Debug })\nexport function r(e: Openat): bool { return true; }`,
    /does not know "prio"/,
    "prio",
  ],
  [
    "a rule without a name",
    `${HEAD}@rule({ priority: Priority.Debug })\nexport function r(e: Openat): bool { return true; }`,
    /needs a name/,
    "{ priority: Priority.Debug }",
  ],
  [
    "a priority that there is not",
    `${HEAD}@rule({ name: "r", priority: Priority.High })\nexport function r(e: Openat): bool { return true; }`,
    /must be one of Priority\.Emergency/,
    "Priority.High",
  ],
  [
    "a threshold that is no whole number",
    `${HEAD}@rule({ name: "r", priority: Priority.Debug, threshold: 0 })\nexport function r(e: Openat): bool { return true; }`,
    /must be a whole number from 1 on/,
    "0 })",
  ],
  [
    "a key that is no list",
    `${HEAD}@rule({ name: "r", priority: Priority.Debug, dedup: "fd.name" })\nexport function r(e: Openat): bool { return true; }`,
    /must be a list of names of fields/,
    '"fd.name"',
  ],
  [
    "a rule over no event",
    `${HEAD}@rule({ name: "r", priority: Priority.Debug })\nexport function r(e: Str): bool { return true; }`,
    /"Str" is no event/,
    "Str",
  ],
  [
    "a rule of two parameters",
    `${HEAD}@rule({ name: "r", priority: Priority.Debug })\nexport function r(e: Openat, f: Openat): bool { return true; }`,
    /one parameter/,
    "r",
  ],
  [
    "a rule that does not answer with bool",
    `${HEAD}@rule({ name: "r", priority: Priority.Debug })\nexport function r(e: Openat): i32 { return 1; }`,
    /answers with bool/,
    "r",
  ],
  [
    "a rule over any event that does not say which",
    `${HEAD}@rule({ name: "r", priority: Priority.Debug })\nexport function r(e: Event): bool { return true; }`,
    /add `events/,
    "Event",
  ],
  [
    "a rule over an unknown event",
    `${HEAD}@rule({ name: "r", priority: Priority.Debug, events: ["openit"] })\nexport function r(e: Event): bool { return true; }`,
    /no event "openit"/,
    "r",
  ],
  ["raw memory in a policy", policy("return load<u8>(1024) == 0;"), /unsafe/i, "load<u8>(1024)"],
  ["a mistyped field", policy('return e.proc.nam == "sh";'), /Property 'nam' does not exist/, "nam"],
  ["a syntax error", policy("return e.failed &&;"), /Expression expected/, ";"],
  [
    "closures",
    policy("const name = e.proc.name;\nconst f = (): bool => name.isEmpty;\nreturn f();"),
    /name.*before being assigned/,
    "name",
  ],
];

for (const [title, source, words, excerpt] of TRAPS) {
  test(`${title} is refused where it stands`, async () => {
    const error = await loadError(source, "parameters:\n  list: {type: strings, default: []}\n");
    assert.is(error.code, "VEDETTE_POLICY_COMPILE", error.message);
    assert.match(error.message, words);
    const [, line, column] = /index\.ts:(\d+):(\d+): /.exec(error.message) ?? [];
    const shown = source.split("\n")[Number(line) - 1]?.slice(Number(column) - 1) ?? "";
    assert.ok(shown.startsWith(excerpt), `${line}:${column} is at ${shown}`);
    const [drawn = "", carets = ""] = error.hint.split("\n");
    assert.ok(drawn.includes(source.split("\n")[Number(line) - 1] as string), error.hint);
    assert.is(carets.indexOf("^"), drawn.indexOf("|") + 2 + Number(column) - 1, "the caret stands under the column");
  });
}

test("two rules of one name are refused", async () => {
  const one = (name: string): string =>
    `@rule({ name: "same", priority: Priority.Debug })\nexport function ${name}(e: Openat): bool { return true; }\n`;
  const error = await loadError(HEAD + one("a") + one("b"));
  assert.match(error.message, /two rules of the name "same"/);
});

test("a policy without rules is refused", async () => {
  const error = await loadError(`${HEAD}export function r(e: Openat): bool { return e.failed; }\n`);
  assert.is(error.code, "VEDETTE_POLICY_NO_RULES");
});

test("a policy cannot read what lies outside of its folder", async () => {
  const error = await loadError(`import { secret } from "../../../../etc/hostname";\n${policy("return false;")}`);
  assert.is(error.code, "VEDETTE_POLICY_COMPILE");
  assert.match(error.message, /not found/);
});

test("what only looks like a trap compiles", async () => {
  const body = `const n = <i32>e.fd_num;
  const wide: u64 = 1 << n;
  let sum: i32 = 1 + 2;
  sum += (1 << 3) + (1 << n);
  if (2 + 2 > <f64>n) sum++;
  const byte = <u8>e.flags;
  count = count + 1;
  return has(e.flags, bit(n)) || (<u64>1 << n & e.flags) != 0 || wide == e.flags || <i32>byte + 100 > sum || e.flags & 1 + 2 > 3;`;
  const loaded = await loadSource(policy(body, "let count: i32 = 0;"));
  assert.equal(
    loaded.rules.map((rule) => rule.name),
    ["r"],
  );
});

test("what the top fills, and what lives for a batch, compiles", async () => {
  const top = `const NAMES = new Map<string, i32>(), COUNTS: u32[] = [0, 0];
class Box { n: i32 = 0; name: string | null = "x"; all: i32[] = []; }
const BOX = new Box();
function fill(name: string): void { NAMES.set(name, 1); BOX.all.push(1); BOX.name = name; }
fill("a");
["b", "c"].forEach((name: string): void => { NAMES.set(name, 2); });`;
  const body = `const some: i32[] = [];
  some.push(1);
  const seen = new Map<u64, i32>();
  seen.set(e.evt_num, 1);
  COUNTS[1] += 1;
  BOX.n = 3;
  BOX.name = null;
  return NAMES.has(e.fd.name.toString()) && COUNTS[1] > 5 && some.length > BOX.all.length;`;
  await loadSource(policy(body, top));
});

test("rules may stand in several files, under imported names", async () => {
  const loaded = await loadSource(
    'import "./more";\nimport { Execve as Ran, Priority, rule } from "vedette";\n@rule({ name: "a", priority: Priority.Alert, tags: ["x"] })\nfunction a(e: Ran): bool { return !e.failed; }\n',
    "",
    {
      "more.ts":
        'import { Event, Priority, rule } from "vedette";\n@rule({ name: "b", priority: Priority.Error, events: ["close", "dup"] })\nexport function b(e: Event): bool { return true; }\n',
    },
  );
  assert.equal(loaded.rules.map(({ name, priority, events }) => [name, priority, events]).sort(), [
    ["a", "Alert", ["execve"]],
    ["b", "Error", ["close", "dup"]],
  ]);
});

test.after(cleanUp);
test.run();
