// SPDX-License-Identifier: Apache-2.0
// policies.d: what comes, changes and goes, who may, and what is refused without touching what runs.
import { createHash, createPrivateKey, sign } from "node:crypto";
import {
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { LoadedPolicy } from "../../../host/engine/policy.js";
import { type ErrorCode, VedetteError } from "../../../host/errors.js";
import { readPublicKey } from "../../../host/policy/keys.js";
import { Serials } from "../../../host/policy/serials.js";
import { signPolicy } from "../../../host/policy/signature.js";
import { readTenants } from "../../../host/policy/tenants.js";
import { PolicyWatch, type WatchNews } from "../../../host/policy/watch.js";
import { assemble, changed, HAND_WRITTEN, METADATA } from "../wasm/shared.js";

const scratch = mkdtempSync(join(tmpdir(), "vedette-watch-"));
let made = 0;

const GOOD = assemble(HAND_WRITTEN);
const BODY = HAND_WRITTEN.slice(HAND_WRITTEN.indexOf("    (local $at i32)"), HAND_WRITTEN.lastIndexOf("))"));
const ENDLESS = assemble(changed([BODY, "(loop $ever (br $ever)) (i32.const 0)"]));
const TRAPPING = assemble(changed([BODY, "(unreachable)"]));
const SLOW = assemble(
  changed([
    BODY,
    "(local $i i32) (local.set $i (i32.mul (i32.load (i32.const 1028)) (i32.const 300000))) (loop $more (local.set $i (i32.sub (local.get $i) (i32.const 1))) (br_if $more (local.get $i))) (i32.const 0)",
  ]),
);
const OTHER = assemble(HAND_WRITTEN, { ...METADATA, version: "2" });

/** An engine that only remembers. */
class FakeEngine {
  readonly seats = new Map<number, LoadedPolicy>();
  readonly log: string[] = [];
  #next = 0;
  async add(policy: LoadedPolicy): Promise<number> {
    const id = this.#next++;
    this.seats.set(id, policy);
    this.log.push(`add ${policy.admitted.metadata.version}`);
    return id;
  }
  async replace(id: number, policy: LoadedPolicy): Promise<number> {
    assert.ok(this.seats.delete(id));
    this.log.push(`replace by ${policy.admitted.metadata.version}`);
    return this.add(policy);
  }
  async remove(id: number): Promise<void> {
    assert.ok(this.seats.delete(id));
    this.log.push("remove");
  }
}

class Bench {
  readonly root = join(scratch, `d-${made++}`);
  readonly engine = new FakeEngine();
  readonly news: WatchNews[] = [];
  watch!: PolicyWatch;

  async open(tenants: string | null = null, requireSigned = false): Promise<this> {
    mkdirSync(this.root, { recursive: true });
    const file = join(scratch, `tenants-${made++}.yaml`);
    if (tenants !== null) writeFileSync(file, tenants);
    this.watch = await PolicyWatch.open({
      folder: this.root,
      engine: this.engine,
      tenants: tenants === null ? null : readTenants(file),
      requireSigned,
      serials: new Serials(null),
      onNews: (news) => void this.news.push(news),
    });
    return this;
  }

  /**
   * What another tenants.yaml makes of it: tenants that move house, and the errors of policies that failed.
   */
  async retenant(tenants: string): Promise<{ moved: string[]; failed: string[] }> {
    const file = join(scratch, `tenants-${made++}.yaml`);
    writeFileSync(file, tenants);
    this.news.length = 0;
    const moved: string[] = [];
    await this.watch.retenant(readTenants(file), (tenant) => void moved.push(tenant));
    const failed = this.news.flatMap(({ policy, error }) => (error === null ? [] : [`${policy}: ${error.code}`]));
    return { moved, failed };
  }

  running(): string[] {
    return [...this.engine.seats.values()].map(({ name, tenancy }) => `${tenancy?.tenant}/${name}`).sort();
  }

  put(tenant: string, policy: string, files: Readonly<Record<string, string | Uint8Array>> = {}): string {
    const path = join(this.root, tenant, policy);
    mkdirSync(path, { recursive: true });
    for (const [name, text] of Object.entries({ "policy.wasm": GOOD, "policy.yaml": `name: ${policy}\n`, ...files }))
      writeFileSync(join(path, name), text);
    return path;
  }

  /** What a scan makes of the folder: the errors of policies that failed. */
  async scan(): Promise<(ErrorCode | null)[]> {
    this.news.length = 0;
    await this.watch.rescan();
    return this.news.map((news) => news.error?.code ?? null);
  }
}

test("policies that are there are loaded, and a new one is seen without being told", async () => {
  const bench = new Bench();
  bench.put("a", "one");
  await bench.open();
  assert.equal(bench.engine.log, ["add 1"]);
  bench.put("b", "two");
  for (let i = 0; i < 1500 && bench.engine.seats.size < 2; i++) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(
    [...bench.engine.seats.values()].map((policy) => [policy.name, policy.tenancy?.tenant]),
    [
      ["one", "a"],
      ["two", "b"],
    ],
  );
  await bench.watch.close();
});

test("A2: a policy where a tenant's folder is expected is told of, once", async () => {
  const bench = await new Bench().open();
  const path = join(bench.root, "stray");
  mkdirSync(path);
  writeFileSync(join(path, "policy.yaml"), "name: stray\n");
  assert.equal(await bench.scan(), ["VEDETTE_POLICY_NO_TENANT"]);
  assert.equal(await bench.scan(), []);
  rmSync(join(path, "policy.yaml"));
  assert.equal(await bench.scan(), []);
  await bench.watch.close();
});

test("closing does not wait for a policy under trial, and nobody is told that it failed", async () => {
  const bench = await new Bench().open();
  const one = "{name: t, events: [{openat: {name: /x}}], alerts: []}";
  bench.put("a", "one", { "policy.wasm": ENDLESS, "tests.yaml": `tests: [${Array(10).fill(one).join(", ")}]\n` });
  const scanned = bench.scan(); // each of its cases would take two seconds: twenty in all
  await new Promise((resolve) => setTimeout(resolve, 500));
  const begun = performance.now();
  await bench.watch.close();
  assert.ok(performance.now() - begun < 15_000, `it took ${performance.now() - begun} ms`);
  assert.equal(await scanned, []);
  assert.equal(bench.engine.log, []);
});

test("a change replaces, what does not change stays, what goes is removed", async () => {
  const bench = await new Bench().open();
  bench.put("a", "one");
  await bench.scan();
  await bench.scan();
  assert.equal(bench.engine.log, ["add 1"]);
  const path = bench.put("a", "one", { "policy.wasm": OTHER });
  await bench.scan();
  assert.equal(bench.engine.log.slice(1), ["replace by 2", "add 2"]);
  rmSync(path, { recursive: true });
  await bench.scan();
  assert.equal(bench.engine.log.slice(3), ["remove"]);
  assert.equal(bench.watch.entries(), []);
  await bench.watch.close();
});

test("of changes that follow one another closely the last one counts", async () => {
  const bench = new Bench();
  bench.put("a", "one");
  await bench.open();
  for (const [module, pauseMs] of [
    [OTHER, 30],
    [GOOD, 30],
    [OTHER, 0],
  ] as const) {
    bench.put("a", "one", { "policy.wasm": module });
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  for (let i = 0; i < 1500 && bench.engine.log.at(-1) !== "add 2"; i++)
    await new Promise((resolve) => setTimeout(resolve, 20));
  await bench.watch.rescan(); // the first of them may have been seen alone
  assert.is(bench.engine.log.at(-1), "add 2");
  await bench.watch.close();
});

const BAD: readonly (readonly [
  title: string,
  files: Readonly<Record<string, string | Uint8Array>>,
  code: ErrorCode,
])[] = [
  ["a module that is none", { "policy.wasm": "text" }, "VEDETTE_MODULE_CORRUPT"],
  ["a policy.yaml that is wrong", { "policy.yaml": "name: x y\n" }, "VEDETTE_POLICY_YAML"],
  ["code that does not compile", { "index.ts": "let x: = 1;" }, "VEDETTE_POLICY_COMPILE"],
  ["a module that never returns", { "policy.wasm": ENDLESS }, "VEDETTE_POLICY_SELF_TEST"],
  ["a module that traps at once", { "policy.wasm": TRAPPING }, "VEDETTE_POLICY_SELF_TEST"],
  ["a module that is slow", { "policy.wasm": SLOW }, "VEDETTE_POLICY_TOO_SLOW"],
  [
    "tests that fail",
    { "tests.yaml": "tests: [{name: t, events: [{openat: {name: /x}}], alerts: [Failed open]}]\n" },
    "VEDETTE_POLICY_SELF_TEST",
  ],
  ["tests that are wrong", { "tests.yaml": "tests: 7\n" }, "VEDETTE_POLICY_TESTS"],
];

for (const [title, files, code] of BAD) {
  test(`${title} leaves the version that runs, and is told with the author's path`, async () => {
    const bench = await new Bench().open();
    bench.put("a", "one");
    await bench.scan();
    const path = bench.put("a", "one", files);
    assert.equal(await bench.scan(), [code], bench.news[0]?.error?.message);
    assert.ok(bench.news[0]?.error?.message.includes(path), bench.news[0]?.error?.message);
    assert.equal(bench.engine.log, ["add 1"]);
    assert.is(bench.watch.entries()[0]?.error?.code, code);
    assert.equal(await bench.scan(), [], "it is not tried again until it changes");
    bench.put("a", "one");
    rmSync(join(path, "tests.yaml"), { force: true });
    rmSync(join(path, "index.ts"), { force: true });
    assert.equal(await bench.scan(), [null]);
    assert.is(bench.watch.entries()[0]?.error, null);
    await bench.watch.close();
  });
}

test("tenants.yaml says who there is, how many policies they have and how much memory", async () => {
  const bench = await new Bench().open("tenants:\n  a: {limits: {policies: 1}}\n  small: {limits: {module_kib: 1}}\n");
  bench.put("a", "one");
  bench.put("a", "two");
  bench.put("nobody", "one");
  bench.put("small", "one", {
    "policy.wasm": assemble(HAND_WRITTEN, { ...METADATA, rules: [{ ...METADATA.rules[0], desc: "x".repeat(1000) }] }),
  });
  assert.equal(await bench.scan(), [
    null,
    "VEDETTE_TENANT_LIMIT",
    "VEDETTE_TENANT_UNKNOWN",
    "VEDETTE_MODULE_TOO_LARGE",
  ]);
  await bench.watch.close();
});

test("a tenant's policies may take so much memory together, at their largest", async () => {
  const tenants = "tenants:\n  a: {limits: {total_memory_mib: 6}}\n  b: {limits: {total_memory_mib: 6}}\n";
  const bench = await new Bench().open(tenants);
  for (const [tenant, policy] of [
    ["a", "one"],
    ["a", "two"],
    ["b", "one"],
  ] as const)
    bench.put(tenant, policy);
  assert.equal(await bench.scan(), [null, "VEDETTE_TENANT_MEMORY", null]);
  assert.match(bench.watch.entries()[1]?.error?.message as string, /may take 4 MiB: .* tenant a .* than the 6 MiB/);
  bench.put("a", "one", { "policy.wasm": OTHER });
  await bench.scan();
  assert.equal(
    bench.engine.log.filter((line) => line.startsWith("replace")),
    ["replace by 2"],
  );
  await bench.watch.close();
});

test("another tenants.yaml: whose word changed is loaded anew, and what may not run any more goes", async () => {
  const bench = await new Bench().open("tenants: {a: {}, b: {isolation: process}, c: {}, d: {}}");
  for (const tenant of ["a", "b", "c"]) bench.put(tenant, tenant);
  bench.put("d", "d1");
  bench.put("d", "d2");
  await bench.scan();
  bench.engine.log.length = 0;
  assert.equal(await bench.retenant("tenants: {a: {}, b: {isolation: process}, c: {}, d: {}}"), {
    moved: [],
    failed: [],
  });
  assert.equal(bench.engine.log, []);
  const { moved, failed } = await bench.retenant(
    "tenants: {a: {scope: {uids: [7]}}, b: {}, d: {limits: {policies: 1}}, e: {}}",
  );
  assert.equal(moved, ["a", "b", "c", "d"]);
  assert.equal(failed, ["c: VEDETTE_TENANT_UNKNOWN", "d1: VEDETTE_TENANT_LIMIT"]);
  assert.equal(bench.running(), ["a/a", "b/b", "d/d2"]);
  assert.equal([...bench.engine.seats.values()].find(({ name }) => name === "a")?.tenancy?.scope.uids, [7]);
  assert.equal(bench.engine.log, [
    "remove",
    "replace by 1",
    "add 1",
    "add 1",
    "remove",
    "remove",
    "replace by 1",
    "add 1",
  ]);
  await bench.watch.close();
});

test("a key that tenants.yaml names later is asked for then", async () => {
  const bench = await new Bench().open("tenants: {a: {}, x: {}}");
  const path = bench.put("a", "one");
  await bench.scan();
  const key = join(scratch, "late.pem");
  signPolicy(bench.put("x", "other"), key);
  await bench.scan();
  assert.equal((await bench.retenant("tenants: {a: {keys: [late.pem.pub]}, x: {}}")).failed, [
    "one: VEDETTE_SIGNATURE_MISSING",
  ]);
  assert.equal(bench.running(), ["x/other"]);
  signPolicy(path, key);
  assert.equal(await bench.scan(), [null]);
  assert.equal(bench.running(), ["a/one", "x/other"]);
  await bench.watch.close();
});

test("only who may load does", async () => {
  if (process.getuid?.() !== 0) return; // chown is root's
  const bench = await new Bench().open("tenants:\n  a: {loaders: [1234]}\n");
  const path = bench.put("a", "one");
  chownSync(path, 1234, 1234);
  assert.equal(await bench.scan(), [null]);
  bench.put("a", "one", { "policy.wasm": OTHER });
  chownSync(join(path, "policy.wasm"), 4321, 4321);
  assert.equal(await bench.scan(), ["VEDETTE_TENANT_OWNER"]);
  await bench.watch.close();
});

test("links into other folders are not followed", async () => {
  const bench = await new Bench().open();
  const path = bench.put("a", "one");
  mkdirSync(join(bench.root, "b"));
  symlinkSync(path, join(bench.root, "b", "stolen"));
  const other = bench.put("c", "two");
  rmSync(join(other, "policy.wasm"));
  symlinkSync(join(path, "policy.wasm"), join(other, "policy.wasm"));
  assert.equal(await bench.scan(), [null, "VEDETTE_POLICY_NO_CODE"]);
  await bench.watch.close();
});

test("a signed policy is taken, and nothing of it may be another's", async () => {
  const key = join(scratch, "key.pem");
  const bench = new Bench();
  const path = bench.put("a", "one");
  signPolicy(path, key);
  cpSync(`${key}.pub`, join(scratch, "a.pub"));
  await bench.open("tenants:\n  a: {keys: [a.pub]}\n  b: {}\n", true);
  assert.equal(
    bench.news.map((news) => news.kind),
    ["loaded"],
  );
  writeFileSync(join(path, "policy.yaml"), "name: one\nversion: '2'\n");
  assert.equal(await bench.scan(), ["VEDETTE_SIGNATURE_WRONG"]);
  assert.match(bench.news[0]?.error?.message as string, /policy\.yaml was changed/);
  signPolicy(path, key);
  assert.equal(await bench.scan(), [null]);
  writeFileSync(join(path, "more.ts"), "");
  assert.equal(await bench.scan(), ["VEDETTE_SIGNATURE_WRONG"]);
  assert.match(bench.news[0]?.error?.message as string, /more\.ts was added/);
  rmSync(join(path, "more.ts"));
  await bench.scan();
  signPolicy(path, join(scratch, "another.pem"));
  assert.equal(await bench.scan(), ["VEDETTE_SIGNATURE_WRONG"]);
  assert.match(bench.news[0]?.error?.message as string, /which is not the tenant's/);
  bench.put("b", "unsigned");
  assert.equal(await bench.scan(), ["VEDETTE_SIGNATURE_MISSING"]);
  await bench.watch.close();
});

/** As 0.1 signed: no serial, and nothing of what policy.yaml says. */
function signAs01(folder: string, keyPath: string): void {
  const names = readdirSync(folder).filter((name) => name !== "policy.sig");
  const digests = names.sort().map((name): [string, string] => {
    return [
      name,
      createHash("sha256")
        .update(readFileSync(join(folder, name)))
        .digest("hex"),
    ];
  });
  const text = `vedette policy 1\n${digests.map(([name, digest]) => `${name}\0${digest}\n`).join("")}`;
  const signature = sign(null, Buffer.from(text), createPrivateKey(readFileSync(keyPath))).toString("base64");
  const { id: key } = readPublicKey(readFileSync(`${keyPath}.pub`));
  const signed = { version: 1, key, files: Object.fromEntries(digests), signature };
  writeFileSync(join(folder, "policy.sig"), JSON.stringify(signed));
}

test("a policy that 0.1 signed is refused, the form is named, and signed again it is taken", async () => {
  const key = join(scratch, "key-0.1.pem");
  const bench = new Bench();
  const path = bench.put("a", "one");
  signPolicy(path, key);
  cpSync(`${key}.pub`, join(scratch, "a-0.1.pub"));
  signAs01(path, key);
  await bench.open("tenants:\n  a: {keys: [a-0.1.pub]}\n", true);
  assert.match(
    bench.news[0]?.error?.message as string,
    /policy\.sig has form 1, and this version of Vedette reads form 2 alone; sign it again/,
  );
  signPolicy(path, key);
  assert.equal(await bench.scan(), [null]);
  await bench.watch.close();
});

const WRONG: readonly (readonly [yaml: string, place: RegExp])[] = [
  ["tenants: []\n", /:1:1: tenants must be a mapping/],
  ["tenants:\n  A: {}\n", /:2:3: tenants\.A/],
  ["tenants:\n  a: {scopes: {}}\n", /:2:7: "scopes" is not known here/],
  ["tenants:\n  a: {limits: {memory_mib: 1000}}\n", /:2:16: tenants\.a\.limits\.memory_mib/],
  ["tenants:\n  a: {keys: [nowhere.pub]}\n", /:2:14: the key nowhere\.pub cannot be used/],
];
for (const [yaml, place] of WRONG) {
  test(`tenants.yaml with ${JSON.stringify(yaml)} is told with its place`, () => {
    const file = join(scratch, "wrong.yaml");
    writeFileSync(file, yaml);
    try {
      readTenants(file);
      assert.unreachable();
    } catch (error) {
      assert.instance(error, VedetteError);
      assert.is((error as VedetteError).code, "VEDETTE_TENANTS_YAML");
      assert.match((error as VedetteError).message, place);
    }
  });
}

test("a folder that is none cannot be watched", async () => {
  try {
    await PolicyWatch.open({
      folder: join(scratch, "nowhere"),
      engine: new FakeEngine(),
      tenants: null,
      requireSigned: false,
      serials: new Serials(null),
      onNews: () => undefined,
    });
    assert.unreachable();
  } catch (error) {
    assert.is((error as VedetteError).code, "VEDETTE_WATCH_FAILED");
  }
});

test.after(() => rmSync(scratch, { recursive: true, force: true }));
test.run();
