// SPDX-License-Identifier: Apache-2.0
// The store in SQLite: in memory, in a folder, over restarts, and when its file is damaged.
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { VedetteError } from "../../../host/errors.js";
import { MIGRATIONS, migrate } from "../../../host/store/schema.js";
import { FOLDER_LIMITS, MEMORY_LIMITS } from "../../../host/store/store.js";
import { SqliteStore } from "../../../host/store/threaded.js";
import { idsOf, incident, rulesOf, testStore, told, written } from "./store-suite.js";

const scratch = mkdtempSync(join(tmpdir(), "vedette-store-"));
let folders = 0;
const newFolder = (): string => join(scratch, String(folders++));
const faults: VedetteError[] = [];
const onFault = (error: VedetteError): void => void faults.push(error);

const memory = suite("store in memory");
testStore(memory, (limits = MEMORY_LIMITS) => SqliteStore.open({ folder: null, limits, onFault }));
memory.run();

const folder = suite("store in a folder");
testStore(folder, (limits = FOLDER_LIMITS) => SqliteStore.open({ folder: newFolder(), limits, onFault }));

const code = (error: unknown): string => `${(error as VedetteError).code}: ${(error as VedetteError).message}`;
const refusal = (path: string, mustBeThere = false): Promise<string> =>
  SqliteStore.open({ folder: path, mustBeThere, onFault }).then(async (store) => {
    await store.close();
    return "opened";
  }, code);

folder("it holds over a restart what it was told, and who told of an incident before is gone", async () => {
  const path = newFolder();
  const before = await SqliteStore.open({ folder: path, onFault });
  before.append(told(1, { rule: "kept" }));
  before.keep(incident("one"));
  await before.close();
  const after = await SqliteStore.open({ folder: path, onFault });
  assert.equal(await rulesOf(after, null), ["kept"]);
  const { state, closed_by: by } = JSON.parse((await after.incident(null, "one"))!);
  assert.equal([state, by], ["closed", "end"]);
  await after.close();
  assert.is(statSync(path).mode & 0o777, 0o700);
  for (const name of readdirSync(path)) assert.is(statSync(join(path, name)).mode & 0o777, 0o600, name);
});

folder("a folder that others may look into, a file in its place and one that is not there are refused", async () => {
  const open = newFolder();
  mkdirSync(open, { mode: 0o755 });
  chmodSync(open, 0o755);
  assert.match(await refusal(open), /^VEDETTE_STORE_UNUSABLE.*other users may look into it/);
  const file = newFolder();
  writeFileSync(file, "");
  assert.match(await refusal(file), /^VEDETTE_STORE_UNUSABLE/);
  assert.match(await refusal(newFolder(), true), /^VEDETTE_STORE_UNUSABLE.*no such file/);
  assert.match(await refusal("/proc/nothing"), /^VEDETTE_STORE_UNUSABLE/);
});

folder("a file that is no store is set aside, which is told, unless somebody wants to read it", async () => {
  const path = newFolder();
  mkdirSync(path, { mode: 0o700 });
  writeFileSync(join(path, "vedette.db"), "this is no database, and it is long enough to be one".repeat(100));
  assert.match(await refusal(path, true), /^VEDETTE_STORE_UNUSABLE.*not a database/);
  faults.length = 0;
  assert.is(await refusal(path), "opened");
  assert.equal(
    faults.map(({ code }) => code),
    ["VEDETTE_STORE_SET_ASIDE"],
  );
  assert.ok(readdirSync(path).some((name) => name.startsWith("vedette.db.damaged-")));
  assert.is(statSync(join(path, "vedette.db")).mode & 0o777, 0o600, "the new one is as private as the first");
});

folder("a link in the place of its file is refused, and what it leads to stays as it is", async () => {
  const [path, victim] = [newFolder(), join(newFolder(), "../victim")];
  mkdirSync(path, { mode: 0o700 });
  writeFileSync(victim, "important", { mode: 0o644 });
  symlinkSync(victim, join(path, "vedette.db"));
  assert.match(await refusal(path), /^VEDETTE_STORE_UNUSABLE/);
  assert.equal([readFileSync(victim, "utf8"), statSync(victim).mode & 0o777], ["important", 0o644]);
});

folder("a store of a later version is left alone", async () => {
  const path = newFolder();
  await (await SqliteStore.open({ folder: path, onFault })).close();
  const db = new DatabaseSync(join(path, "vedette.db"));
  db.exec("PRAGMA user_version = 99");
  db.close();
  assert.match(await refusal(path), /^VEDETTE_STORE_UNUSABLE.*later version/);
});

