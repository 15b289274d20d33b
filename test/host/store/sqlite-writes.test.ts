// SPDX-License-Identifier: Apache-2.0
// What has to go to make room, and what must not, with a clock of our own.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findingLine, incidentLine } from "../../../host/store/lines.js";
import { migrate } from "../../../host/store/schema.js";
import { SqliteWrites } from "../../../host/store/sqlite-writes.js";
import type { StoreLimits } from "../../../host/store/store.js";
import { HOUR, incident, told } from "./store-suite.js";

const MIB = 1 << 20;
const LIMITS: StoreLimits = { findings: 10_000, bytes: MIB, days: 90 };

/** `at`: hours from now on. */
function writesOf(limits: Partial<StoreLimits> = {}) {
  const db = new DatabaseSync(":memory:");
  migrate(db);
  const clock = { at: 0n };
  const now = (): bigint => BigInt(Date.now()) * 1_000_000n + clock.at * HOUR;
  const writes = new SqliteWrites(db, null, { ...LIMITS, ...limits }, now);
  const count = (table: string): number => Number(Object.values(db.prepare(`SELECT count(*) FROM ${table}`).get()!)[0]);
  const ids = (): unknown[] =>
    db
      .prepare("SELECT id FROM incident ORDER BY seq")
      .all()
      .map(({ id }) => id);
  return { writes, clock, count, ids, db };
}

const large = (id: string, kib: number, more: object): string =>
  incidentLine(incident(id, { doc: JSON.stringify({ id, rows: ["x".repeat(kib << 10)] }), ...more }));

test("what is too old goes although nothing comes, a step at a time", () => {
  const { writes, clock, count } = writesOf({ bytes: 64 * MIB });
  writes.append([
    ...Array.from({ length: 1_200 }, (_, i) => findingLine(told(i, { pid: i, tenant: i % 2 === 0 ? "a" : null }))),
    incidentLine(incident("a")),
  ]);
  assert.is(writes.age(), false);
  assert.equal([count("finding"), count("incident")], [1_200, 1]);
  clock.at = 91n * 24n;
  let steps = 0;
  while (writes.age()) steps++;
  assert.equal([count("finding"), count("finding_text"), count("incident"), steps], [0, 0, 0, 2]);
  assert.is(count("finding_owned"), 0);
});

test("a batch that was undone leaves no bytes behind: no incident gives way to them", () => {
  const { writes, ids } = writesOf();
  assert.equal(writes.append([large("one", 150, { isOpen: false }), "F is no row"]), {
    refused: 1,
    full: null,
    removed: [],
  });
  assert.equal(ids(), ["one"], "of 256 KiB it has 150");
});

test("where the tenant with most has open incidents alone, another one's closed ones give way", () => {
  const { writes, ids } = writesOf();
  writes.append([
    large("open", 200, { tenant: "loud" }),
    large("closed", 100, { tenant: "quiet", isOpen: false }),
    large("newest", 10, { tenant: "quiet" }),
  ]);
  assert.equal(ids(), ["open", "newest"]);
});

test("a store that is too large without any finding takes what comes", () => {
  const { writes, ids } = writesOf({ bytes: 64 << 10 });
  assert.equal(writes.append([large("open", 200, {})]), { refused: 0, full: null, removed: [] });
  assert.equal(ids(), ["open"]);
});

test("where no room can be made, that is told, and nothing is taken beyond the limit", () => {
  const { writes, count, db } = writesOf({ findings: 100, bytes: MIB });
  const lines = (from: number) =>
    Array.from({ length: 120 }, (_, i) => findingLine(told(i, { pid: from + i }, { output: "x".repeat(1_000) })));
  db.exec("CREATE TRIGGER stays BEFORE DELETE ON finding BEGIN SELECT RAISE(ABORT, 'nothing goes'); END");
  assert.equal(writes.append(lines(0)), { refused: 0, full: "nothing goes", removed: [] });
  assert.is(count("finding"), 120, "what is there is refused nobody");
  let batches = 1;
  assert.throws(() => {
    for (; batches < 100; batches++) writes.append(lines(1_000 * batches));
  }, /nothing goes/);
  assert.is(count("finding"), 120 * batches);
  assert.ok(batches > 1 && batches < 20, `${batches} batches of some 300 KiB`);
  db.exec("DROP TRIGGER stays");
  assert.is(writes.append(lines(1_000_000)).full, null);
  assert.ok(count("finding") <= 120 * batches, `${count("finding")}`);
});

test("of what was set aside the newest stays for a day, and all else gives way before any finding", () => {
  const folder = mkdtempSync(join(tmpdir(), "vedette-aside-"));
  const path = join(folder, "vedette.db");
  const aside = (): string[] =>
    readdirSync(folder)
      .filter((name) => name.includes(".damaged-"))
      .sort();
  const others = ["other.damaged-1", "vedette.db.damaged-mine"];
  const newest = `vedette.db.damaged-${Date.now()}`;
  try {
    for (const name of ["100", "100-wal", "20000"]) writeFileSync(`${path}.damaged-${name}`, Buffer.alloc(MIB));
    for (const name of others) writeFileSync(join(folder, name), "");
    writeFileSync(join(folder, newest), Buffer.alloc(4 * MIB));
    const db = new DatabaseSync(path);
    migrate(db);
    const clock = { at: 0n };
    const now = (): bigint => BigInt(Date.now()) * 1_000_000n + clock.at * HOUR;
    const writes = new SqliteWrites(db, path, { ...LIMITS, bytes: 3 * MIB }, now);
    const kept = (): unknown => Object.values(db.prepare("SELECT count(*) FROM finding").get()!)[0];
    assert.equal(writes.append([findingLine(told(1))]).removed, [`${path}.damaged-100`]);
    assert.equal([aside(), kept()], [[others[0], "vedette.db.damaged-20000", newest, others[1]].sort(), 1]);
    const removed: string[] = [];
    const fill = (from: number): void => {
      for (let i = from; i < from + 20; i++)
        removed.push(...writes.append([findingLine(told(2, { pid: i }, { output: "x".repeat(100 << 10) }))]).removed);
    };
    fill(0);
    assert.equal([aside(), removed], [[others[0], newest, others[1]].sort(), [`${path}.damaged-20000`]]);
    clock.at = 25n;
    fill(100);
    assert.equal(aside(), others);
    db.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.run();
