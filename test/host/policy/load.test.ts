// SPDX-License-Identifier: Apache-2.0
// From a folder to a loaded policy, and what each thing that can be wrong with one is called.
import { chmodSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { ErrorCode } from "../../../host/errors.js";
import { PACK } from "../../../host/paths.js";
import { openBundle } from "../../../host/policy/bundle.js";
import { PolicyCompiler } from "../../../host/policy/compile.js";
import { findPolicies } from "../../../host/policy/discover.js";
import { loadPolicies, loadPolicy } from "../../../host/policy/load.js";
import { offersSdk } from "../../../host/policy/sdk.js";
import { plainJson } from "../../../host/policy/yaml.js";
import { VERSION } from "../../../host/version.js";
import { withHead, withoutHead } from "../../../host/wasm/head.js";
import { assemble, HAND_WRITTEN, METADATA } from "../wasm/shared.js";
import { laterFaultOf, writeFiles } from "./shared.js";

const scratch = mkdtempSync(join(tmpdir(), "vedette-load-"));
let made = 0;

const folder = (files: Readonly<Record<string, string | Uint8Array>>): string =>
  writeFiles(join(scratch, `policy-${made++}`), files);

const MODULE = assemble(HAND_WRITTEN, { ...METADATA, parameters: [{ name: "most", kind: "int", default: 3 }] });

test("policy.yaml may be JSON, of a program or by hand: with the same answers, places and mistakes", async () => {
  const file = { name: "hand-written", parameters: { most: { type: "int", default: 5 } } };
  const load = (text: string) => loadPolicy(openBundle(folder({ "policy.yaml": text, "policy.wasm": MODULE })));
  for (const text of [plainJson(file), JSON.stringify(file)]) assert.equal((await load(text)).parameters, { most: 5 });
  const wrong = await laterFaultOf(() => load(plainJson({ ...file, colour: "red" })));
  assert.match(wrong.message, /policy\.yaml:9:3: "colour" is not known here/);
  const doubled = await laterFaultOf(() => load('{"name": "one",\n "name": "two"}'));
  assert.match(doubled.message, /policy\.yaml:2:2: this key stands twice/);
});

test("an output's unknown field is told where the author wrote it", async () => {
  const rule = METADATA.rules[0] as { output: string };
  const module = assemble(HAND_WRITTEN, { ...METADATA, rules: [{ ...rule, output: "x %proc.nam" }] });
  const own = await laterFaultOf(() =>
    loadPolicy(openBundle(folder({ "policy.yaml": "name: x\n", "policy.wasm": module }))),
  );
  assert.is(own.code, "VEDETTE_POLICY_OUTPUT");
  assert.match(own.message, /policy\.wasm: rule ".*": There is no field %proc\.nam/);
  const changed = "name: x\nrules: {Failed open: {output: '%proc.nam'}}\n";
  const told = await laterFaultOf(() =>
    loadPolicy(openBundle(folder({ "policy.yaml": changed, "policy.wasm": MODULE }))),
  );
  assert.is(told.code, "VEDETTE_POLICY_YAML");
  assert.match(told.message, /policy\.yaml:2:23: rule "Failed open": There is no field %proc\.nam/);
});

test("the module of a policy without code is the same with a head put on later", async () => {
  const compiler = new PolicyCompiler();
  try {
    const head = { name: "rows", version: "1.2.3", parameters: [{ name: "most", kind: "int" as const, default: 300 }] };
    const compiled = await compiler.compileNone(head);
    const bare = withoutHead(await compiler.compileNone({ name: "none", version: "", parameters: [] }), "bare");
    assert.equal(Buffer.from(withHead(bare, head)), Buffer.from(compiled));
    const long = { ...head, name: "x".repeat(90) }; // sizes of two bytes
    assert.equal(Buffer.from(withHead(withoutHead(withHead(bare, long), "long"), head)), Buffer.from(compiled));
  } finally {
    compiler.close();
  }
});

test("a folder of folders gives its policies in the order of their paths", () => {
  const found = findPolicies(PACK).map((path) => path.slice(PACK.length + 1));
  assert.ok(found.includes("command-and-control/shell-on-socket"));
  assert.equal(found, [...found].sort());
});

test("A11: `pack` is the pack, beside a policy of one's own", async () => {
  const own = folder({ "policy.yaml": "name: own\n", "policy.wasm": MODULE });
  const loaded = await loadPolicies([own, "pack"]);
  assert.is(loaded[0]?.name, "own");
  assert.is(loaded.length, 1 + findPolicies(PACK).length);
});

test("a module without sources is taken as it is, with what policy.yaml changes in it", async () => {
  const path = folder({
    "policy.wasm": MODULE,
    "policy.yaml":
      'name: mine\nversion: "2"\nparameters: {most: {type: int, default: 9}}\nrules: {Failed open: {priority: Critical, tags: [a], output: "%proc.name failed"}}\n',
  });
  const policy = await loadPolicy(openBundle(path));
  assert.equal(policy.parameters, { most: 9 });
  assert.equal(policy.rules[0], {
    ...METADATA.rules[0],
    enabled: true,
    priority: "Critical",
    tags: ["a"],
    output: "%proc.name failed",
    exceptions: [],
  });
});

test("a parameter may be set over its default", async () => {
  const policy = await loadPolicy(openBundle(folder({ "policy.wasm": MODULE, "policy.yaml": "name: mine\n" })), {
    set: { most: 1 },
  });
  assert.equal(policy.parameters, { most: 1 });
});

test("a policy that names the SDK that it wants is taken by that version, and by later ones of the same major", async () => {
  for (const sdk of [VERSION, VERSION.replace(/\.\d+$/, ""), "0.0.1"]) {
    const file = `name: mine\nsdk: "${sdk}"\n`;
    assert.is((await loadPolicy(openBundle(folder({ "policy.wasm": MODULE, "policy.yaml": file })))).name, "mine");
  }
  for (const [wanted, has] of [
    ["1.2", "1.2.0"],
    ["1.2.3", "1.10.0"],
  ] as const)
    assert.ok(offersSdk(wanted, has), `${wanted} ${has}`);
  for (const [wanted, has] of [
    ["1.2.1", "1.2.0"],
    ["1.10", "1.9.9"],
    ["1.0", "2.0.0"],
    ["2.0", "1.9.9"],
  ] as const)
    assert.not.ok(offersSdk(wanted, has), `${wanted} ${has}`);
});

const WRONG: readonly (readonly [
  title: string,
  files: Readonly<Record<string, string | Uint8Array>>,
  code: ErrorCode,
  words: RegExp,
])[] = [
  [
    "a name with blanks",
    { "policy.yaml": "name: My policy\n" },
    "VEDETTE_POLICY_YAML",
    /policy\.yaml:1:1: name: small letters/,
  ],
  [
    "a key that is not known",
    { "policy.yaml": "name: mine\nversion: '1'\nrulez: {}\n" },
    "VEDETTE_POLICY_YAML",
    /policy\.yaml:3:1: "rulez" is not known here/,
  ],
  [
    "an SDK that is newer than this one",
    { "policy.yaml": 'name: mine\nsdk: "99.1"\n', "policy.wasm": MODULE },
    "VEDETTE_POLICY_YAML",
    /policy\.yaml:2:1: this policy wants the SDK 99\.1, and this Vedette has \d/,
  ],
  [
    "an SDK's version as a number, of which YAML keeps no last 0",
    { "policy.yaml": "name: mine\nsdk: 0.10\n", "policy.wasm": MODULE },
    "VEDETTE_POLICY_YAML",
    /policy\.yaml:2:1: sdk must be a text, not a number/,
  ],
  [
    "a list where a map should be",
    { "policy.yaml": "name: mine\nparameters:\n  - allow\n" },
    "VEDETTE_POLICY_YAML",
    /policy\.yaml:2:1: parameters must be /,
  ],
  [
    "a default of another type",
    { "policy.yaml": "name: mine\nparameters:\n  allow:\n    type: strings\n    default: 3\n" },
    "VEDETTE_POLICY_YAML",
    /policy\.yaml:5:5: the default of allow is not of type strings/,
  ],
  [
    "a priority that there is not",
    { "policy.yaml": "name: mine\nrules:\n  A rule:\n    priority: High\n" },
    "VEDETTE_POLICY_YAML",
    /policy\.yaml:4:5: rules\.A rule\.priority/,
  ],
  [
    "text that is no YAML",
    { "policy.yaml": "name: mine\nrules: {a\n" },
    "VEDETTE_POLICY_YAML",
    /policy\.yaml:\d+:\d+: /,
  ],
  [
    "an alias bomb",
    {
      "policy.yaml": `name: mine\na: &a [x,x,x,x,x,x,x,x,x,x]\n${"bcdefg"
        .split("")
        .map((c, i) => `${c}: &${c} [${Array(10).fill(`*${"abcdef"[i]}`).join(",")}]`)
        .join("\n")}\n`,
    },
    "VEDETTE_POLICY_YAML",
    /alias/i,
  ],
  [
    "neither sources nor a module",
    { "policy.yaml": "name: mine\n" },
    "VEDETTE_POLICY_NO_CODE",
    /neither index\.ts nor policy\.wasm/,
  ],
  [
    "a change to a rule that there is not",
    { "policy.yaml": "name: mine\nrules:\n  Failed opens: {enabled: false}\n", "policy.wasm": MODULE },
    "VEDETTE_POLICY_YAML",
    /policy\.yaml:3:3: the policy has no rule "Failed opens"/,
  ],
  [
    "an output with an unknown field",
    { "policy.yaml": 'name: mine\nrules: {Failed open: {output: "%proc.nmae"}}\n', "policy.wasm": MODULE },
    "VEDETTE_POLICY_YAML",
    /Failed open.*proc\.nmae/,
  ],
  [
    "an exception over an unknown field",
    {
      "policy.yaml":
        "name: mine\nrules:\n  Failed open:\n    exceptions:\n      - {name: x, fields: [proc.nmae], values: []}\n",
      "policy.wasm": MODULE,
    },
    "VEDETTE_POLICY_YAML",
    /policy\.yaml:5:28: there is no field proc\.nmae/,
  ],
  [
    "an exception with too few values",
    {
      "policy.yaml":
        "name: mine\nrules:\n  Failed open:\n    exceptions:\n      - {name: x, fields: [proc.name, fd.name], values: [[a]]}\n",
      "policy.wasm": MODULE,
    },
    "VEDETTE_POLICY_YAML",
    /policy\.yaml:5:\d+: 1 values for 2 fields/,
  ],
  [
    "a parameter that the module has not",
    { "policy.yaml": "name: mine\nparameters: {least: {type: int, default: 1}}\n", "policy.wasm": MODULE },
    "VEDETTE_POLICY_PARAMETER",
    /least: it is not declared/,
  ],
  [
    "a module that is none",
    { "policy.yaml": "name: mine\n", "policy.wasm": "hello" },
    "VEDETTE_MODULE_CORRUPT",
    /header/,
  ],
  [
    "code that does not compile",
    { "policy.yaml": "name: mine\n", "index.ts": "let x: i32 = ;\n" },
    "VEDETTE_POLICY_COMPILE",
    /index\.ts:1:14: /,
  ],
  [
    "code without rules",
    { "policy.yaml": "name: mine\n", "index.ts": "export const x: i32 = 1;\n" },
    "VEDETTE_POLICY_NO_RULES",
    /no rules/,
  ],
];

for (const [title, files, code, words] of WRONG) {
  test(`${title} is told with its place`, async () => {
    const path = folder(files);
    const error = await laterFaultOf(() => loadPolicies([path]));
    assert.is(error.code, code, error.message);
    assert.match(error.message, words);
    assert.not.match(`${error.message}${error.hint}`, /\n\s+at /);
  });
}

test("a folder that is missing, a file, or without a policy is told apart", async () => {
  const file = join(folder({ "x/policy.yaml": "name: x\n" }), "x/policy.yaml");
  assert.match(
    (await laterFaultOf(() => loadPolicies([join(scratch, "nowhere")]))).message,
    /nowhere cannot be read: no such file/,
  );
  assert.match((await laterFaultOf(() => loadPolicies([file]))).message, /cannot be read: not a directory/);
  assert.is((await laterFaultOf(() => loadPolicies([folder({ "readme.md": "" })]))).code, "VEDETTE_POLICY_NONE");
});

test("a folder that may not be read says so", async () => {
  if (process.getuid?.() === 0) return; // root reads everything
  const path = folder({ "policy.yaml": "name: x\n" });
  chmodSync(path, 0);
  assert.match((await laterFaultOf(() => loadPolicies([path]))).message, /permission denied/);
  chmodSync(path, 0o700);
});

test("an unchanged policy is compiled once, a changed one again", async () => {
  const cache = join(scratch, "cache");
  const path = folder({});
  cpSync(join(PACK, "command-and-control/shell-on-socket"), path, { recursive: true });
  const source = readFileSync(join(path, "index.ts"), "utf8");
  const rename = (to: string) =>
    writeFileSync(join(path, "index.ts"), source.replace('"Shell on a socket"', JSON.stringify(to)));
  rename("One shell on a socket"); // the pack's own stands compiled already
  const compiler = new PolicyCompiler(cache);
  const first = await loadPolicy(openBundle(path), { compiler });
  compiler.close();
  const closed = new PolicyCompiler(cache);
  const written = () => readdirSync(cache).map((name) => [name, statSync(join(cache, name)).mtimeMs]);
  const before = written();
  assert.equal((await loadPolicy(openBundle(path), { compiler: closed })).rules, first.rules);
  assert.equal(written(), before, "the second time nothing is compiled");
  rename("A shell on a socket");
  const changed = await loadPolicy(openBundle(path), { compiler: closed });
  assert.is(changed.rules[0]?.name, "A shell on a socket");
  closed.close();
});

test.after(() => rmSync(scratch, { recursive: true, force: true }));
test.run();
