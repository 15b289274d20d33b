// SPDX-License-Identifier: Apache-2.0
//
// What the author of a Falco rule does to whoever makes a policy of it (H45): texts that would end a literal,
// a comment or a line of YAML in what `vedette policy new --from` writes; names that are words of the
// language. And what a workload does to such a policy: command lines without end. The honest control is the
// rule's own event, which the policy still finds.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { parse } from "yaml";
import { openBundle } from "../../host/policy/bundle.js";
import { loadPolicy } from "../../host/policy/load.js";
import { run, scratch, VEDETTE } from "../e2e/programs.js";
import { cleanUp, compiler, inLeastMemory, Running, type ShortEvent } from "../rules-wasm/shared.js";

test.after(cleanUp);

const ESCAPES = [
  `"; abort("out"); //`,
  "*/ abort(); /*",
  `\`$${"{"}abort()}\``,
  "one\nabort();\n//",
  "two\r\u2028abort();\u2029\u0085",
  "\\ \\n \\u0022 \\x",
  '\\"); abort(',
  "'} {\": !!js",
  "# no comment\n- execve: {}",
  "\ud83d\ude00 \u00fc \u202e",
  "%proc.name\t\u001b[2J",
];

interface Item {
  readonly [key: string]: unknown;
}

async function made(items: readonly Item[], rule: string): Promise<{ folder: string; source: string }> {
  const folder = scratch();
  writeFileSync(join(folder, "rules.yaml"), JSON.stringify(items));
  const argv = [...VEDETTE, "policy", "new", "--from", "rules.yaml", "--rule", rule, "made"];
  const { status, stderr } = await run(argv, { cwd: folder });
  assert.is(status, 0, stderr);
  return { folder: join(folder, "made"), source: readFileSync(join(folder, "made/index.ts"), "utf8") };
}

const quoted = (text: string): string => `"${text.replace(/[\\"]/g, "\\$&")}"`;

for (const [i, text] of ESCAPES.entries()) {
  test(`H45: a rule with ${JSON.stringify(text)} in all of its texts stays what it is`, async () => {
    const name = `Rule ${text}`;
    const items = [
      { list: "return", items: ["a", "b", quoted(text)] },
      { macro: "class", condition: `proc.name in (return) and not user.name = ${quoted(text)}` },
      {
        rule: name,
        desc: text,
        condition: `evt.type = execve and class and not proc.cmdline contains ${quoted(`${text}!`)}`,
        output: `said ${text.replaceAll("%proc.name", "")}`,
        priority: "INFO",
        tags: [text],
      },
    ];
    const { folder, source } = await made(items, name);
    assert.match(source, /^[\x20-\x7e\n]*$/, "a sign beyond ASCII, or a control");
    const code = source.replace(/"(?:[^"\\\n]|\\.)*"/g, '""').replace(/\/\/.*/g, "");
    assert.not.match(code, /abort|["'`]{3}|\\/, code);
    assert.is(
      (parse(readFileSync(join(folder, "policy.yaml"), "utf8")) as Item).description,
      text.trim().replace(/\s+/g, " ") || name,
    );
    const policy = await loadPolicy(openBundle(folder), { compiler });
    assert.is(policy.rules.length, 1);
    const [rule] = policy.rules;
    assert.equal([rule?.name, rule?.desc, rule?.tags], [name, text.trim(), [text]], `${i}`);
    const running = new Running(policy);
    const event = (user: string): ShortEvent => ["execve", { proc: { name: "b", user } }];
    assert.is(running.judge(event("root")).length, 1, "the rule's own event");
    assert.equal(running.judge(event(text)), []);
    assert.equal(running.faults, []);
  });
}

test("H45: names that are words of the language, or imports, are told apart from these", async () => {
  const words = ["class", "return", "rule", "has", "StringSet", "e", "import", "changetype", "cmdline", "function"];
  const items = [
    ...words.map((macro, i) => ({ macro, condition: `(proc.name = n${i} or proc.cmdline contains c${i})` })),
    {
      rule: "rule",
      desc: "d",
      condition: `evt.type = execve and (${words.join(" or ")})`,
      output: "o",
      priority: "INFO",
    },
  ];
  const { folder } = await made(items, "rule");
  const running = new Running(await loadPolicy(openBundle(folder), { compiler }));
  for (const i of words.keys()) assert.is(running.judge(["execve", { proc: { name: `n${i}` } }]).length, 1);
  assert.equal(running.judge(["execve", { proc: { name: "x" } }]), []);
});

test("H45: macros that name another twice, 40 times over, are refused at once", async () => {
  for (const [first, code] of [
    ["proc.name = a", /VEDETTE_FALCO_TOO_MUCH\]/],
    ["toupper(proc.name) = A", /VEDETTE_POLICY_FROM\]/],
  ] as const) {
    const macros = Array.from({ length: 40 }, (_, i) => {
      const condition = i === 0 ? first : `((m${i - 1} or proc.exe = x${i}) and (m${i - 1} or proc.exe = y${i}))`;
      return { macro: `m${i}`, condition };
    });
    const rule = { rule: "R", desc: "d", condition: "evt.type = execve and m39", output: "o", priority: "INFO" };
    const folder = scratch();
    writeFileSync(join(folder, "rules.yaml"), JSON.stringify([...macros, rule]));
    const { status, stderr } = await run([...VEDETTE, "policy", "new", "--from", "rules.yaml", "made"], {
      cwd: folder,
    });
    assert.is(status, 2, stderr);
    assert.match(stderr, code);
  }
});

test("H45: command lines without end use up no memory of a policy, whoever's they are", async () => {
  const condition =
    "evt.type = openat and (proc.cmdline contains never or proc.pcmdline contains never or proc.args icontains never " +
    "or proc.exeline contains never or fd.directory = /never or fd.filename = never or evt.arg.name contains never or proc.cwd = /never/)";
  const { folder } = await made([{ rule: "Never", desc: "d", condition, output: "o", priority: "INFO" }], "Never");
  const running = new Running(inLeastMemory(await loadPolicy(openBundle(folder), { compiler })));
  const long = (i: number): string[] => Array.from({ length: 60 }, () => `${i}${"x".repeat(60)}`);
  const events = Array.from({ length: 4000 }, (_, i): ShortEvent => {
    const proc = { name: "a", cwd: "/a", args: long(i % 2), parent: { name: "b", args: long((i + 1) % 2) } };
    return ["openat", { proc, fd: "/x/y", name: "../x", dirfd: -100 }];
  });
  assert.equal(running.judge(...events), []);
  assert.equal(running.faults, []);
});

test.run();
