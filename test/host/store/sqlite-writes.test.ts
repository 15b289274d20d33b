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
  assert.equal(writes.append([large("one", 150, { isOpen: false }), "F is no row"]), { refused: 1 });
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
  assert.equal(writes.append([large("open", 200, {})]), { refused: 0 });
  assert.equal(ids(), ["open"]);
});

test("where no room can be made, that is no success, and what is there is refused nobody", () => {
  const { writes, count, db } = writesOf({ findings: 100 });
  const lines = Array.from({ length: 120 }, (_, i) => findingLine(told(i, { pid: i })));
  db.exec("CREATE TRIGGER stays BEFORE DELETE ON finding BEGIN SELECT RAISE(ABORT, 'nothing goes'); END");
  for (const some of [lines, lines.slice(0, 1)]) assert.throws(() => writes.append(some), /nothing goes/);
  assert.is(count("finding"), 120);
  db.exec("DROP TRIGGER stays");
  assert.equal(writes.append(lines.slice(0, 1)), { refused: 0 });
  assert.ok(count("finding") <= 100);
});

test("what was set aside counts as the store's, and the oldest gives way before any finding", () => {
  const folder = mkdtempSync(join(tmpdir(), "vedette-aside-"));
  const path = join(folder, "vedette.db");
  const aside = (): string[] =>
    readdirSync(folder)
      .filter((name) => name.includes(".damaged-"))
      .sort();
  const others = ["other.damaged-1", "vedette.db.damaged-mine"];
  try {
    for (const name of ["100", "100-wal", "20000"]) writeFileSync(`${path}.damaged-${name}`, Buffer.alloc(MIB));
    for (const name of others) writeFileSync(join(folder, name), "");
    const db = new DatabaseSync(path);
    migrate(db);
    const writes = new SqliteWrites(db, path, { ...LIMITS, bytes: 3 * MIB });
    const kept = (): unknown => Object.values(db.prepare("SELECT count(*) FROM finding").get()!)[0];
    writes.append([findingLine(told(1))]);
    assert.equal([aside(), kept()], [[others[0], "vedette.db.damaged-20000", others[1]], 1]);
    for (let i = 0; i < 20; i++) writes.append([findingLine(told(2, { pid: i }, { output: "x".repeat(100 << 10) }))]);
    assert.equal(aside(), others);
    db.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.run();
