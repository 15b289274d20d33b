// SPDX-License-Identifier: Apache-2.0
//
// What tenants and others do with policies.d and tenants.yaml: limits that change, files that change hands,
// too much in a folder (H13), and older signed lists (H14). VEDETTE_CROWD=1000000 makes a folder as full as
// the attack's.
import { chownSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Engine } from "../../host/engine/engine.js";
import { Feed } from "../../host/engine/feed.js";
import type { LoadedPolicy } from "../../host/engine/policy.js";
import type { VedetteError } from "../../host/errors.js";
import type { Alert } from "../../host/output/alert.js";
import { Serials } from "../../host/policy/serials.js";
import { signPolicy } from "../../host/policy/signature.js";
import { takeSnapshot } from "../../host/policy/snapshot.js";
import { readTenants } from "../../host/policy/tenants.js";
import { PolicyWatch, type WatchNews } from "../../host/policy/watch.js";
import { batchOf, policyOf } from "../host/engine/shared.js";
import { assemble, HAND_WRITTEN } from "../host/wasm/shared.js";
import { until } from "../until.js";
import { HandAgent, Host, stillJudges } from "./host.js";

const CROWD = Number(process.env.VEDETTE_CROWD ?? 5_000);
const MODULE = assemble(HAND_WRITTEN);
const scratch = mkdtempSync(join(tmpdir(), "folder-"));
test.after(() => rmSync(scratch, { recursive: true }));

function put(root: string, tenant: string, policy: string): string {
  const path = join(root, tenant, policy);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, "policy.yaml"), `name: ${policy}\n`);
  writeFileSync(join(path, "policy.wasm"), MODULE);
  return path;
}

test("H13: another limit on all of a tenant's alerts holds as soon as tenants.yaml is read again", async () => {
  const feed = new Feed();
  const alerts: Alert[] = [];
  const quiet = (): void => undefined;
  const onAlert = (alert: Alert): void => void (alert.source === "syscall" && alerts.push(alert));
  const reader = feed.reader();
  const engine = await Engine.start({
    ring: feed.ring,
    readers: [reader],
    policies: [],
    onAlert,
    onFault: quiet,
    onLog: quiet,
  });
  const made = await policyOf("mine");
  const file = join(scratch, "limits.yaml");
  const allowed = (burst: number): LoadedPolicy => {
    writeFileSync(file, `tenants: {team: {limits: {total_alert_burst: ${burst}, total_alerts_per_minute: 1}}}\n`);
    return { ...made, tenancy: readTenants(file).get("team")!.tenancy };
  };
  /** Ten matches, and how many of them became alerts. */
  const raised = async (): Promise<number> => {
    const before = alerts.length;
    const kept = (): number => engine.status()[0]!.tally.suppressed;
    const keptBefore = kept();
    await feed.put(batchOf(Array.from({ length: 10 }, () => -1)));
    await until("each is an alert, or kept back", () => alerts.length - before + kept() - keptBefore >= 10);
    return alerts.length - before;
  };
  const id = await engine.add(allowed(2));
  assert.is(await raised(), 2);
  const next = await engine.replace(id, allowed(2));
  assert.is(await raised(), 0, "the control: the same limit again is the same limit, used up as it was");
  await engine.replace(next, allowed(5));
  assert.is(await raised(), 5);
  feed.close();
  await engine.finished;
});

test("H13: whose a file is, is what it was when it was read", () => {
  if (process.getuid?.() !== 0) return; // chown is root's
  const path = put(scratch, "team", "swapped");
  chownSync(join(path, "policy.wasm"), 4321, 4321);
  const snapshot = takeSnapshot(path);
  chownSync(join(path, "policy.wasm"), 0, 0); // the attacker gives the place back before it is asked whose it is
  writeFileSync(join(path, "policy.wasm"), "another");
  assert.is(snapshot.owners.get("policy.wasm"), 4321);
  assert.is(snapshot.owners.get("policy.yaml"), 0, "the control");
  assert.equal(Buffer.from(snapshot.read("policy.wasm")), Buffer.from(MODULE));
});

test("H13: folders with too much in them are told, and the others' policies go on", async () => {
  const folder = mkdtempSync(join(scratch, "host-"));
  const root = join(folder, "policies.d");
  const full = put(root, "full", "one");
  for (let i = 0; i < CROWD; i++) writeFileSync(join(full, `f${i}.ts`), "");
  for (let i = 0; i < CROWD; i++) mkdirSync(join(root, "many", `p${i}`), { recursive: true });
  put(root, "honest", "first");
  const host = await Host.start(folder, ["--policies-d", root]);
  try {
    const honest = await HandAgent.honest(host.socket);
    await until("both are told", () => host.stderr.match(/VEDETTE_FOLDER_CROWDED/g)?.length === 2);
    assert.match(host.stderr, "policies.d/full/one has more than 2000 entries");
    assert.match(host.stderr, "policies.d/many has more than 2000 entries");
    assert.match(host.stderr, "policy honest/first loaded");
    put(root, "honest", "second");
    await until("another is loaded", () => host.stderr.includes("policy honest/second loaded"));
    await stillJudges(host, honest);
  } finally {
    await host.stop();
  }
});