folder("whoever only looks changes no table: a store of an earlier version is refused", async () => {
  const path = newFolder();
  mkdirSync(path, { mode: 0o700 });
  const db = new DatabaseSync(join(path, "vedette.db"));
  chmodSync(join(path, "vedette.db"), 0o600);
  assert.match(await refusal(path, true), /^VEDETTE_STORE_UNUSABLE.*no Vedette has written there/);
  migrate(db, MIGRATIONS.slice(0, -1));
  const tables = (): unknown[] => db.prepare("SELECT name FROM sqlite_schema ORDER BY name").all();
  const before = tables();
  assert.match(await refusal(path, true), /^VEDETTE_STORE_UNUSABLE.*made by an earlier version/);
  assert.equal(tables(), before);
  db.close();
  const newer = await SqliteStore.open({ folder: path, onFault });
  newer.append(told(1, { rule: "seen", tenant: "a" }, { output: "a word" }));
  await written(newer);
  const guest = await SqliteStore.open({ folder: path, mustBeThere: true, onFault });
  assert.equal(await rulesOf(guest, "a", { text: "word" }), ["seen"]);
  await guest.close();
  await newer.close();
});

folder("each migration is run once, and all of it or nothing", () => {
  const db = new DatabaseSync(":memory:");
  migrate(db, ["CREATE TABLE a(x)"]);
  migrate(db, ["CREATE TABLE a(x)", "CREATE TABLE b(x)"]);
  assert.throws(() => migrate(db, ["", "", "CREATE TABLE c(x); CREATE TABLE a(x)"]));
  const names = db.prepare("SELECT name FROM sqlite_schema ORDER BY name").all();
  assert.equal(
    names.map(({ name }) => name),
    ["a", "b"],
  );
  assert.is((db.prepare("PRAGMA user_version").get() as { user_version: number }).user_version, 2);
});

folder("what a tenant had before its words were kept by themselves is found too, page by page", async () => {
  const path = newFolder();
  const before = await SqliteStore.open({ folder: path, onFault });
  for (let i = 20; i > 10; i--) before.append(told(i, { rule: `${i}`, tenant: "a" }, { output: "a word" }));
  await before.close();
  const db = new DatabaseSync(join(path, "vedette.db"));
  db.exec("INSERT INTO finding_owned(finding_owned) VALUES('delete-all')");
  db.exec("UPDATE owned_since SET seq = (SELECT max(seq) FROM finding)"); // as the migration leaves it
  db.close();
  const after = await SqliteStore.open({ folder: path, onFault });
  for (let i = 10; i > 0; i--) after.append(told(i, { rule: `${i}`, tenant: "a" }, { output: "a word" }));
  await written(after);
  const all = Array.from({ length: 20 }, (_, i) => `${i + 1}`);
  for (const limit of [1, 3, 10, 100])
    assert.equal(await rulesOf(after, "a", { text: "word", limit }), all, `pages of ${limit}`);
  await after.close();
});

folder("a file that is damaged while it is written to is set aside, once, and nothing that comes is lost", async () => {
  const path = newFolder();
  const store = await SqliteStore.open({ folder: path, onFault });
  store.append(told(9, { rule: "before" }));
  await written(store);
  faults.length = 0;
  const db = new DatabaseSync(join(path, "vedette.db"));
  db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  db.close();
  const file = readFileSync(join(path, "vedette.db"));
  file.fill(0x5a, 4_096); // all but the first page: no table is whole
  writeFileSync(join(path, "vedette.db"), file);
  for (let i = 1; i < 4; i++) store.append(told(i, { rule: `after ${i}`, pid: i }));
  store.append(told(8, { rule: "ä".repeat(4_000), pid: 99 }));
  await written(store);
  assert.equal((await rulesOf(store, null)).slice(0, 3), ["after 1", "after 2", "after 3"]);
  const codes = faults.map(({ code }) => code);
  assert.is(codes.filter((code) => code === "VEDETTE_STORE_SET_ASIDE").length, 1, `${codes}`);
  assert.is(store.stats().state, "ok");
  await store.close();
});

folder("what was set aside and has to go is told, and so is that no room can be made, once", async () => {
  const path = newFolder();
  mkdirSync(path, { mode: 0o700 });
  for (const time of [100, 200, Date.now()])
    writeFileSync(join(path, `vedette.db.damaged-${time}`), Buffer.alloc(2 << 20));
  const limits = { findings: 100, bytes: 4 << 20, days: 90 };
  const store = await SqliteStore.open({ folder: path, limits, onFault });
  faults.length = 0;
  const tell = async (from: number): Promise<void> => {
    for (let i = 0; i < 120; i++) store.append(told(i, { pid: from + i }));
    await written(store);
  };
  await tell(0);
  assert.equal(
    faults.map(({ code, message }) => [code, /damaged-\d+/.exec(message)?.[0]]),
    [["VEDETTE_STORE_ASIDE_GONE", "damaged-100"]],
  );
  const db = new DatabaseSync(join(path, "vedette.db"));
  db.exec("CREATE TRIGGER stays BEFORE DELETE ON finding BEGIN SELECT RAISE(ABORT, 'nothing goes'); END");
  faults.length = 0;
  await tell(1_000);
  await tell(2_000);
  assert.equal(
    faults.map(({ code }) => code),
    ["VEDETTE_STORE_FULL"],
  );
  assert.equal([store.stats().state, store.stats().lastError?.code], ["retrying", "VEDETTE_STORE_FULL"]);
  db.exec("DROP TRIGGER stays");
  db.close();
  await tell(3_000);
  assert.is(store.stats().state, "ok");
  await store.close();
});

