// SPDX-License-Identifier: Apache-2.0
// A thread of the store. One owns the connection that writes, another one only reads; a store in memory is
// one connection, and its thread does both. A synchronous call of SQLite stops nobody here but the next
// question.
import { DatabaseSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import { forgetStart } from "../heap.js";
import { reasonOf } from "../reason.js";
import type { Answer, Asks, Question, ThreadData } from "./messages.js";
import { checkMade, migrate } from "./schema.js";
import { SqliteReads } from "./sqlite-reads.js";
import { SqliteWrites } from "./sqlite-writes.js";

const BUSY_MS = 5_000;
/** A page that was written is not soon read again: the kernel has it as well. A search reads many. */
const CACHE_KIB = { writer: 2_000, reader: 8_000 };
/** What is too old goes also where nothing comes. */
const AGE_EVERY_MS = 3_600_000;
const port = parentPort!;
const { path, limits, isReader, isGuest } = workerData as ThreadData;

function open(): DatabaseSync {
  const db = new DatabaseSync(path ?? ":memory:", { readOnly: isReader, timeout: BUSY_MS });
  db.exec("PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;");
  db.exec(`PRAGMA cache_size = -${isReader ? CACHE_KIB.reader : CACHE_KIB.writer}`);
  if (isReader) return db;
  if (isGuest) checkMade(db); // before anything is changed
  // Before there is a table: freed pages can be given back later.
  db.exec("PRAGMA auto_vacuum = INCREMENTAL");
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 4194304;");
  if (!isGuest) migrate(db);
  return db;
}

/** What this thread answers. */
function answersOf(db: DatabaseSync): Partial<Asks> {
  const reads = new SqliteReads(db);
  const reading: Partial<Asks> = {
    page: (owner, query) => reads.page(owner, query),
    incidents: (owner, query) => reads.incidents(owner, query),
    incident: (owner, id) => reads.incident(owner, id),
    audit: (owner, query) => reads.audit(owner, query),
    overview: (owner, hours) => reads.overview(owner, hours),
    close: () => db.close(),
  };
  if (isReader) return reading;
  // Whoever wrote here before is gone, and more findings join no incident of his.
  if (!isGuest) db.exec("UPDATE incident SET is_open = 0 WHERE is_open = 1");
  const writes = new SqliteWrites(db, path, limits);
  if (!isGuest) setInterval(() => age(writes), AGE_EVERY_MS).unref();
  return {
    ...reading,
    append: (lines) => writes.append(lines),
    decide: (owner, id, decision, who) => writes.decide(owner, id, decision, who),
  };
}

/** A step at a time: who asks meanwhile is answered in between. */
function age(writes: SqliteWrites): void {
  try {
    if (writes.age()) setImmediate(() => age(writes));
  } catch {
    // The disk is full, say, or the store was closed: what comes next tells of it.
  }
}

const told = (number: number, value: unknown, error: unknown): void => {
  const code = (error as { errcode?: number } | null)?.errcode ?? null;
  const failed = error === null ? null : { reason: reasonOf(error), code };
  port.postMessage({ number, value, failed } satisfies Answer);
};

try {
  const answers = answersOf(open()) as Record<string, (...values: never[]) => unknown>;
  if (!isReader) forgetStart(); // somebody waits for one that reads
  port.on("message", ({ number, ask, values }: Question) => {
    try {
      told(number, answers[ask]!(...(values as never[])), null);
    } catch (error) {
      told(number, null, error);
    }
    if (ask === "close") port.close();
  });
  told(0, null, null);
} catch (error) {
  told(0, null, error);
  port.close();
}
