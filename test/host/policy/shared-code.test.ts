// SPDX-License-Identifier: Apache-2.0
// Code that policies of one folder share: it is of each policy that imports it, and of no other.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { runTrials } from "../../../host/engine/trial.js";
import { openBundle } from "../../../host/policy/bundle.js";
import { PolicyCompiler } from "../../../host/policy/compile.js";
import { findPolicies } from "../../../host/policy/discover.js";
import { readPublicKey } from "../../../host/policy/keys.js";
import { loadPolicy } from "../../../host/policy/load.js";
import { Serials } from "../../../host/policy/serials.js";
import { checkSignature, signPolicy } from "../../../host/policy/signature.js";
import { takeSnapshot } from "../../../host/policy/snapshot.js";
import { runPolicyTests } from "../../../host/policy/test-run.js";
import { PolicyWatch, type WatchNews } from "../../../host/policy/watch.js";
import { until } from "../../until.js";
import { laterFaultOf, writeFiles } from "./shared.js";

const scratch = mkdtempSync(join(tmpdir(), "vedette-lib-"));
const compiler = new PolicyCompiler(join(scratch, "cache"));
test.after(() => {
  compiler.close();
  rmSync(scratch, { recursive: true });
});

const rule = (name: string, from: string): string => `import { Openat, Priority, rule } from "vedette";
import { isSecret } from "${from}";
@rule({ name: "${name}", priority: Priority.Warning, output: "%fd.name" })
export function opened(e: Openat): bool { return isSecret(e.name); }
`;
const NAMES = `import { Str, StringSet } from "vedette";
import { SECRETS } from "./deep/secrets";
const ALL = new StringSet(SECRETS);
export function isSecret(name: Str): bool { return ALL.has(name); }
`;
const SECRETS = 'export const SECRETS: string[] = ["/secret"];\n';
const LIB = { "lib/names.ts": NAMES, "lib/deep/secrets.ts": SECRETS };
const tests = (name: string): string =>
  `tests:
  - {name: it speaks, events: [{openat: {name: /secret}}], alerts: [${name}]}
  - {name: it does not, events: [{openat: {name: /other}}], alerts: []}
`;

const policy = (name: string, from = "../lib/names"): Record<string, string> => ({
  [`${name}/policy.yaml`]: `name: ${name}\n`,
  [`${name}/index.ts`]: rule(name, from),
  [`${name}/tests.yaml`]: tests(name),
});
const ALONE = { ...policy("alone", "./names"), "alone/names.ts": NAMES, "alone/deep/secrets.ts": SECRETS };

let made = 0;
const folder = (files: Readonly<Record<string, string>>): string => writeFiles(join(scratch, `t${made++}`), files);

test("A14: two policies import the same code, and both pass their tests", async () => {
  const root = folder({ ...LIB, ...policy("one"), ...policy("two") });
  const found = findPolicies(root);
  assert.equal(found, [join(root, "one"), join(root, "two")]);
  for (const path of found) {
    const bundle = openBundle(path);
    const { outcomes, missing } = await runPolicyTests(await loadPolicy(bundle, { compiler }), bundle, runTrials);
    assert.equal([outcomes.flatMap(({ differences }) => differences), missing], [[], []]);
  }
});

test("a rule that stands in shared code is a rule of each policy that imports it", async () => {
  const shared = rule("Shared rule", "./names");
  const index = 'import { opened } from "../lib/rules";\nexport { opened };\n';
  const root = folder({ ...LIB, "lib/rules.ts": shared, ...policy("one"), "one/index.ts": index });
  const { rules } = await loadPolicy(openBundle(join(root, "one")), { compiler });
  assert.equal(
    rules.map(({ name }) => name),
    ["Shared rule"],
  );
});

