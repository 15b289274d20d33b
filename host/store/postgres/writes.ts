// SPDX-License-Identifier: Apache-2.0
// What writes to PostgreSQL. A batch of lines is one transaction: rows, words, counts by minute, hour and
// day. So all of them agree after a crash, and what was acknowledged is there. Several hosts may write to one
// database; each knows names and days that others may remove, which the epoch of the tables tells.
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import {
  AUDIT_MAX,
  AUDIT_MAX_OF_ONE,
  DELETE_AT_ONCE,
  INCIDENTS_MAX,
  INCIDENTS_SHARE,
  MINUTES_KEPT,
  MINUTES_PER_HOUR,
  NS_PER_DAY,
  NS_PER_MINUTE,
  ROUNDS_MAX,
  WORDS_MANY,
} from "../bounds.js";
import { type Decided, decided, isSame } from "../decided.js";
import { type FindingHead, type StoredIncident, type Told, toldOf } from "../rows.js";
import type { Decision, Owner, StoreLimits } from "../store.js";
import { type Ask, type Database, stateOf } from "./database.js";
import { wholeIncident } from "./reads.js";
import { FromLater, MIGRATIONS, metaOf } from "./schema.js";
import { cleanName, cleanText, vectorOf } from "./texts.js";

/** Names that are known without asking. */
const WORDS_MAX = 1_000;
/** Times that somebody else changed what we know, behind each other. */
const AGAIN_MAX = 3;
const TIDY_EVERY_MS = 3_600_000;
const LOCK_NOT_AVAILABLE = "55P03";
/** A check that does not hold: there is no part of `finding` for the day. */
const NO_PART = "23514";
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

interface Findings {
  readonly head: FindingHead;
  readonly doc: string;
  readonly words: string;
}

/** Somebody else removed names or days that we know; we know none now. */
class Changed extends Error {}

/** Everything that is written. */
export class PostgresWrites {
  readonly #database: Database;
  readonly #limits: StoreLimits;
  readonly #now: () => bigint;
  /** As whom we write. */
  readonly #writer = randomUUID();
  readonly #words = new Map<string, string>();
  readonly #days = new Set<bigint>();
  #epoch = "";
  #tidied = Number.NEGATIVE_INFINITY;

  /** `now`: ns since the epoch of time. */
  constructor(database: Database, limits: StoreLimits, now: () => bigint = () => BigInt(Date.now()) * 1_000_000n) {
    this.#database = database;
    this.#limits = limits;
    this.#now = now;
  }

  /**
   * One transaction; gives how many lines were refused, since they are no rows. Throws where trying again may
   * help.
   */
  async append(lines: readonly string[]): Promise<number> {
    const told = lines.flatMap((line) => rowOf(line) ?? []);
    const refused = lines.length - told.length + (await this.#putOrRefuse(told));
    await this.#makeRoom();
    return refused;
  }

  /** See SqliteWrites.decide. */
  decide(owner: Owner, asked: string, decision: Decision, who: string): Promise<boolean> {
    return this.#database.transact("asks", "write", async (ask) => {
      const whole = await wholeIncident(ask, owner, asked);
      if (whole === null) return false;
      const [found] = await ask<Decided & { readonly tenant: string }>(
        `SELECT tenant, case_state AS "case", case_verdict AS verdict, case_note AS note FROM incident
         WHERE seq = $1::bigint FOR UPDATE`,
        whole.seq,
      );
      if (found === undefined) return false;
      const { tenant, ...before } = found;
      const note = decision.note === undefined ? undefined : cleanText(decision.note);
      const after = decided(before, { ...decision, note });
      if (isSame(before, after)) return true;
      const [now, name] = [this.#now(), cleanName(who)];
      await ask(
        `UPDATE incident SET case_state = $1, case_verdict = $2, case_note = $3, case_by = $4, case_at = $5
         WHERE seq = $6::bigint`,
        ...[after.case, after.verdict, after.note, name, now, whole.seq],
      );
      await ask(
        `INSERT INTO audit(time, who, tenant, action, incident, detail)
         VALUES($1::bigint, $2, $3::bigint, 'incident', $4, $5::json)`,
        ...[now, name, tenant, whole.id, JSON.stringify({ ...decision, note })],
      );
      await ask(
        `DELETE FROM audit WHERE tenant = $1::bigint AND who = $2 AND seq <= (SELECT seq FROM audit
         WHERE tenant = $1::bigint AND who = $2 ORDER BY seq DESC LIMIT 1 OFFSET $3)`,
        ...[tenant, name, AUDIT_MAX_OF_ONE],
      );
      return true;
    });
  }