const kept = join(scratch, "serials.json");
const key = join(scratch, "key.pem");

/** What becomes of the folder under a host that has just been started. */
async function newsOf(root: string, tenants: string): Promise<string[]> {
  const file = join(scratch, "tenants.yaml");
  writeFileSync(file, tenants);
  const news: WatchNews[] = [];
  const engine = { add: async () => 0, replace: async () => 0, remove: async () => undefined };
  const watch = await PolicyWatch.open({
    folder: root,
    engine,
    tenants: readTenants(file),
    requireSigned: true,
    serials: new Serials(kept),
    onNews: (one) => void news.push(one),
  });
  await watch.close();
  return news.map(({ kind, error }) => error?.code ?? kind);
}

test("H14: an older signed list in place of the newest is refused, also after a restart and after it was away", async () => {
  const root = mkdtempSync(join(scratch, "signed-"));
  const path = put(root, "team", "one");
  const { serial } = signPolicy(path, key);
  const older = join(scratch, "older");
  cpSync(path, older, { recursive: true });
  writeFileSync(join(path, "policy.yaml"), "name: one\nversion: '2'\n");
  const newer = signPolicy(path, key);
  assert.ok(newer.serial > serial);
  const tenants = "tenants: {team: {keys: [key.pem.pub]}}\n";
  assert.equal(await newsOf(root, tenants), ["loaded"]);
  assert.equal(await newsOf(root, tenants), ["loaded"], "the control: the same list, after a restart");
  rmSync(path, { recursive: true });
  assert.equal(await newsOf(root, tenants), []);
  cpSync(older, path, { recursive: true });
  assert.equal(await newsOf(root, tenants), ["VEDETTE_SIGNATURE_OLD"]);
  cpSync(older, join(root, "team", "elsewhere"), { recursive: true });
  assert.equal(
    await newsOf(root, tenants),
    ["VEDETTE_SIGNATURE_OLD", "VEDETTE_SIGNATURE_OLD"],
    "in a folder of another name",
  );
  rmSync(join(root, "team", "elsewhere"), { recursive: true });
  signPolicy(path, key); // on purpose
  const again = JSON.parse(readFileSync(join(path, "policy.sig"), "utf8")) as { serial: number };
  if (again.serial <= newer.serial) signPolicy(path, key);
  assert.equal(await newsOf(root, tenants), ["loaded"], "the control: the older policy, signed again");
});

test("H14: without a file that lasts, tenants.yaml says which lists are too old; name, version and serial are signed", async () => {
  rmSync(kept);
  const root = mkdtempSync(join(scratch, "pinned-"));
  const path = put(root, "team", "one");
  const { serial } = signPolicy(path, key);
  const tenants = (oldest: number) => `tenants: {team: {keys: [key.pem.pub], oldest_serial: ${oldest}}}\n`;
  assert.equal(await newsOf(root, tenants(serial + 1)), ["VEDETTE_SIGNATURE_OLD"]);
  assert.equal(await newsOf(root, tenants(serial)), ["loaded"], "the control");
  const list = readFileSync(join(path, "policy.sig"), "utf8");
  for (const [from, to] of [
    [`"serial":${serial}`, `"serial":${serial + 10}`],
    ['"name":"one"', '"name":"two"'],
    ['"version":"0.0.0"', '"version":"9.9.9"'],
  ] as const) {
    assert.ok(list.includes(from), `${from} in ${list}`);
    writeFileSync(join(path, "policy.sig"), list.replace(from, to));
    assert.equal(await newsOf(root, tenants(0)), ["VEDETTE_SIGNATURE_WRONG"]);
  }
});

test("H14: serials that cannot be read or written end the start: an older list would pass", () => {
  writeFileSync(kept, "[]");
  for (const path of [kept, join(scratch, "nowhere", "serials.json")]) {
    try {
      new Serials(path);
      assert.unreachable(path);
    } catch (error) {
      assert.is((error as VedetteError).code, "VEDETTE_SERIALS_UNUSABLE");
    }
  }
  rmSync(kept);
  new Serials(kept); // the control
});

test.run();