test("a policy's digest and its module change with the code that it imports, and no other policy's do", async () => {
  const root = folder({ ...LIB, ...policy("one"), ...ALONE });
  const digests = (): string[][] =>
    ["one", "alone"].map((name) => [openBundle(join(root, name)).digest, takeSnapshot(join(root, name)).digest]);
  const [one, alone] = digests();
  assert.is(one![0], one![1], "the same of the folder and of its snapshot");
  const module = async (): Promise<string> =>
    Buffer.from((await loadPolicy(openBundle(join(root, "one")), { compiler })).admitted.bytes).toString("base64");
  const before = await module();
  writeFiles(root, { "lib/deep/secrets.ts": 'export const SECRETS: string[] = ["/secret", "/more"];\n' });
  const [oneNow, aloneNow] = digests();
  assert.is.not(oneNow![0], one![0]);
  assert.is.not(oneNow![1], one![1]);
  assert.equal(aloneNow, alone);
  assert.is.not(await module(), before);
});

test("a mistake in shared code is told at its own place", async () => {
  const root = folder({ ...LIB, "lib/deep/secrets.ts": "export const SECRETS: string[] = [nme];\n", ...policy("one") });
  const error = await laterFaultOf(() => loadPolicy(openBundle(join(root, "one")), { compiler }));
  assert.is(error.code, "VEDETTE_POLICY_COMPILE");
  assert.ok(error.message.includes(join(root, "lib/deep/secrets.ts:1:35")), error.message);
});

test("a folder lib is no policy, and who makes it one is told so", async () => {
  const root = folder({ ...policy("one", "./names"), ...policy("lib", "./names") });
  for (const path of [root, join(root, "lib")])
    assert.is((await laterFaultOf(() => findPolicies(path))).code, "VEDETTE_POLICY_SHARED");
});

test("a signature is over the shared code too", async () => {
  const root = folder({ ...LIB, ...policy("one") });
  const key = join(root, "key.pem");
  signPolicy(join(root, "one"), key);
  const keys = [readPublicKey(readFileSync(`${key}.pub`))];
  assert.is(checkSignature(takeSnapshot(join(root, "one")), keys).name, "one");
  writeFiles(root, { "lib/deep/secrets.ts": "export const SECRETS: string[] = [];\n" });
  const error = await laterFaultOf(() => checkSignature(takeSnapshot(join(root, "one")), keys));
  assert.is(error.code, "VEDETTE_SIGNATURE_WRONG");
  assert.match(error.message, "../lib/deep/secrets.ts was changed");
});

test("a change of shared code replaces the policies that import it, without being told, and no others", async () => {
  const root = folder({});
  writeFiles(join(root, "team"), { ...LIB, ...policy("one"), ...ALONE });
  writeFiles(join(root, "other"), { ...LIB, ...policy("one") });
  const news: WatchNews[] = [];
  let id = 0;
  const watch = await PolicyWatch.open({
    folder: root,
    engine: { add: async () => id++, replace: async () => id++, remove: async () => undefined },
    tenants: null,
    requireSigned: false,
    serials: new Serials(null),
    onNews: (one) => void news.push(one),
  });
  const told = (): string[] => news.splice(0).map(({ tenant, policy, kind }) => `${tenant}/${policy} ${kind}`);
  try {
    assert.equal(told(), ["other/one loaded", "team/alone loaded", "team/one loaded"]);
    writeFiles(join(root, "team"), { "lib/deep/secrets.ts": 'export const SECRETS: string[] = ["/secret", "/b"];\n' });
    await until("it is replaced", () => news.length > 0);
    await watch.rescan();
    assert.equal(told(), ["team/one replaced"]);
    writeFiles(join(root, "team"), policy("lib", "./names"));
    await watch.rescan();
    await watch.rescan();
    assert.equal(
      news.filter(({ policy }) => policy === "").map(({ error }) => error?.code),
      ["VEDETTE_POLICY_SHARED"],
      "told once",
    );
  } finally {
    await watch.close();
  }
});

test.run();
