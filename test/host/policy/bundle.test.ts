// SPDX-License-Identifier: Apache-2.0
// Bundles: a policy from a folder, from memory and from a module's file is the same policy, and nothing but
// its files is read for it.
import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { runTrials } from "../../../host/engine/trial.js";
import { type Bundle, MemoryBundle, openBundle } from "../../../host/policy/bundle.js";
import { PolicyCompiler } from "../../../host/policy/compile.js";
import { loadPolicies, loadPolicy } from "../../../host/policy/load.js";
import { takeSnapshot } from "../../../host/policy/snapshot.js";
import { runPolicyTests } from "../../../host/policy/test-run.js";
import { assemble, HAND_WRITTEN, METADATA } from "../wasm/shared.js";
import { laterFaultOf, writeFiles } from "./shared.js";

const scratch = mkdtempSync(join(tmpdir(), "vedette-bundle-"));
const compiler = new PolicyCompiler(join(scratch, "cache"));
test.after(() => {
  compiler.close();
  rmSync(scratch, { recursive: true });
});

const PLACE = "oci://registry.example/policies/opens@sha256:12";
const RULE = `import { Openat, Priority, rule } from "vedette";
import { isSecret } from "./names";
@rule({ name: "Secret opened", priority: Priority.Warning, output: "%fd.name" })
export function opened(e: Openat): bool { return isSecret(e.name.toString()); }
`;
const FILES = {
  "policy.yaml": "name: opens\nversion: 1.2.3\n",
  "index.ts": RULE,
  "names.ts": 'export function isSecret(name: string): bool { return name == "/secret"; }\n',
  "tests.yaml":
    "tests:\n  - {name: it speaks, events: [{openat: {name: /secret}}], alerts: [Secret opened]}\n  - {name: it does not, events: [{openat: {name: /other}}], alerts: []}\n",
};

function inMemory(files: Readonly<Record<string, string>>): Bundle {
  const bytes = new Map(Object.entries(files).map(([name, text]) => [name, Buffer.from(text)]));
  return new MemoryBundle({ kind: "memory", place: PLACE }, bytes);
}

const inFolder = (name: string, files: Readonly<Record<string, string | Uint8Array>>): string =>
  writeFiles(join(scratch, name), files);

test("a policy that never lay in a folder is compiled, admitted and passes its tests", async () => {
  const bundle = inMemory(FILES);
  const policy = await loadPolicy(bundle, { compiler });
  assert.equal([policy.name, policy.version, policy.place], ["opens", "1.2.3", PLACE]);
  const { outcomes, missing } = await runPolicyTests(policy, bundle, runTrials);
  assert.equal(outcomes, [
    { name: "it speaks", differences: [], logs: [] },
    { name: "it does not", differences: [], logs: [] },
  ]);
  assert.equal(missing, []);
});

test("the same files have the same digest wherever they are from, and another byte another one", () => {
  const folder = inFolder("same", FILES);
  const memory = inMemory(FILES);
  assert.is(openBundle(folder).digest, memory.digest);
  assert.is(takeSnapshot(folder).digest, memory.digest);
  assert.is.not(inMemory({ ...FILES, "names.ts": `${FILES["names.ts"]} ` }).digest, memory.digest);
});

test("a mistake is told at the bundle's place", async () => {
  const wrong = { ...FILES, "names.ts": "export function isSecret(name: string): bool { return nme; }\n" };
  const error = await laterFaultOf(() => loadPolicy(inMemory(wrong), { compiler }));
  assert.is(error.code, "VEDETTE_POLICY_COMPILE");
  assert.ok(error.message.includes(join(PLACE, "names.ts:1:55")), error.message);
  assert.match(error.hint, /\^/);
});

test("sources of a bundle cannot import what is not of it", async () => {
  const other = inFolder("other", FILES);
  for (const path of [join(other, "names"), "../other/names", `../..${join(other, "names")}`]) {
    const stolen = { ...FILES, "index.ts": RULE.replace("./names", path) };
    const error = await laterFaultOf(() =>
      loadPolicy(openBundle(inFolder(`thief${path.length}`, stolen)), { compiler }),
    );
    assert.is(error.code, "VEDETTE_POLICY_COMPILE");
    assert.match(error.message, /not found/i);
  }
});

test("a folder whose files are links into itself is one, as orchestrators mount them", async () => {
  const folder = inFolder("mounted", {});
  renameSync(inFolder("version", FILES), join(folder, "..2026"));
  for (const name of Object.keys(FILES)) symlinkSync(join("..2026", name), join(folder, name));
  assert.is((await loadPolicy(openBundle(folder), { compiler })).name, "opens");
});

test("a module's file is a policy by itself: its name, version and parameters are in it", async () => {
  const parameters = [{ name: "most", kind: "int", default: 3 }];
  const path = join(scratch, "alone.wasm");
  writeFileSync(path, assemble(HAND_WRITTEN, { ...METADATA, version: "7", parameters }));
  const [policy, ...others] = await loadPolicies([path]);
  assert.equal(others, []);
  assert.equal([policy?.name, policy?.version, policy?.place], ["hand-written", "7", path]);
  assert.equal(policy?.parameters, { most: 3 });
  assert.equal(
    policy?.rules.map(({ name, enabled }) => [name, enabled]),
    [["Failed open", true]],
  );
});

test("a module's file whose name is none for a policy is refused", async () => {
  const path = join(scratch, "odd.wasm");
  writeFileSync(path, assemble(HAND_WRITTEN, { ...METADATA, name: "../team\u001b[31m" }));
  const error = await laterFaultOf(() => loadPolicies([path]));
  assert.is(error.code, "VEDETTE_MODULE_METADATA");
  assert.match(error.message, 'its name "../team\\u001b[31m" is none for a policy');
});

test.run();
