// SPDX-License-Identifier: Apache-2.0
// What writes to PostgreSQL. A batch of lines is one transaction: rows, words, counts by minute, hour and
// day. So all of them agree after a crash, and what was acknowledged is there.
//
// Several hosts may write to one database, and somebody may put a backup in its place at any time. So nothing
// is taken for known: each transaction asks for the numbers of its names, and its rows stand under those.
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
} from "../bounds.js";
import { type Decided, decided, isSame } from "../decided.js";
import { type StoredIncident, type Told, toldOf } from "../rows.js";
import type { Decision, Owner, StoreLimits } from "../store.js";
import { AGAIN_MAX, type Database, isContended, isNoPart, reasonOfDatabase, stateOf } from "./database.js";
import { forgetUnused, numbersOf } from "./names.js";
import { type Findings, namesOf, putFindings, putIncidents } from "./put.js";
import { wholeIncident } from "./reads.js";
import { checkVersion } from "./schema.js";
import { cleanName, cleanText } from "./texts.js";

/** Whoever tells of a finding again does so within that time: his agent, or a host that was started again. */
const BOUNDED_KEPT = 2n * NS_PER_DAY;
/** Rows of them, of all hosts together: whoever claims to be of the future may do so ever again. */
export const BOUNDED_MAX = 100_000;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** How a batch of lines went. */
export interface Appended {
  /** Lines that are no rows. */
  readonly refused: number;
  /** What the server said of the first that it refused; null: it saw none of them. */
  readonly reason: string | null;
}

const ALL_TAKEN: Appended = { refused: 0, reason: null };

/** Everything that is written. */
export class PostgresWrites {
  readonly #database: Database;
  readonly #limits: StoreLimits;
  readonly #now: () => bigint;
  /** As whom we write. */
  readonly #writer = randomUUID();
  /** Parts that were there when they were asked for. */
  readonly #days = new Set<bigint>();

  /** `now`: ns since the epoch of time. */
  constructor(database: Database, limits: StoreLimits, now: () => bigint = () => BigInt(Date.now()) * 1_000_000n) {
    this.#database = database;
    this.#limits = limits;
    this.#now = now;
  }

