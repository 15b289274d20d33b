// SPDX-License-Identifier: Apache-2.0
// The tables of PostgreSQL, in a schema of their own, `vedette`. A change is a text more at the end of the
// list: each is run once, all that are missing in one transaction, behind a lock that lets one host at a time
// in. They mean what those of SQLite mean (schema.ts), and besides:
//
//   finding   parts by the day of `time`, finding_20261127 and so on; what is too old goes with its day
//   bounded   where findings that claimed to be of the future stand: one that is told again stands there too
//   day       which of them there are                 tally    findings and bytes by day and tenant
//   writer    hosts that write here: the incidents of one that says nothing any more are closed
//   meta      `version`: how many texts were run. `tidied`: when a host last removed what is too old
//   word      names as numbers. `is_doomed`: it goes, unless somebody writes it again before (see names.ts)
import type { Ask } from "./database.js";

/** In their order. What stands here never changes. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE word(id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, text text NOT NULL UNIQUE);
  CREATE SEQUENCE finding_seq;
  CREATE TABLE finding(
    time bigint NOT NULL, id uuid NOT NULL, seq bigint NOT NULL DEFAULT nextval('finding_seq'),
    priority smallint NOT NULL, rule bigint NOT NULL, tenant bigint NOT NULL, container bigint NOT NULL,
    container_id bigint NOT NULL, incident text, size integer NOT NULL, words tsvector NOT NULL, doc json NOT NULL,
    PRIMARY KEY(time, id)) PARTITION BY RANGE(time);
  CREATE INDEX finding_time ON finding(time, seq);
  CREATE INDEX finding_tenant ON finding(tenant, time, seq);
  CREATE INDEX finding_rule ON finding(rule, time, seq);
  CREATE INDEX finding_incident ON finding(incident, time, seq) WHERE incident IS NOT NULL;
  CREATE INDEX finding_words ON finding USING gin(words);
  CREATE TABLE day(day bigint PRIMARY KEY);
  CREATE TABLE tally(
    day bigint NOT NULL, tenant bigint NOT NULL, findings bigint NOT NULL, bytes bigint NOT NULL,
    PRIMARY KEY(day, tenant));
  CREATE TABLE rollup_minute(
    minute bigint NOT NULL, tenant bigint NOT NULL, priority smallint NOT NULL, count bigint NOT NULL,
    PRIMARY KEY(minute, tenant, priority));
  CREATE TABLE rollup_hour(
    hour bigint NOT NULL, tenant bigint NOT NULL, rule bigint NOT NULL, container bigint NOT NULL,
    priority smallint NOT NULL, count bigint NOT NULL, PRIMARY KEY(hour, tenant, rule, container, priority));
  CREATE TABLE writer(id uuid PRIMARY KEY, host text NOT NULL, seen timestamptz NOT NULL);
  CREATE TABLE incident(
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id text NOT NULL UNIQUE, tenant bigint NOT NULL,
    severity smallint NOT NULL, is_open boolean NOT NULL, writer uuid NOT NULL, into_id text, first bigint NOT NULL,
    last bigint NOT NULL, size integer NOT NULL, container text NOT NULL, words text NOT NULL, brief json NOT NULL,
    case_state text NOT NULL DEFAULT 'open', case_verdict text, case_note text, case_by text, case_at bigint);
  CREATE TABLE incident_rest(seq bigint PRIMARY KEY REFERENCES incident ON DELETE CASCADE, rest json NOT NULL);
  CREATE INDEX incident_tenant ON incident(tenant, seq);
  CREATE INDEX incident_case ON incident(case_state, tenant, severity) WHERE into_id IS NULL;
  CREATE TABLE audit(
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, time bigint NOT NULL, who text NOT NULL, tenant bigint NOT NULL,
    action text NOT NULL, incident text, detail json NOT NULL);
  CREATE INDEX audit_incident ON audit(incident, seq);
  CREATE INDEX audit_tenant ON audit(tenant, who, seq);

  -- Days count from 1970. Names of tables are made here alone, of a number.
  CREATE FUNCTION part_of(day bigint) RETURNS text LANGUAGE sql IMMUTABLE AS
    $$ SELECT 'finding_' || to_char(date '1970-01-01' + day::integer, 'YYYYMMDD') $$;
  CREATE FUNCTION add_day(new bigint) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, vedette, pg_temp AS $$
  BEGIN
    -- Whoever reads meanwhile, also a backup for hours, is not waited for: that is so of ATTACH alone.
    EXECUTE format('CREATE TABLE vedette.%I (LIKE vedette.finding INCLUDING ALL)', part_of(new));
    EXECUTE format('ALTER TABLE vedette.finding ATTACH PARTITION vedette.%I FOR VALUES FROM (%s) TO (%s)',
      part_of(new), new * 86400000000000, (new + 1) * 86400000000000);
    INSERT INTO day VALUES(new);
  END $$;
  CREATE FUNCTION drop_day(old bigint) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, vedette, pg_temp AS $$
  BEGIN
    EXECUTE format('DROP TABLE IF EXISTS vedette.%I', part_of(old));
    DELETE FROM day WHERE day = old;
    DELETE FROM tally WHERE day = old;
    UPDATE meta SET epoch = epoch + 1;
  END $$;
  `,
  `
  ALTER TABLE vedette.word ADD COLUMN is_doomed boolean NOT NULL DEFAULT false;
  ALTER TABLE vedette.meta ADD COLUMN tidied timestamptz NOT NULL DEFAULT '-infinity';
  `,
  `
  CREATE TABLE vedette.bounded(id uuid PRIMARY KEY, time bigint NOT NULL);
  CREATE INDEX bounded_time ON vedette.bounded(time);
  `,
];
/** Texts of others are in any alphabet. */
const ENCODING = "UTF8";