  /** Says that we are there; now and then, but not the first time, it also removes what is too old. */
  async beat(isFirst = false): Promise<void> {
    await this.#database.transact("writes", "write", async (ask) => {
      if ((await metaOf(ask)).version > MIGRATIONS.length) throw new FromLater();
      await ask(
        `INSERT INTO writer(id, host, seen) VALUES($1::uuid, $2, now())
         ON CONFLICT (id) DO UPDATE SET seen = excluded.seen`,
        ...[this.#writer, cleanName(hostname())],
      );
    });
    if (isFirst || performance.now() - this.#tidied < TIDY_EVERY_MS) return;
    this.#tidied = performance.now(); // where that takes too long, it is not tried at each beat
    await this.tidy();
  }

  /** More findings join no incident of ours. */
  async leave(): Promise<void> {
    await this.#database.transact("writes", "write", (ask) =>
      ask("DELETE FROM writer WHERE id = $1::uuid", this.#writer),
    );
  }

  /** What is too old goes: days, incidents, counts, what people did long ago, names that nothing has. */
  async tidy(): Promise<void> {
    const [now, oldest] = [this.#now(), this.#oldest()];
    await this.#database.transact("writes", "change", async (ask) => {
      await addDays(ask, [now / NS_PER_DAY, now / NS_PER_DAY + 1n]);
      await ask("DELETE FROM incident WHERE last < $1::bigint", oldest);
      await ask("DELETE FROM rollup_minute WHERE minute < $1::bigint", now / NS_PER_MINUTE - MINUTES_KEPT);
      await ask("DELETE FROM rollup_hour WHERE hour < $1::bigint", oldest / NS_PER_MINUTE / MINUTES_PER_HOUR - 1n);
      await ask("DELETE FROM audit WHERE time < $1::bigint", oldest);
      await ask("DELETE FROM audit WHERE seq <= (SELECT max(seq) FROM audit) - $1::bigint", AUDIT_MAX);
      await ask("DELETE FROM writer WHERE seen < now() - interval '1 day'");
      await forgetWords(ask);
    });
    await this.#boundIncidents();
    await this.#dropDays(oldest / NS_PER_DAY);
  }

  /** While somebody reads for long, a backup say, they stay: nobody is to wait behind us for his end. */
  async #dropDays(before: bigint): Promise<void> {
    try {
      await this.#database.transact("writes", "change", async (ask) => {
        await ask("SET LOCAL lock_timeout = 2000");
        await ask("SELECT drop_day(day) FROM day WHERE day < $1::bigint", before);
      });
    } catch (error) {
      if (stateOf(error) !== LOCK_NOT_AVAILABLE) throw error;
    }
  }

  async #putOrRefuse(told: readonly Told[]): Promise<number> {
    if (told.length === 0) return 0;
    try {
      await this.#put(told);
      return 0;
    } catch (error) {
      if (!isRefusal(error)) throw error;
      if (told.length === 1) return 1;
      const half = told.length >> 1; // one that is no row must not keep the others away
      return (await this.#putOrRefuse(told.slice(0, half))) + (await this.#putOrRefuse(told.slice(half)));
    }
  }

  async #put(told: readonly Told[]): Promise<void> {
    const [oldest, latest] = [this.#oldest(), this.#now() + NS_PER_DAY];
    const findings: Findings[] = [];
    const incidents = new Map<string, { head: Omit<StoredIncident, "doc">; doc: string }>();
    for (const row of told)
      if (row.kind === "incident")
        incidents.set(cleanName(row.head.id), row); // as it was told last
      else if (BigInt(row.head.time) >= oldest) findings.push(withinTime(row, latest)); // else it would go at once
    for (let again = 0; ; again++)
      try {
        await this.#addDays(findings);
        await this.#database.transact("writes", "write", async (ask) => {
          await this.#checkEpoch(ask);
          const names = [...namesOf(findings), ...[...incidents.values()].map(({ head }) => head.tenant)];
          const words = await this.#wordsOf(ask, names);
          if (findings.length > 0) await putFindings(ask, findings, words);
          if (incidents.size > 0) await putIncidents(ask, [...incidents], words, this.#writer);
        });
        return;
      } catch (error) {
        this.#words.clear(); // what a transaction that was undone had made is not there
        if (stateOf(error) === NO_PART) this.#days.clear();
        if (!(error instanceof Changed) || again >= AGAIN_MAX) throw error;
      }
  }

  async #checkEpoch(ask: Ask): Promise<void> {
    const { version, epoch } = await metaOf(ask);
    if (version > MIGRATIONS.length) throw new FromLater();
    if (epoch === this.#epoch) return;
    const isFirst = this.#epoch === "";
    this.#epoch = epoch;
    if (isFirst) return;
    this.#words.clear();
    this.#days.clear();
    throw new Changed();
  }

  async #addDays(findings: readonly Findings[]): Promise<void> {
    const days = new Set(findings.map(({ head }) => BigInt(head.time) / NS_PER_DAY));
    const missing = [...days].filter((day) => !this.#days.has(day));
    if (missing.length === 0) return;
    await this.#database.transact("writes", "change", (ask) => addDays(ask, missing));
    for (const day of missing) this.#days.add(day);
  }

  /** The number of each name; those that are new get one. */
  async #wordsOf(ask: Ask, names: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const wanted = [...new Set(names.map(cleanName))];
    const unknown = wanted.filter((name) => !this.#words.has(name)).sort();
    if (unknown.length > 0) {
      await ask(
        `INSERT INTO word(text) SELECT new FROM unnest($1::text[]) AS new
         WHERE NOT EXISTS (SELECT FROM word WHERE text = new) ORDER BY new ON CONFLICT DO NOTHING`,
        unknown,
      );
      const rows = await ask<{ id: string; text: string }>(
        "SELECT id, text FROM word WHERE text = ANY($1::text[])",
        unknown,
      );
      if (this.#words.size > WORDS_MAX) this.#words.clear();
      for (const { id, text } of rows) this.#words.set(text, id);
      if (wanted.some((name) => !this.#words.has(name))) return this.#wordsOf(ask, names); // it was cleared
    }
    return this.#words;
  }

  /** What is from before that is too old; ns since the epoch of time. */
  #oldest(): bigint {
    return this.#now() - BigInt(this.#limits.days) * NS_PER_DAY;
  }

  /** The tenant that has most loses its oldest findings: whoever floods the store loses his own. */
  async #makeRoom(): Promise<void> {
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const isTooMuch = await this.#database.transact("writes", "write", async (ask) => {
        const [held] = await ask<{ findings: string; bytes: string }>(
          "SELECT coalesce(sum(findings), 0) AS findings, coalesce(sum(bytes), 0) AS bytes FROM tally",
        );
        const isWithin = Number(held?.findings) <= this.#limits.findings && Number(held?.bytes) <= this.#limits.bytes;
        if (!isWithin) await ask(DELETE_OLDEST, DELETE_AT_ONCE);
        return !isWithin;
      });
      if (!isTooMuch) return;
    }
  }

  /** Closed ones go, those of the tenant that has most, of those that have any closed. */
  async #boundIncidents(): Promise<void> {
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const isTooMuch = await this.#database.transact("writes", "write", async (ask) => {
        const [held] = await ask<{ count: string; bytes: string }>(
          "SELECT count(*) AS count, coalesce(sum(size), 0) AS bytes FROM incident",
        );
        const isWithin =
          Number(held?.count) <= INCIDENTS_MAX && Number(held?.bytes) <= this.#limits.bytes * INCIDENTS_SHARE;
        if (isWithin) return false;
        const gone = await ask(DELETE_CLOSED, DELETE_AT_ONCE);
        return gone.length > 0;
      });
      if (!isTooMuch) return;
    }
  }
}

