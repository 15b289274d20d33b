// SPDX-License-Identifier: Apache-2.0
// The tables of SQLite. A change is a text more at the end of the list: each is run once, in a transaction,
// and the file remembers how many there were. Names that come again and again (tenants, rules, containers)
// are numbers in `word`, so that the indexes by which findings are looked through stay small: each holds all
// that a filter asks for, and no document.
//
//   finding          one row a finding; finding_text is what is searched by words, and finding_owned the same
//                    of tenants' findings, by tenant (words.ts); owned_since: the last row that is not in it
//   tally            how many findings each tenant has: the one with most gives way first
//   rollup_minute    findings by minute, tenant and priority       rollup_hour   also by rule and container
//   incident         as it was told last, and what people decided (case_*); its document is in incident_doc
//   audit            what people did
import type { DatabaseSync } from "node:sqlite";

/** In their order. What stands here never changes. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE word(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
  CREATE TABLE finding(
    seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, priority INTEGER NOT NULL, rule INTEGER NOT NULL,
    tenant INTEGER NOT NULL, container INTEGER NOT NULL, container_id INTEGER NOT NULL, incident TEXT,
    id BLOB NOT NULL UNIQUE, doc TEXT NOT NULL);
  CREATE INDEX finding_time ON finding(time, seq, priority, rule, tenant, container, container_id);
  CREATE INDEX finding_tenant ON finding(tenant, time, seq, priority, rule, container, container_id);
  CREATE INDEX finding_rule ON finding(rule, time, seq, priority, tenant, container, container_id);
  CREATE INDEX finding_incident ON finding(incident, time, seq) WHERE incident IS NOT NULL;
  CREATE VIRTUAL TABLE finding_text USING fts5(words, content='', contentless_delete=1);
  CREATE TABLE tally(tenant INTEGER PRIMARY KEY, findings INTEGER NOT NULL);
  CREATE TABLE rollup_minute(
    minute INTEGER NOT NULL, tenant INTEGER NOT NULL, priority INTEGER NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY(minute, tenant, priority)) WITHOUT ROWID;
  CREATE TABLE rollup_hour(
    hour INTEGER NOT NULL, tenant INTEGER NOT NULL, rule INTEGER NOT NULL, container INTEGER NOT NULL,
    priority INTEGER NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY(hour, tenant, rule, container, priority)) WITHOUT ROWID;
  CREATE TABLE incident(
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, tenant INTEGER NOT NULL, severity INTEGER NOT NULL,
    is_open INTEGER NOT NULL, into_id TEXT, first INTEGER NOT NULL, last INTEGER NOT NULL, size INTEGER NOT NULL,
    container TEXT NOT NULL, words TEXT NOT NULL,
    case_state TEXT NOT NULL DEFAULT 'open', case_verdict TEXT, case_note TEXT, case_by TEXT, case_at INTEGER);
  CREATE TABLE incident_doc(seq INTEGER PRIMARY KEY, doc TEXT NOT NULL);
  CREATE INDEX incident_tenant ON incident(tenant, seq);
  CREATE INDEX incident_case ON incident(case_state, tenant, severity) WHERE into_id IS NULL;
  CREATE TABLE audit(
    seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, who TEXT NOT NULL, tenant INTEGER NOT NULL,
    action TEXT NOT NULL, incident TEXT, detail TEXT NOT NULL);
  CREATE INDEX audit_incident ON audit(incident, seq);
  `,
  "CREATE INDEX audit_tenant ON audit(tenant, who, seq)",
  `
  CREATE VIRTUAL TABLE finding_owned USING fts5(words, content='', contentless_delete=1);
  CREATE TABLE owned_since(seq INTEGER NOT NULL);
  INSERT INTO owned_since SELECT coalesce(max(seq), 0) FROM finding;
  `,
];

/** The file was made by a later Vedette, which may have changed what rows mean. */
export class FromLater extends Error {}

/** Somebody wants to read, and the tables that he reads are not there. */
export class NotMade extends Error {}

/**
 * Brings the tables up to date. Throws FromLater, or an error of SQLite. Only whoever writes findings may: an
 * earlier Vedette that goes on writing fills none of the tables that a later one made.
 */
export function migrate(db: DatabaseSync, migrations: readonly string[] = MIGRATIONS): void {
  const version = versionOf(db, migrations);
  for (let done = version; done < migrations.length; done++)
    inTransaction(db, () => {
      db.exec(migrations[done] as string);
      db.exec(`PRAGMA user_version = ${done + 1}`);
    });
}

/** For a guest, who changes no table. Throws FromLater, NotMade, or an error of SQLite. */
export function checkMade(db: DatabaseSync, migrations: readonly string[] = MIGRATIONS): void {
  const version = versionOf(db, migrations);
  if (version === 0) throw new NotMade("no Vedette has written there yet");
  if (version < migrations.length)
    throw new NotMade("it was made by an earlier version of Vedette; start a newer one that writes there");
}

function versionOf(db: DatabaseSync, migrations: readonly string[]): number {
  const { user_version: version } = db.prepare("PRAGMA user_version").get() as { user_version: number };
  if (version > migrations.length) throw new FromLater("it was made by a later version of Vedette");
  return version;
}

/** All of it, or nothing. */
export function inTransaction(db: DatabaseSync, work: () => void): void {
  db.exec("BEGIN IMMEDIATE");
  try {
    work();
    db.exec("COMMIT");
  } catch (error) {
    if (db.isTransaction) db.exec("ROLLBACK");
    throw error;
  }
}