/** The tables were made by a later Vedette, which may have changed what rows mean. */
export class FromLater extends Error {
  constructor() {
    super("it was made by a later version of Vedette");
  }
}

/** Somebody wants to read, and there is nothing that could be read. */
export class NotMade extends Error {}

/** It cannot have every character. */
export class NotUnicode extends Error {
  constructor(encoding: string) {
    super(
      `its encoding is ${encoding}, and must be ${ENCODING}: CREATE DATABASE ... ENCODING '${ENCODING}' TEMPLATE template0`,
    );
  }
}

/**
 * Brings the tables up to date, in a transaction that changes. Throws FromLater, NotUnicode, an error of the
 * server.
 */
export async function migrate(ask: Ask, migrations: readonly string[] = MIGRATIONS): Promise<void> {
  await checkEncoding(ask);
  const [schema] = await ask<{ is: boolean }>("SELECT to_regnamespace('vedette') IS NOT NULL AS is");
  if (schema?.is !== true) await ask("CREATE SCHEMA vedette");
  // What has no schema in its name is made in the first one of the path.
  await ask("SET LOCAL search_path = vedette, pg_catalog, pg_temp");
  await ask("CREATE TABLE IF NOT EXISTS meta(version integer NOT NULL, epoch bigint NOT NULL)");
  await ask("INSERT INTO meta SELECT 0, 0 WHERE NOT EXISTS (SELECT FROM meta)");
  const [meta] = await ask<{ version: number }>("SELECT version FROM meta");
  const { version } = meta as { version: number };
  if (version > migrations.length) throw new FromLater();
  if (version === migrations.length) return;
  for (const text of migrations.slice(version)) await ask(text);
  await ask("UPDATE meta SET version = $1", migrations.length);
}

/** Throws FromLater, NotMade, NotUnicode. */
export async function checkMade(ask: Ask, migrations: readonly string[] = MIGRATIONS): Promise<void> {
  await checkEncoding(ask);
  const [meta] = await ask<{ is: boolean }>("SELECT to_regclass('vedette.meta') IS NOT NULL AS is");
  if (meta?.is !== true) throw new NotMade("no Vedette has written there yet");
  await checkVersion(ask, migrations);
}

/**
 * Another database may have taken the place of the one that was looked at before. Throws FromLater, NotMade.
 */
export async function checkVersion(ask: Ask, migrations: readonly string[] = MIGRATIONS): Promise<void> {
  const [meta] = await ask<{ version: number }>("SELECT version FROM meta");
  if (meta === undefined) throw new NotMade("no Vedette has written there yet");
  if (meta.version > migrations.length) throw new FromLater();
  if (meta.version < migrations.length)
    throw new NotMade("it was made by an earlier version of Vedette; start a newer one");
}

async function checkEncoding(ask: Ask): Promise<void> {
  const [server] = await ask<{ encoding: string }>("SELECT current_setting('server_encoding') AS encoding");
  if (server?.encoding !== ENCODING) throw new NotUnicode(server?.encoding ?? "unknown");
}