const DELETE_OLDEST = `
  WITH fullest AS (
    SELECT tenant FROM tally WHERE findings > 0 GROUP BY tenant ORDER BY sum(findings) DESC LIMIT 1),
  oldest AS (
    SELECT time, id FROM finding WHERE tenant = (SELECT tenant FROM fullest) ORDER BY time, seq LIMIT $1::bigint),
  gone AS (
    DELETE FROM finding f USING oldest o WHERE f.time = o.time AND f.id = o.id RETURNING f.time, f.tenant, f.size),
  counted AS (
    SELECT time / 86400000000000 AS day, tenant, count(*) AS findings, sum(size) AS bytes FROM gone GROUP BY 1, 2)
  UPDATE tally t SET findings = t.findings - c.findings, bytes = t.bytes - c.bytes
  FROM counted c WHERE t.day = c.day AND t.tenant = c.tenant`;

const DELETE_CLOSED = `
  WITH state AS (
    SELECT i.seq, i.tenant, i.size, i.last, i.is_open AND EXISTS (
      SELECT FROM writer h WHERE h.id = i.writer AND h.seen > now() - interval '5 minutes') AS is_open
    FROM incident i),
  fullest AS (
    SELECT tenant FROM state GROUP BY tenant HAVING bool_or(NOT is_open) ORDER BY sum(size) DESC LIMIT 1)
  DELETE FROM incident WHERE seq IN (
    SELECT seq FROM state WHERE NOT is_open AND tenant = (SELECT tenant FROM fullest) ORDER BY last LIMIT $1::bigint)
  RETURNING seq`;

