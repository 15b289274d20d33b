// SPDX-License-Identifier: Apache-2.0
//
// What a tenant does with the code that its policies share (H44): reaches for another tenant's, by names, by
// links and by a folder that becomes one; puts others' files there; lets it grow. The honest control is a
// policy of another tenant that imports code of its own.
import {
  chownSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { NotPlain, readOwnedFile } from "../../host/plain-file.js";
import { Serials } from "../../host/policy/serials.js";
import { takeSnapshot } from "../../host/policy/snapshot.js";
import { readTenants } from "../../host/policy/tenants.js";
import { PolicyWatch, type WatchNews } from "../../host/policy/watch.js";

const scratch = mkdtempSync(join(tmpdir(), "shared-code-"));
test.after(() => rmSync(scratch, { recursive: true }));

const SECRET = "what only the honest tenant knows";
const index = (from: string): string => `import { Openat, Priority, rule } from "vedette";
import { WORD } from "${from}";
@rule({ name: "Word", priority: Priority.Warning, output: "%fd.name" })
export function word(e: Openat): bool { return e.name == WORD; }
`;

function put(root: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
}

let made = 0;
/** An honest tenant, and a policy of another that imports `from`. */
function tenants(from = "../lib/words"): string {
  const root = join(scratch, `d${made++}`);
  put(root, {
    "honest/lib/words.ts": `export const WORD: string = "${SECRET}";\n`,
    "honest/good/policy.yaml": "name: good\n",
    "honest/good/index.ts": index("../lib/words"),
    "thief/bad/policy.yaml": "name: bad\n",
    "thief/bad/index.ts": index(from),
  });
  return root;
}

interface Watched {
  readonly watch: PolicyWatch;
  /** What was told since this was asked last, by policy. */
  told(): Record<string, string>;
  /** The words of the last fault. */
  said(): string;
}

async function watched(root: string, yaml: string | null = null): Promise<Watched> {
  const news: WatchNews[] = [];
  let words = "";
  let id = 0;
  const file = join(scratch, `tenants-${made++}.yaml`);
  if (yaml !== null) writeFileSync(file, yaml);
  const watch = await PolicyWatch.open({
    folder: root,
    engine: { add: async () => id++, replace: async () => id++, remove: async () => undefined },
    tenants: yaml === null ? null : readTenants(file),
    requireSigned: false,
    serials: new Serials(null),
    onNews: (one) => void news.push(one),
  });
  const told = (): Record<string, string> =>
    Object.fromEntries(
      news.splice(0).map(({ tenant, policy, kind, error }) => {
        if (error !== null) words = `${error.message} ${error.hint}`;
        return [`${tenant}/${policy}`, error?.code ?? kind];
      }),
    );
  return { watch, told, said: () => words };
}

for (const [name, from] of [
  ["by its name", "../../honest/lib/words"],
  ["through its own folder", "../lib/../../honest/lib/words"],
  ["by the compiler's own names", "/vedette-policies/policy/../../honest/lib/words"],
  ["by the path of the disk", ""],
] as const)
  test(`H44: another tenant's shared code is not found ${name}`, async () => {
    const root = tenants();
    const path = from === "" ? join(root, "honest/lib/words") : from;
    put(root, { "thief/bad/index.ts": index(path), "thief/lib/own.ts": "export const OWN: i32 = 1;\n" });
    const { watch, told, said } = await watched(root);
    await watch.close();
    assert.equal(told(), { "honest/good": "loaded", "thief/bad": "VEDETTE_POLICY_COMPILE" });
    assert.match(said(), /not found/i);
    assert.not.match(said(), SECRET);
  });

test("H44: a link in shared code, or in its place, leads nowhere", async () => {
  for (const link of ["thief/lib", "thief/lib/words.ts", "thief/lib/deep"]) {
    const root = tenants(link === "thief/lib/deep" ? "../lib/deep/words" : "../lib/words");
    const target = join(root, link.endsWith(".ts") ? "honest/lib/words.ts" : "honest/lib");
    mkdirSync(dirname(join(root, link)), { recursive: true });
    symlinkSync(target, join(root, link));
    const { watch, told, said } = await watched(root);
    const code = link === "thief/lib" ? "VEDETTE_POLICY_UNREADABLE" : "VEDETTE_POLICY_COMPILE";
    assert.equal(told(), { "honest/good": "loaded", "thief/bad": code }, link);
    assert.not.match(said(), SECRET);
    rmSync(join(root, link));
    put(root, { [link.endsWith(".ts") ? link : `${link}/words.ts`]: 'export const WORD: string = "own";\n' });
    await watch.rescan();
    assert.equal(told(), { "thief/bad": "loaded" }, `the control: its own, in the place of ${link}: ${said()}`);
    await watch.close();
  }
});

test("H44: a folder that becomes a link between the look and the reading leads nowhere", () => {
  const root = tenants();
  const own = join(root, "thief/lib");
  put(root, { "thief/lib/words.ts": 'export const WORD: string = "own";\n' });
  const read = () =>
    readOwnedFile(join(own, "words.ts"), { most: 1000, isLinkGood: false, real: join(own, "words.ts") });
  assert.match(read().bytes.toString(), "own", "the control");
  renameSync(own, join(root, "thief/away"));
  symlinkSync(join(root, "honest/lib"), own);
  assert.throws(read, (error: unknown) => error instanceof NotPlain && error.message === "a link leads to it");
});

test("H44: shared code of somebody who may not load the tenant's policies is refused", async () => {
  if (process.getuid?.() !== 0) return; // chown is root's
  const root = tenants();
  put(root, { "thief/lib/words.ts": 'export const WORD: string = "own";\n' });
  chownSync(join(root, "thief/lib/words.ts"), 4321, 4321);
  const { watch, told, said } = await watched(root, "tenants: {honest: {}, thief: {loaders: [1234]}}\n");
  assert.equal(told(), { "honest/good": "loaded", "thief/bad": "VEDETTE_TENANT_OWNER" });
  assert.match(said(), "lib/words.ts");
  put(root, { "thief/lib/words.ts": 'export const WORD: string = "mine";\n' });
  chownSync(join(root, "thief/lib/words.ts"), 1234, 1234);
  await watch.rescan();
  assert.equal(told(), { "thief/bad": "loaded" }, "the control");
  await watch.close();
});

test("H44: shared code that grows is refused by its bounds, and what runs goes on", async () => {
  const root = tenants();
  const file = join(root, "thief/lib/words.ts");
  put(root, { "thief/lib/words.ts": 'export const WORD: string = "own";\n' });
  const { watch, told, said } = await watched(root);
  assert.equal(told(), { "honest/good": "loaded", "thief/bad": "loaded" });
  truncateSync(file, 2 ** 40); // a hole: the disk does not notice
  await watch.rescan();
  assert.equal(told(), { "thief/bad": "VEDETTE_POLICY_UNREADABLE" });
  assert.match(said(), /bytes are too much/);
  writeFileSync(file, 'export const WORD: string = "own";\n');
  for (let i = 0; i < 250; i++) writeFileSync(join(root, "thief/lib", `f${i}.ts`), "");
  await watch.rescan();
  assert.equal(told(), { "thief/bad": "VEDETTE_POLICY_UNREADABLE" });
  assert.match(said(), /25\d files/);
  for (let i = 0; i < 2_100; i++) writeFileSync(join(root, "thief/lib", `f${i}.ts`), "");
  await watch.rescan();
  assert.equal(told(), { "thief/bad": "VEDETTE_FOLDER_CROWDED" });
  const running = watch.entries().filter(({ id }) => id !== null);
  assert.equal(running.map(({ policy }) => policy).sort(), ["bad", "good"], "the version before judges");
  put(root, { "honest/lib/words.ts": 'export const WORD: string = "another";\n' });
  await watch.rescan();
  assert.is(told()["honest/good"], "replaced", "the control");
  await watch.close();
});

test("H44: a policy that shares nothing is not held up by what stands in lib", () => {
  const root = tenants();
  put(root, { "thief/plain/index.ts": "export const ONE: i32 = 1;\n", "thief/plain/policy.yaml": "name: plain\n" });
  symlinkSync("/etc", join(root, "thief/lib"));
  assert.equal(takeSnapshot(join(root, "thief/plain")).names(), ["index.ts", "policy.yaml"]);
  assert.throws(() => takeSnapshot(join(root, "thief/bad")), /not a folder/, "the control");
});

test.run();
