// SPDX-License-Identifier: Apache-2.0
// What writes to SQLite, in the thread that owns the connection. A batch of lines is one transaction: rows,
// words, counts by minute and hour, and what has to go to make room. So all of them agree after a crash, and
// what was acknowledged is there.
import { statSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { reasonOf } from "../reason.js";
import {
  AUDIT_MAX,
  AUDIT_MAX_OF_ONE,
  DELETE_AT_ONCE,
  HOPS_MAX,
  INCIDENTS_MAX,
  INCIDENTS_SHARE,
  MINUTES_KEPT,
  MINUTES_PER_HOUR,
  NS_PER_DAY,
  NS_PER_MINUTE,
  ROUNDS_MAX,
  WORDS_MANY,
} from "./bounds.js";
import { type Decided, decided, isSame } from "./decided.js";
import { AsideFiles } from "./folder.js";
import { type FindingHead, type StoredIncident, type Told, toldOf } from "./rows.js";
import { inTransaction } from "./schema.js";
import { Statements } from "./statements.js";
import type { Decision, StoreLimits } from "./store.js";
import { ownedWord, wordsOf } from "./words.js";

/** Of the limit's bytes: the log of what is not in the file yet, and what one batch adds. */
const SPARE = 0.9;
const PAGES_FREED_AT_ONCE = 2_000;
/** Batches, and names that are known without asking. */
const WORDS_EVERY = 1_000;
const FULLEST_CLOSED =
  "SELECT tenant FROM incident GROUP BY tenant HAVING min(is_open) = 0 ORDER BY sum(size) DESC LIMIT 1";
/** Codes of SQLite behind which trying again may help: busy, read-only, I/O, damaged, full, cannot open. */
const LATER = new Set([5, 6, 8, 10, 11, 13, 14, 26]);

/** How a batch of lines went. */
export interface Written {
  /** So many are no rows. */
  readonly refused: number;
  /** Why no room could be made behind it; null: there is room. */
  readonly full: string | null;
  /** Damaged files that had been set aside, and had to go. */
  readonly removed: readonly string[];
}

/** Everything that is written. One for each connection. */
export class SqliteWrites {
  readonly #db: DatabaseSync;
  readonly #path: string | null;
  readonly #limits: StoreLimits;
  readonly #now: () => bigint;
  readonly #statements: Statements;
  readonly #words = new Map<string, bigint>();
  readonly #aside: AsideFiles;
  /** No room could be made when that was tried last. */
  #isFull = false;
  #incidentBytes: number;
  #batches = 0;

  /** `path`: of the file; null: it is in memory. `now`: ns since the epoch. */
  constructor(
    db: DatabaseSync,
    path: string | null,
    limits: StoreLimits,
    now: () => bigint = () => BigInt(Date.now()) * 1_000_000n,
  ) {
    this.#db = db;
    this.#statements = new Statements(db);
    this.#path = path;
    this.#aside = new AsideFiles(path, () => Number(this.#now() / 1_000_000n));
    this.#limits = limits;
    this.#now = now;
    this.#incidentBytes = this.#sizeOfIncidents();
  }

  /**
   * One transaction, and room behind it. Throws where trying again may help; a line that is no row is left
   * out and counted. Where no room can be made, what comes is taken up to the limit, and nothing beyond it.
   */
  append(lines: readonly string[]): Written {
    const removed: string[] = [];
    if (this.#isFull && this.#isTooLarge(0, 1)) this.#tryRoom(removed);
    const refused = this.#putOrRefuse(lines);
    try {
      this.#tryRoom(removed);
      return { refused, full: null, removed };
    } catch (error) {
      return { refused, full: reasonOf(error), removed };
    }
  }

  #tryRoom(removed: string[]): void {
    this.#isFull = true;
    try {
      this.#makeRoom(removed);
      this.#isFull = false;
    } catch (error) {
      this.#undone();
      throw error;
    }
  }

  #putOrRefuse(lines: readonly string[]): number {
    try {
      inTransaction(this.#db, () => {
        for (const line of lines) this.#put(toldOf(line));
      });
      return 0;
    } catch (error) {
      this.#undone();
      if (isForLater(error) || lines.length === 0) throw error;
      if (lines.length === 1) return 1;
      return lines.reduce((refused, line) => refused + this.#putOrRefuse([line]), 0);
    }
  }

  /** What is too old goes, a step at a time, also where nothing comes. True: there is more. */
  age(): boolean {
    try {
      const oldest = this.#oldest();
      if (this.#deleteOldest(null, oldest) === DELETE_AT_ONCE) return true;
      this.#boundIncidents(oldest);
      this.#forget(oldest);
      return false;
    } catch (error) {
      this.#undone();
      throw error;
    }
  }

  /**
   * False: there is no such incident for the owner. One that became a part of another stands for that. What
   * changes nothing is not written down, and what one did long ago gives way to what he does now: whoever
   * decides again and again fills no disk.
   */
  decide(owner: string | null, asked: string, decision: Decision, who: string): boolean {
    let isThere = false;
    inTransaction(this.#db, () => {
      const id = this.#whole(asked);
      const found = this.#statements
        .of(
          `SELECT tenant, case_state AS "case", case_verdict AS verdict, case_note AS note FROM incident WHERE id = ?`,
        )
        .get(id) as (Decided & { readonly tenant: bigint }) | undefined;
      if (id === null || found === undefined || (owner !== null && found.tenant !== this.#word(owner))) return;
      isThere = true;
      const { tenant, ...before } = found;
      const after = decided(before, decision);
      if (isSame(before, after)) return;
      const now = this.#now();
      this.#statements
        .of(
          `UPDATE incident SET case_state = ?, case_verdict = ?, case_note = ?, case_by = ?, case_at = ?
         WHERE id = ?`,
        )
        .run(after.case, after.verdict, after.note, who, now, id);
      this.#statements
        .of("INSERT INTO audit(time, who, tenant, action, incident, detail) VALUES(?, ?, ?, ?, ?, ?)")
        .run(...[now, who, tenant, "incident", id, JSON.stringify(decision)]);
      this.#statements
        .of(
          `DELETE FROM audit WHERE tenant = ?1 AND who = ?2 AND seq <= (SELECT seq FROM audit
           WHERE tenant = ?1 AND who = ?2 ORDER BY seq DESC LIMIT 1 OFFSET ${AUDIT_MAX_OF_ONE})`,
        )
        .run(tenant, who);
    });
    return isThere;
  }

  /** The incident that this one is a part of, or itself; null: it is none. */
  #whole(id: string): string | null {
    let sought = id;
    for (let hop = 0; hop < HOPS_MAX; hop++) {
      const found = this.#statements.of("SELECT into_id FROM incident WHERE id = ?").get(sought) as
        | { into_id: string | null }
        | undefined;
      if (found === undefined) return null;
      if (found.into_id === null) return sought;
      sought = found.into_id;
    }
    return null;
  }

  #put(told: Told): void {
    if (told.kind === "finding") this.#finding(told.head, told.doc, told.words);
    else this.#incident(told.head, told.doc);
  }

  #finding({ id, time, priority, incident, ...head }: FindingHead, doc: string, words: string): void {
    const [rule, tenant, container] = [this.#word(head.rule), this.#word(head.tenant), this.#word(head.container)];
    const [at, grade] = [BigInt(time), BigInt(priority)];
    const row = [at, grade, rule, tenant, container, this.#word(head.containerId), incident, bytesOf(id), doc] as const;
    // What is told twice is one row.
    const { changes, lastInsertRowid: seq } = this.#statements
      .of(
        `INSERT INTO finding(time, priority, rule, tenant, container, container_id, incident, id, doc)
       VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(id) DO NOTHING`,
      )
      .run(...row);
    if (changes === 0 || changes === 0n) return;
    this.#statements.of("INSERT INTO finding_text(rowid, words) VALUES(?, ?)").run(seq, words);
    if (head.tenant !== "")
      this.#statements.of("INSERT INTO finding_owned(rowid, words) VALUES(?, ?)").run(
        seq,
        wordsOf(words)
          .map((word) => ownedWord(tenant, word))
          .join(" "),
      );
    this.#statements
      .of("INSERT INTO tally VALUES(?, 1) ON CONFLICT(tenant) DO UPDATE SET findings = findings + 1")
      .run(tenant);
    const minute = at / NS_PER_MINUTE;
    this.#statements
      .of(
        "INSERT INTO rollup_minute VALUES(?, ?, ?, 1) ON CONFLICT(minute, tenant, priority) DO UPDATE SET count = count + 1",
      )
      .run(minute, tenant, grade);
    this.#statements
      .of(
        `INSERT INTO rollup_hour VALUES(?, ?, ?, ?, ?, 1)
       ON CONFLICT(hour, tenant, rule, container, priority) DO UPDATE SET count = count + 1`,
      )
      .run(minute / MINUTES_PER_HOUR, tenant, rule, container, grade);
  }

  /** What people decided stays. */
  #incident(
    { id, tenant, severity, isOpen, into, title, container, first, last, tags }: Omit<StoredIncident, "doc">,
    doc: string,
  ): void {
    const words = [title, container, tenant, ...tags].join(" ").toLowerCase();
    const before = this.#statements.of("SELECT size FROM incident WHERE id = ?").get(id) as
      | { size: bigint }
      | undefined;
    this.#incidentBytes += doc.length - Number(before?.size ?? 0);
    const { seq } = this.#statements
      .of(
        `INSERT INTO incident(id, tenant, severity, is_open, into_id, first, last, size, container, words)
       VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT(id) DO UPDATE SET severity = excluded.severity, is_open = excluded.is_open,
         into_id = excluded.into_id, first = excluded.first, last = excluded.last, size = excluded.size,
         words = excluded.words
       RETURNING seq`,
      )
      .get(
        ...[id, this.#word(tenant), BigInt(severity), isOpen ? 1n : 0n, into, BigInt(first), BigInt(last)],
        ...[BigInt(doc.length), container, words],
      ) as { seq: bigint };
    this.#statements
      .of("INSERT INTO incident_doc VALUES(?, ?) ON CONFLICT(seq) DO UPDATE SET doc = excluded.doc")
      .run(seq, doc);
  }

  /** What a transaction that was undone had made is not there. */
  #undone(): void {
    this.#words.clear();
    this.#incidentBytes = this.#sizeOfIncidents();
  }

  #sizeOfIncidents(): number {
    return Number((this.#statements.of("SELECT coalesce(sum(size), 0) AS n FROM incident").get() as { n: bigint }).n);
  }

  /** What is from before that is too old; ns since the epoch. */
  #oldest(): bigint {
    return this.#now() - BigInt(this.#limits.days) * NS_PER_DAY;
  }

  /** What is too old goes, then what is too much. */
  #makeRoom(removed: string[]): void {
    const oldest = this.#oldest();
    for (let round = 0; round < ROUNDS_MAX; round++) {
      if (this.#deleteOldest(null, oldest) === DELETE_AT_ONCE) continue;
      const isTooLarge = this.#isTooLarge();
      const gone = isTooLarge ? this.#aside.removeOldest() : null;
      if (gone !== null) {
        removed.push(gone);
        continue;
      }
      const fullest = isTooLarge || this.#held() > this.#limits.findings ? this.#fullest() : null;
      if (fullest === null) break;
      this.#deleteOldest(fullest, null);
    }
    if (this.#batches++ % WORDS_EVERY === 0) this.#forget(oldest);
    this.#boundIncidents(oldest);
    if (this.#pages("freelist_count") > PAGES_FREED_AT_ONCE && this.#isTooLarge(0))
      this.#db.exec(`PRAGMA incremental_vacuum(${PAGES_FREED_AT_ONCE})`);
  }

  /** How many were. `tenant`: whose; null: everybody's. `before`: those that are older; null: all. */
  #deleteOldest(tenant: bigint | null, before: bigint | null): number {
    const where = tenant === null ? "time < ?" : "tenant = ?";
    const index = tenant === null ? "finding_time" : "finding_tenant";
    const rows = this.#statements
      .of(
        `SELECT seq, tenant FROM finding INDEXED BY ${index} WHERE ${where} ORDER BY time, seq LIMIT ${DELETE_AT_ONCE}`,
      )
      .all((tenant ?? before) as bigint) as unknown as { seq: bigint; tenant: bigint }[];
    if (rows.length === 0) return 0;
    inTransaction(this.#db, () => {
      for (const { seq, tenant: whose } of rows) {
        this.#statements.of("DELETE FROM finding WHERE seq = ?").run(seq);
        this.#statements.of("DELETE FROM finding_text WHERE rowid = ?").run(seq);
        this.#statements.of("DELETE FROM finding_owned WHERE rowid = ?").run(seq);
        this.#statements.of("UPDATE tally SET findings = findings - 1 WHERE tenant = ?").run(whose);
      }
    });
    return rows.length;
  }

  /** The tenant that has most: whoever floods the store loses his own. Null: nobody has any. */
  #fullest(): bigint | null {
    const found = this.#statements
      .of("SELECT tenant FROM tally WHERE findings > 0 ORDER BY findings DESC LIMIT 1")
      .get();
    return (found as { tenant: bigint } | undefined)?.tenant ?? null;
  }

  #held(): number {
    return Number((this.#statements.of("SELECT coalesce(sum(findings), 0) AS n FROM tally").get() as { n: bigint }).n);
  }

  /** Pages that are free again count as room. `part`: of the limit. */
  #isTooLarge(free = this.#pages("freelist_count"), part = SPARE): boolean {
    const others = this.#aside.bytes + (this.#path === null ? 0 : sizeOf(`${this.#path}-wal`));
    return (this.#pages("page_count") - free) * this.#pages("page_size") + others > this.#limits.bytes * part;
  }

  #pages(what: "page_count" | "freelist_count" | "page_size"): number {
    const found = this.#statements.of(`PRAGMA ${what}`).get() as Record<string, bigint>;
    return Number(found[what]);
  }

  /** Those that are too old, else closed ones: of the tenant that has most, of those that have any closed. */
  #boundIncidents(oldest: bigint): void {
    const { n } = this.#statements.of("SELECT count(*) AS n FROM incident").get() as { n: bigint };
    const isTooMuch = this.#incidentBytes > this.#limits.bytes * INCIDENTS_SHARE || Number(n) > INCIDENTS_MAX;
    const select = (where: string, ...values: readonly bigint[]) =>
      this.#statements
        .of(`SELECT seq, size FROM incident WHERE ${where} ORDER BY last LIMIT ${DELETE_AT_ONCE}`)
        .all(...values) as unknown as { seq: bigint; size: bigint }[];
    const tooOld = select("last < ?", oldest);
    const rows = tooOld.length === 0 && isTooMuch ? select(`is_open = 0 AND tenant = (${FULLEST_CLOSED})`) : tooOld;
    if (rows.length === 0) return;
    inTransaction(this.#db, () => {
      for (const { seq, size } of rows) {
        this.#statements.of("DELETE FROM incident WHERE seq = ?").run(seq);
        this.#statements.of("DELETE FROM incident_doc WHERE seq = ?").run(seq);
        this.#incidentBytes -= Number(size);
      }
    });
  }

  /** Now and then: counts that are too old, what people did long ago, names that nothing has any more. */
  #forget(oldest: bigint): void {
    const minute = this.#now() / NS_PER_MINUTE;
    inTransaction(this.#db, () => {
      this.#statements.of("DELETE FROM rollup_minute WHERE minute < ?").run(minute - MINUTES_KEPT);
      this.#statements.of("DELETE FROM rollup_hour WHERE hour < ?").run(oldest / NS_PER_MINUTE / MINUTES_PER_HOUR - 1n);
      this.#statements.of("DELETE FROM audit WHERE time < ?").run(oldest);
      this.#statements.of(`DELETE FROM audit WHERE seq <= (SELECT max(seq) FROM audit) - ${AUDIT_MAX}`).run();
      const { n } = this.#statements.of("SELECT count(*) AS n FROM word").get() as { n: bigint };
      if (Number(n) < WORDS_MANY) return;
      this.#words.clear();
      this.#db.exec(`DELETE FROM word WHERE id NOT IN (
        SELECT tenant FROM tally UNION SELECT tenant FROM incident UNION SELECT tenant FROM audit UNION
        SELECT tenant FROM rollup_minute UNION SELECT rule FROM rollup_hour UNION SELECT container FROM rollup_hour UNION
        SELECT rule FROM finding UNION SELECT container FROM finding UNION SELECT container_id FROM finding)`);
    });
  }

  #word(text: string): bigint {
    const known = this.#words.get(text);
    if (known !== undefined) return known;
    this.#statements.of("INSERT INTO word(text) VALUES(?) ON CONFLICT(text) DO NOTHING").run(text);
    const { id } = this.#statements.of("SELECT id FROM word WHERE text = ?").get(text) as { id: bigint };
    if (this.#words.size >= WORDS_EVERY) this.#words.clear();
    this.#words.set(text, id);
    return id;
  }
}

/** 16 bytes in place of 36 characters. */
function bytesOf(id: string): Uint8Array {
  return Buffer.from(id.replaceAll("-", ""), "hex");
}

function isForLater(error: unknown): boolean {
  const { errcode } = error as { errcode?: number };
  return errcode !== undefined && LATER.has(errcode & 0xff);
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
