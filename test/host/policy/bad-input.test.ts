// SPDX-License-Identifier: Apache-2.0
// What people write wrongly into policy.yaml, tests.yaml and tenants.yaml: each with its place and one
// sentence that a stranger understands. And what stands there instead of a file: none of it may keep us
// waiting.
import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openBundle } from "../../../host/policy/bundle.js";
import { moduleBytes } from "../../../host/policy/load.js";
import { readPolicyFile } from "../../../host/policy/policy-file.js";
import { readTenants } from "../../../host/policy/tenants.js";
import { readTests } from "../../../host/policy/test-file.js";
import { faultOf } from "./shared.js";

const folder = mkdtempSync(join(tmpdir(), "vedette-bad-"));
test.after(() => rmSync(folder, { recursive: true }));

interface Kind {
  file: string;
  code: string;
  read: () => unknown;
}
const POLICY: Kind = {
  file: "policy.yaml",
  code: "VEDETTE_POLICY_YAML",
  read: () => readPolicyFile(openBundle(folder)),
};
const TESTS: Kind = { file: "tests.yaml", code: "VEDETTE_POLICY_TESTS", read: () => readTests(openBundle(folder)) };
const TENANTS: Kind = {
  file: "tenants.yaml",
  code: "VEDETTE_TENANTS_YAML",
  read: () => readTenants(join(folder, "tenants.yaml")),
};
const KINDS = [POLICY, TESTS, TENANTS];

function told({ file, code, read }: Kind): string {
  const error = faultOf(read);
  assert.is(error.code, code);
  return error.message.replace(`${join(folder, file)}:`, "");
}

const nine = (name: string): string => `[${`*${name},`.repeat(9)}]`;
const BOMB = ["a: &a [x,x,x,x,x,x,x,x,x]", ...[..."bcdefgh"].map((c, i) => `${c}: &${c} ${nine("abcdefg"[i]!)}`)].join(
  "\n",
);
const ANCHORS = Array.from({ length: 1_001 }, (_, i) => `&a${i} x`);
const ALIASES = Array.from({ length: 1_000 }, (_, i) => `*a${i}`);
/** Aliases in lists in lists: deeper than any text that the parser can follow. */
const DEEP = Array.from({ length: 30 }, (_, i) => `d${i + 1}: &d${i + 1} ${"[".repeat(700)}*d${i}${"]".repeat(700)}`);
/** A text of 2 KB, and 110,000 values. */
const WIDE = `a: &a [${"x,".repeat(999)}x]\nb: [${"*a,".repeat(110)}]`;

// In any of the files.
for (const [text, said] of [
  ["", "1:1: it is empty."],
  ["hello", "1:1: it must hold a mapping, not a text."],
  ["- a", "1:1: it must hold a mapping, not a list."],
  ["\u0000\u0001\ufffdELF", "1:1: it must hold a mapping, not a text."],
  ["a:\n\tb: 1", "2:1: Tabs are not allowed as indentation."],
  ["a: 1\n---\nb: 2", "2:1: it holds more than one document."],
  ["a: 1\na: 2", "2:1: this key stands twice."],
  [BOMB, "1:1: it stands for more than it may: aliases of aliases."],
  [WIDE, "1:1: it stands for more than it may: aliases of aliases."],
  [`d0: &d0 [x]\n${DEEP.join("\n")}`, "1:1: it stands for more than it may: aliases of aliases."],
  [`a: [${ANCHORS}]\nb: [${ALIASES}]`, "1:1: it has more than 2000 anchors and aliases."],
] as const) {
  test(`each file: ${JSON.stringify(text.slice(0, 30))}: ${said}`, () => {
    for (const kind of KINDS) {
      writeFileSync(join(folder, kind.file), text);
      assert.is(told(kind), said);
    }
  });
}