folder("pages of incidents end where much was parsed for them, and go on from there", async () => {
  const store = await SqliteStore.open({ folder: newFolder(), onFault });
  const rows = [{ text: "x".repeat(3 << 20) }]; // a timeline, which a list leaves out
  for (const id of ["a", "b", "c"])
    store.keep(incident(id, { doc: JSON.stringify({ id, state: "open", rows, processes: [] }) }));
  await written(store);
  const pages: string[][] = [];
  for (let next: string | null | undefined; next !== null; ) {
    const page = await store.incidents(null, { limit: 9, before: next ?? null });
    pages.push(idsOf(page.items));
    // Its time may be up before, on a busy machine.
    if (page.isComplete && page.next !== null) assert.is(page.items.length, 2, JSON.stringify(pages));
    next = page.next;
  }
  await store.close();
  assert.equal(pages.flat(), ["c", "b", "a"]);
  assert.ok(pages.length > 1 && pages.every(({ length }) => length <= 2), JSON.stringify(pages));
});

folder("rows that are damaged are left out and counted, and the others are shown", async () => {
  const path = newFolder();
  const store = await SqliteStore.open({ folder: path, onFault });
  for (const ago of [1, 2, 3]) store.append(told(ago, { rule: `${ago}` }));
  store.keep(incident("one"));
  await written(store);
  for (const note of ["1", "2"]) await store.decide(null, "one", { note }, "ann");
  const db = new DatabaseSync(join(path, "vedette.db"));
  db.exec("UPDATE audit SET detail = '{' WHERE seq = 1");
  db.exec("UPDATE finding SET doc = substr(doc, 1, 100) WHERE seq = 2");
  db.close();
  const page = await store.page(null, { limit: 9, before: null });
  assert.equal([page.items.length, page.damaged], [2, 1]);
  const acts = await store.audit(null, { limit: 9, incident: null });
  assert.equal([acts.items.length, acts.damaged], [1, 1]);
  await store.close();
});

folder("its files stay under the limit while it is written to", async () => {
  const path = newFolder();
  const bytes = 24 << 20;
  const store = await SqliteStore.open({ folder: path, limits: { findings: 1e8, bytes, days: 90 }, onFault });
  let most = 0;
  for (let i = 0; i < 40_000; i++) {
    store.append(told(i % 3_600, { pid: i, rule: `rule ${i % 20}` }));
    if (i % 1_000 !== 0) continue;
    await written(store);
    most = Math.max(
      most,
      readdirSync(path).reduce((sum, name) => sum + statSync(join(path, name)).size, 0),
    );
  }
  await written(store);
  const { held } = await store.overview(null, 24);
  await store.close();
  assert.ok(held.findings < 40_000 && held.findings > 2_000, `it holds ${held.findings}: the limit was reached`);
  assert.ok(most <= bytes, `its files had ${most} bytes`);
  assert.equal(store.stats().dropped.full, 0);
});

folder("where nothing can be written, that is told, and it goes on when it can again", async () => {
  const path = newFolder();
  const store = await SqliteStore.open({ folder: path, onFault });
  const lock = new DatabaseSync(join(path, "vedette.db"));
  lock.exec("BEGIN IMMEDIATE"); // as another writer that does not end
  faults.length = 0;
  store.append(told(1, { rule: "late" }));
  const until = performance.now() + 60_000;
  const isTold = (): boolean => faults.some(({ code }) => code === "VEDETTE_STORE_UNWRITABLE");
  while (!isTold() && performance.now() < until) await store.flush();
  assert.ok(isTold(), `it told ${faults.map(({ code }) => code)}`);
  assert.not.equal(store.stats().state, "ok");
  lock.exec("ROLLBACK");
  lock.close();
  await written(store);
  assert.equal(await rulesOf(store, null), ["late"]);
  assert.is(store.stats().state, "ok");
  await store.close();
});

folder("an alert that comes behind the close keeps no process alive, and is counted", () => {
  const [store, suite] = ["../../../host/store/threaded.ts", "./store-suite.ts"].map((file) =>
    JSON.stringify(new URL(file, import.meta.url).href),
  );
  const asked = `const { SqliteStore } = await import(${store});
    const { told } = await import(${suite});
    const store = await SqliteStore.open({ folder: null, onFault: () => undefined });
    await store.close();
    store.append(told(1));
    console.log(store.stats().dropped.closed);`;
  const argv = ["--import", "tsx", "--input-type=module", "-e", asked];
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: "utf8", timeout: 60_000 });
  assert.equal([status, stdout], [0, "1\n"], stderr);
});

folder.after(() => rmSync(scratch, { recursive: true, force: true }));
folder.run();
assert.ok(existsSync(scratch));