  /** One transaction. Throws where trying again may help: what is there already stays as it is. */
  async append(lines: readonly string[]): Promise<Appended> {
    const told = lines.flatMap((line) => rowOf(line) ?? []);
    const { refused, reason } = await this.#putOrRefuse(told);
    await this.#makeRoom();
    return { refused: lines.length - told.length + refused, reason };
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
      await ask("UPDATE word SET is_doomed = false WHERE id = $1::bigint AND is_doomed", tenant);
      await ask(
        `DELETE FROM audit WHERE tenant = $1::bigint AND who = $2 AND seq <= (SELECT seq FROM audit
         WHERE tenant = $1::bigint AND who = $2 ORDER BY seq DESC LIMIT 1 OFFSET $3)`,
        ...[tenant, name, AUDIT_MAX_OF_ONE],
      );
      return true;
    });
  }

  /** Says that we are there. */
  async beat(): Promise<void> {
    await this.#database.transact("tends", "write", async (ask) => {
      await checkVersion(ask);
      await ask(
        `INSERT INTO writer(id, host, seen) VALUES($1::uuid, $2, now())
         ON CONFLICT (id) DO UPDATE SET seen = excluded.seen`,
        ...[this.#writer, cleanName(hostname())],
      );
    });
  }

  /** Tidies, where no host that writes here has begun to in the last hour. */
  async tidyIfDue(): Promise<boolean> {
    const isOurs = await this.#database.transact("tends", "tend", async (ask) => {
      await checkVersion(ask);
      const claimed = await ask(
        "UPDATE meta SET tidied = now() WHERE tidied < now() - interval '1 hour' OR tidied > now() + interval '1 hour' RETURNING version",
      );
      return claimed.length > 0;
    });
    if (isOurs) await this.tidy();
    return isOurs;
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
    await this.#addDays([now / NS_PER_DAY, now / NS_PER_DAY + 1n], "tends");
    for (const [text, ...values] of [
      ["DELETE FROM incident WHERE last < $1::bigint", oldest],
      ["DELETE FROM rollup_minute WHERE minute < $1::bigint", now / NS_PER_MINUTE - MINUTES_KEPT],
      ["DELETE FROM rollup_hour WHERE hour < $1::bigint", oldest / NS_PER_MINUTE / MINUTES_PER_HOUR - 1n],
      ["DELETE FROM audit WHERE time < $1::bigint", oldest],
      ["DELETE FROM audit WHERE seq <= (SELECT max(seq) FROM audit) - $1::bigint", AUDIT_MAX],
      ["DELETE FROM bounded WHERE time < $1::bigint", now - BOUNDED_KEPT],
      ["DELETE FROM writer WHERE seen < now() - interval '1 day'"],
    ] as const)
      await this.#tend(text, ...values);
    await this.#boundIncidents();
    await this.#dropDays(oldest / NS_PER_DAY);
    await forgetUnused(this.#database);
  }

  /** While somebody reads for long, a backup say, they stay: nobody is to wait behind us for his end. */
  async #dropDays(before: bigint): Promise<void> {
    const old = await this.#tend<{ day: string }>("SELECT day FROM day WHERE day < $1::bigint ORDER BY day", before);
    for (const { day } of old) {
      try {
        await this.#database.transact("tends", "days", (ask) =>
          ask("SELECT drop_day(day) FROM day WHERE day = $1::bigint", day),
        );
      } catch (error) {
        if (isContended(error)) return;
        throw error;
      }
      this.#days.delete(BigInt(day));
    }
  }

  #tend<Row extends object>(text: string, ...values: readonly unknown[]): Promise<Row[]> {
    return this.#database.transact("tends", "tend", (ask) => ask<Row>(text, ...values));
  }

  async #putOrRefuse(told: readonly Told[]): Promise<Appended> {
    if (told.length === 0) return ALL_TAKEN;
    try {
      await this.#put(told);
      return ALL_TAKEN;
    } catch (error) {
      if (!isRefusal(error)) throw error;
      if (told.length === 1) return { refused: 1, reason: reasonOfDatabase(error) };
      const half = told.length >> 1; // one that is no row must not keep the others away
      const parts = [await this.#putOrRefuse(told.slice(0, half)), await this.#putOrRefuse(told.slice(half))] as const;
      return { refused: parts[0].refused + parts[1].refused, reason: parts[0].reason ?? parts[1].reason };
    }
  }

  async #put(told: readonly Told[]): Promise<void> {
    const oldest = this.#oldest();
    const findings: Findings[] = [];
    const incidents = new Map<string, { head: Omit<StoredIncident, "doc">; doc: string }>();
    for (const row of told)
      if (row.kind === "incident")
        incidents.set(cleanName(row.head.id), row); // as it was told last
      else if (BigInt(row.head.time) >= oldest) findings.push(row); // else it would go at once
    await this.#standWhereToldBefore(findings, oldest);
    for (let again = 0; ; again++)
      try {
        await this.#addDays(
          findings.map(({ head }) => BigInt(head.time) / NS_PER_DAY),
          "writes",
        );
        await this.#database.transact("writes", "write", async (ask) => {
          await checkVersion(ask);
          const names = [...namesOf(findings), ...[...incidents.values()].map(({ head }) => head.tenant)];
          const words = await numbersOf(ask, names);
          if (findings.length > 0) await putFindings(ask, findings, words);
          if (incidents.size > 0) await putIncidents(ask, [...incidents], words, this.#writer);
        });
        return;
      } catch (error) {
        if (!isNoPart(error)) throw error;
        this.#days.clear(); // somebody else has removed it
        if (again >= AGAIN_MAX) throw error;
      }
  }

  /** Of the future, a finding stands where it stood when it was told first, by whichever host. */
  async #standWhereToldBefore(findings: Findings[], oldest: bigint): Promise<void> {
    const bounded = findings.filter(({ head }) => head.isBounded === true);
    if (bounded.length === 0) return;
    const ids = bounded.map(({ head }) => head.id);
    const times = await this.#database.transact("writes", "write", async (ask) => {
      await checkVersion(ask);
      await ask(
        `INSERT INTO bounded(id, time) SELECT * FROM unnest($1::uuid[], $2::bigint[]) AS t(id, time) ORDER BY id
         ON CONFLICT DO NOTHING`,
        ids,
        bounded.map(({ head }) => head.time),
      );
      const rows = await ask<{ id: string; time: string }>(
        "SELECT id, time FROM bounded WHERE id = ANY($1::uuid[])",
        ids,
      );
      return new Map(rows.map(({ id, time }) => [id, time]));
    });
    await this.#database.transact("writes", "write", (ask) => ask(DELETE_BOUNDED, BOUNDED_MAX));
    const all = findings.splice(0);
    for (const finding of all) {
      const { head } = finding;
      const time = head.isBounded === true ? (times.get(head.id.toLowerCase()) ?? head.time) : head.time;
      if (BigInt(time) >= oldest) findings.push({ ...finding, head: { ...head, time } });
    }
  }

  async #addDays(wanted: readonly bigint[], door: "writes" | "tends"): Promise<void> {
    const missing = [...new Set(wanted)].filter((day) => !this.#days.has(day));
    if (missing.length === 0) return;
    await this.#database.transact(door, "days", (ask) =>
      ask(
        "SELECT add_day(new) FROM unnest($1::bigint[]) AS new WHERE NOT EXISTS (SELECT FROM day WHERE day = new)",
        missing,
      ),
    );
    for (const day of missing) this.#days.add(day);
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
        if (isWithin) return false;
        const gone = await ask(DELETE_OLDEST, DELETE_AT_ONCE);
        // It is said to have most, and has none: what is said of it is wrong, and would hold for ever.
        if (gone.length === 0) {
          await ask("SELECT FROM tally FOR UPDATE"); // whoever counts has ended: what he wrote is seen below
          await ask(FORGET_EMPTY);
        }
        return true;
      });
      if (!isTooMuch) return;
    }
  }

  /** Closed ones go, those of the tenant that has most, of those that have any closed. */
  async #boundIncidents(): Promise<void> {
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const isTooMuch = await this.#database.transact("tends", "tend", async (ask) => {
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
  FROM counted c WHERE t.day = c.day AND t.tenant = c.tenant
  RETURNING t.day`;

/** Those that were told first, beyond so many. */
const DELETE_BOUNDED = `
  DELETE FROM bounded WHERE time <= (SELECT time FROM bounded ORDER BY time DESC LIMIT 1 OFFSET $1::bigint)`;

const FORGET_EMPTY = `
  DELETE FROM tally t WHERE NOT EXISTS (SELECT FROM finding f WHERE f.tenant = t.tenant)`;

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

/** What the server says of a value that it does not take. */
function isRefusal(error: unknown): boolean {
  const state = stateOf(error) ?? "";
  return (/^(22|23|54)/.test(state) && !isNoPart(error)) || error instanceof SyntaxError;
}