for (const [kind, text, said] of [
  [POLICY, "version: 1.0.0", "1:1: name is missing."],
  [POLICY, "nam: x", '1:1: "nam" is not known here.'],
  [POLICY, "name: [x]", "1:1: name must be a text, not a list."],
  [POLICY, "name: My Policy", "1:1: name: small letters, digits, dots and dashes."],
  [POLICY, "name: &a [*a]", "1:1: name must be a text, not a list."],
  [
    POLICY,
    "name: x\nrules: {r: {priority: loud}}",
    "2:13: rules.r.priority must be one of Emergency, Alert, Critical, Error, Warning, Notice, Informational, Debug.",
  ],
  [POLICY, "name: x\nrules: {r: {enabled: maybe}}", "2:13: rules.r.enabled must be true or false, not a text."],
  [
    POLICY,
    "name: x\nparameters: {1a: {type: int, default: 1}}",
    "2:14: parameters.1a is no name: a name of letters, digits, _ and -.",
  ],
  [POLICY, "name: x\nparameters: {a: {type: int, default: [b]}}", "2:29: the default of a is not of type int."],
  [
    POLICY,
    "name: x\nparameters: {a: {type: int, default: {b: 1}}}",
    "2:29: parameters.a.default must be true or false or a number or a text or a list, not a mapping.",
  ],
  [
    POLICY,
    "name: x\nrules: {r: {exceptions: [{name: e, fields: [proc.nam], values: [[a]]}]}}",
    "2:45: there is no field proc.nam.",
  ],
  [
    POLICY,
    "name: x\nrules: {r: {exceptions: [{name: e, fields: [proc.name], comps: [regex], values: [[a]]}]}}",
    "2:65: rules.r.exceptions.item 1.comps.item 1 must be one of =, !=, in, startswith, endswith, contains, glob, pmatch.",
  ],
  [TESTS, "tests: [{name: x, evnts: [], alerts: []}]", '1:19: "evnts" is not known here.'],
  [
    TESTS,
    "tests: [{name: x, events: [{execve: {}}]}]",
    "1:9: a test has the alerts, the metrics or the denied calls that it expects.",
  ],
  [TESTS, "tests: [{name: x, events: {}, alerts: []}]", "1:19: tests.item 1.events must be a list, not a mapping."],
  [TENANTS, "tenants: [web]", "1:1: tenants must be a mapping, not a list."],
  [TENANTS, "tenants:\n  web:", "2:3: tenants.web must be a mapping, not nothing."],
  [TENANTS, "tenants: {web: {scop: {}}}", '1:17: "scop" is not known here.'],
  [TENANTS, "tenants: {Web Team: {}}", "1:11: tenants.Web Team is no name: small letters, digits, dots and dashes."],
  [TENANTS, "tenants: {web: {}, web: {}}", "1:20: this key stands twice."],
  [
    TENANTS,
    "tenants: {web: {scope: {uids: [root]}}}",
    "1:32: tenants.web.scope.uids.item 1 must be a number, not a text.",
  ],
  [
    TENANTS,
    'tenants: {web: {scope: {containers: [""]}}}',
    "1:38: tenants.web.scope.containers.item 1 must have at least 1 character.",
  ],
  [TENANTS, "tenants: {web: {limits: {memory_mib: 400}}}", "1:26: tenants.web.limits.memory_mib must be at most 32."],
  [TENANTS, "tenants: {web: {limits: {policies: 0}}}", "1:26: tenants.web.limits.policies must be more than 0."],
  [TENANTS, "tenants: {web: {isolation: vm}}", "1:17: tenants.web.isolation must be one of thread, process."],
  [TENANTS, "tenants: {web: {keys: [none.pub]}}", "1:24: the key none.pub cannot be used: no such file or directory."],
  [TENANTS, "tenants: {web: {keys: [.]}}", "1:24: the key . cannot be used: it is a folder."],
  [
    TENANTS,
    "tenants: {web: {keys: [tenants.yaml]}}",
    "1:24: the key tenants.yaml cannot be used: it is no public key in PEM form.",
  ],
  [TENANTS, "tenants: {web: {keys: [broken.pub]}}", "1:24: the key broken.pub cannot be used: what it says is no key."],
  [
    TENANTS,
    "tenants: {web: {keys: [private.pem]}}",
    "1:24: the key private.pem cannot be used: it is a private key; name the public one beside it (.pub).",
  ],
  [
    TENANTS,
    "tenants: {web: {keys: [ec.pub]}}",
    "1:24: the key ec.pub cannot be used: it is of the kind ec, not ed25519.",
  ],
] as const) {
  test(`${kind.file} ${JSON.stringify(text)}: ${said}`, () => {
    writeFileSync(join(folder, kind.file), text);
    assert.is(told(kind), said);
  });
}

test.before(() => {
  const pem = { type: "spki", format: "pem" } as const;
  writeFileSync(join(folder, "broken.pub"), "-----BEGIN PUBLIC KEY-----\nxx\n-----END PUBLIC KEY-----\n");
  const { privateKey } = generateKeyPairSync("ed25519");
  writeFileSync(join(folder, "private.pem"), privateKey.export({ type: "pkcs8", format: "pem" }));
  writeFileSync(join(folder, "ec.pub"), generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export(pem));
});

for (const [what, make, said] of [
  ["a folder", (path: string) => mkdirSync(path), "it is a folder"],
  ["a pipe", (path: string) => execFileSync("mkfifo", [path]), "it is not a plain file"],
  ["a device without end", (path: string) => symlinkSync("/dev/zero", path), "it is not a plain file"],
  ["a link to itself", (path: string) => symlinkSync(path, path), "too many symbolic links encountered"],
  ["a huge file", (path: string) => writeFileSync(path, "a".repeat(5 << 20)), "it is larger than 4194304 bytes"],
] as const) {
  test(`${what} instead of a file is told at once`, () => {
    for (const kind of KINDS) {
      rmSync(join(folder, kind.file), { force: true, recursive: true });
      make(join(folder, kind.file));
      assert.is(told(kind), `1:1: it cannot be read: ${said}.`);
      rmSync(join(folder, kind.file), { recursive: true });
    }
  });
}

test("a pipe instead of a module is told at once", () => {
  execFileSync("mkfifo", [join(folder, "policy.wasm")]);
  writeFileSync(join(folder, "policy.yaml"), "name: x");
  const { value } = readPolicyFile(openBundle(folder));
  const error = faultOf(() => moduleBytes(openBundle(folder), value, null as never));
  assert.is(error.code, "VEDETTE_POLICY_UNREADABLE");
  assert.match(error.message, "it is not a plain file");
});

test.run();