const PUT_FINDINGS = `
  WITH told AS (
    SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::smallint[], $4::bigint[], $5::bigint[], $6::bigint[],
      $7::bigint[], $8::text[], $9::integer[], $10::text[], $11::text[])
      WITH ORDINALITY AS t(time, id, priority, rule, tenant, container, container_id, incident, size, words, doc, nth)),
  kept AS (
    INSERT INTO finding(time, id, priority, rule, tenant, container, container_id, incident, size, words, doc)
    SELECT time, id, priority, rule, tenant, container, container_id, incident, size, words::tsvector, doc::json
    FROM told ORDER BY nth
    ON CONFLICT DO NOTHING -- what is told twice is one row
    RETURNING time, priority, rule, tenant, container, size),
  minutes AS (
    INSERT INTO rollup_minute SELECT time / 60000000000, tenant, priority, count(*) FROM kept
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (minute, tenant, priority) DO UPDATE SET count = rollup_minute.count + excluded.count),
  hours AS (
    INSERT INTO rollup_hour SELECT time / 3600000000000, tenant, rule, container, priority, count(*) FROM kept
    GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
    ON CONFLICT (hour, tenant, rule, container, priority) DO UPDATE SET count = rollup_hour.count + excluded.count)
  INSERT INTO tally SELECT time / 86400000000000, tenant, count(*), sum(size) FROM kept
  GROUP BY 1, 2 ORDER BY 1, 2
  ON CONFLICT (day, tenant) DO UPDATE SET
    findings = tally.findings + excluded.findings, bytes = tally.bytes + excluded.bytes`;

async function putFindings(ask: Ask, rows: readonly Findings[], words: ReadonlyMap<string, string>): Promise<void> {
  const id = (name: string): string => words.get(cleanName(name)) as string;
  const docs = rows.map(({ doc }) => cleanText(doc));
  await ask(
    PUT_FINDINGS,
    rows.map(({ head }) => head.time),
    rows.map(({ head }) => head.id),
    rows.map(({ head }) => head.priority),
    ...(["rule", "tenant", "container", "containerId"] as const).map((name) => rows.map(({ head }) => id(head[name]))),
    rows.map(({ head }) => (head.incident === null ? null : cleanName(head.incident))),
    docs.map((doc) => Buffer.byteLength(doc)),
    rows.map(({ words }) => vectorOf(words)),
    docs,
  );
}

/** What people decided stays, and nobody takes an incident from another tenant. */
const PUT_INCIDENTS = `
  INSERT INTO incident(id, tenant, severity, is_open, into_id, first, last, size, container, words, brief, writer)
  SELECT id, tenant, severity, is_open, into_id, first, last, size, container, words, brief::json, $12::uuid
  FROM unnest($1::text[], $2::bigint[], $3::smallint[], $4::boolean[], $5::text[], $6::bigint[], $7::bigint[],
    $8::integer[], $9::text[], $10::text[], $11::text[]) WITH ORDINALITY
    AS t(id, tenant, severity, is_open, into_id, first, last, size, container, words, brief, nth) ORDER BY nth
  ON CONFLICT (id) DO UPDATE SET severity = excluded.severity, is_open = excluded.is_open,
    into_id = excluded.into_id, first = excluded.first, last = excluded.last, size = excluded.size,
    words = excluded.words, brief = excluded.brief, writer = excluded.writer
  WHERE incident.tenant = excluded.tenant
  RETURNING seq, id`;

