// SPDX-License-Identifier: Apache-2.0
// What the compiler's transform refuses, each with its place in the author's file; and that what only looks
// like it passes.
// Time limit: 360 s.
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