async function putIncidents(
  ask: Ask,
  rows: readonly (readonly [string, { readonly head: Omit<StoredIncident, "doc">; readonly doc: string }])[],
  words: ReadonlyMap<string, string>,
  writer: string,
): Promise<void> {
  const docs = new Map(rows.map(([id, { doc }]) => [id, parted(cleanText(doc))]));
  const heads = rows.map(([, { head }]) => head);
  const found = await ask<{ seq: string; id: string }>(
    PUT_INCIDENTS,
    rows.map(([id]) => id),
    heads.map(({ tenant }) => words.get(cleanName(tenant))),
    heads.map(({ severity }) => severity),
    heads.map(({ isOpen }) => isOpen),
    heads.map(({ into }) => (into === null ? null : cleanName(into))),
    heads.map(({ first }) => first),
    heads.map(({ last }) => last),
    rows.map(([, { doc }]) => Buffer.byteLength(doc)),
    heads.map(({ container }) => cleanName(container)),
    heads.map(({ title, container, tenant, tags }) =>
      cleanText([title, container, tenant, ...tags].join(" ").toLowerCase()),
    ),
    rows.map(([id]) => docs.get(id)?.brief),
    writer,
  );
  await ask(
    `INSERT INTO incident_rest(seq, rest) SELECT * FROM unnest($1::bigint[], $2::json[])
     ON CONFLICT (seq) DO UPDATE SET rest = excluded.rest`,
    found.map(({ seq }) => seq),
    found.map(({ id }) => docs.get(id)?.rest),
  );
}

/** What a list shows of an incident, and its timeline: nobody parses the latter for a list. */
function parted(doc: string): { readonly brief: string; readonly rest: string } {
  const { seq: _, rows, processes, ...brief } = JSON.parse(doc) as Record<string, unknown>;
  return { brief: JSON.stringify(brief), rest: JSON.stringify({ rows, processes }) };
}

/** In a transaction that changes. */
async function addDays(ask: Ask, days: readonly bigint[]): Promise<void> {
  await ask(
    `SELECT add_day(new) FROM unnest($1::bigint[]) AS new WHERE NOT EXISTS (SELECT FROM day WHERE day = new)`,
    days,
  );
}

async function forgetWords(ask: Ask): Promise<void> {
  const [held] = await ask<{ n: string }>("SELECT count(*) AS n FROM word");
  if (Number(held?.n) < WORDS_MANY) return;
  await ask(`DELETE FROM word WHERE id NOT IN (
    SELECT tenant FROM tally UNION SELECT tenant FROM incident UNION SELECT tenant FROM audit UNION
    SELECT tenant FROM rollup_minute UNION SELECT rule FROM rollup_hour UNION SELECT container FROM rollup_hour UNION
    SELECT rule FROM finding UNION SELECT container FROM finding UNION SELECT container_id FROM finding)`);
  await ask("UPDATE meta SET epoch = epoch + 1");
}

/** Null: it is none. */
function rowOf(line: string): Told | null {
  try {
    const told = toldOf(line);
    const { kind, head } = told;
    const texts =
      kind === "finding"
        ? [head.id, head.time, head.tenant, head.rule, head.container, head.containerId]
        : [head.id, head.tenant, head.title, head.container, head.first, head.last];
    if (!texts.every((text) => typeof text === "string")) return null;
    return kind === "incident" || (UUID.test(head.id) && BigInt(head.time) >= 0n) ? told : null;
  } catch {
    return null;
  }
}

/** What claims to be of the future stands where we are: it makes no days, and is not the newest for ever. */
function withinTime(row: Findings, latest: bigint): Findings {
  if (BigInt(row.head.time) <= latest) return row;
  return { ...row, head: { ...row.head, time: String(latest - NS_PER_DAY) } };
}

function namesOf(findings: readonly Findings[]): string[] {
  return findings.flatMap(({ head }) => [head.rule, head.tenant, head.container, head.containerId]);
}

/** What the server says of a value that it does not take. */
function isRefusal(error: unknown): boolean {
  const state = stateOf(error) ?? "";
  return (/^(22|23|54)/.test(state) && state !== NO_PART) || error instanceof SyntaxError;
}
