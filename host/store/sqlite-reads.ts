// SPDX-License-Identifier: Apache-2.0
// What reads from SQLite. No query runs for long: SQLite cannot be interrupted here, so rows are looked
// through in chunks, and between chunks the clock decides. A page that ends by the clock says so and goes on
// from there.
//
// The owner stands in every query: of findings as the index that is walked, of all else as a condition.
import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import { PRIORITIES } from "../finding/priority.js";
import { HOPS_MAX, LOOK_MS_MAX, MINUTES_PER_HOUR, NS_PER_MINUTE, PAGE_BYTES_MAX, STEPS_MAX, TOP } from "./bounds.js";
import { cursorOf, NEWEST, type Place, placeOf } from "./cursor.js";
import { matchOf, ownedMatchOf } from "./search.js";
import { Statements } from "./statements.js";
import type { AuditQuery, FindingPage, FindingQuery, IncidentQuery, Overview, Owner, StorePage } from "./store.js";

/** Entries of an index that are looked through before the clock is asked: some 10 ms. */
const CHUNK = 50_000;
/** Of words the rows themselves are looked up. */
const TEXT_CHUNK = 2_000;
/** A page of incidents ends where so many bytes of documents were parsed for it. */
const PARSED_BYTES_MAX = 8 << 20;

interface Found {
  readonly seq: bigint;
  readonly time: bigint;
}

type Values = readonly SQLInputValue[];

/** A condition, and what its question marks stand for. */
interface Where {
  readonly text: string;
  readonly values: Values;
}

/** Everything that is read. One for each connection. */
export class SqliteReads {
  readonly #now: () => bigint;
  readonly #statements: Statements;

  /** `now`: ns since the epoch. */
  constructor(db: DatabaseSync, now: () => bigint = () => BigInt(Date.now()) * 1_000_000n) {
    this.#statements = new Statements(db);
    this.#now = now;
  }

  page(owner: Owner, query: FindingQuery): FindingPage {
    const asked = query.before == null ? NEWEST : placeOf(query.before);
    const { until = NEWEST.time } = query;
    const from =
      asked === null || asked.time < until ? asked : { time: until, seq: query.text === undefined ? 0n : asked.seq };
    const words = query.text === undefined ? null : matchOf(query.text);
    if (from === null || (query.text !== undefined && words === null)) return NO_FINDINGS;
    const known = this.#known(owner, query);
    if (known === null) return NO_FINDINGS;
    if (words === null) return this.#collect(query.limit, (count, place) => this.#walk(known, count, place), from);
    const sought = this.#sought(known, owner ?? query.tenant ?? "", query.text!, words);
    return this.#collect(query.limit, (count, place) => this.#search(known, sought, count, place), from);
  }

  /** `name`: of the tenant whose findings are asked for; empty: the operator's own, or all. */
  #sought({ whose }: Known, name: string, text: string, words: string): Sought {
    const owned = whose === null || name === "" ? null : ownedMatchOf(text, whose);
    if (owned === null) return { words, owned: null, since: 0n };
    const { seq: since } = this.#statements.of("SELECT seq FROM owned_since").get() as { seq: bigint };
    return { words, owned, since };
  }

  /** The newest opened first. Items lack what a timeline has. */
  incidents(owner: Owner, query: IncidentQuery): StorePage {
    const from = query.before == null ? NEWEST : placeOf(query.before);
    if (from === null) return NOTHING;
    const { tenant, case: state, severity, container, text } = query;
    const conditions: Where[] = [{ text: "into_id IS NULL AND i.seq < ?", values: [from.seq] }];
    for (const name of [owner, tenant]) if (name != null) conditions.push(equal("w.text", name));
    if (state !== undefined) conditions.push(equal("case_state", state));
    if (severity !== undefined) conditions.push({ text: "severity <= ?", values: [BigInt(severity)] });
    if (container !== undefined) conditions.push(equal("container", container));
    if (text !== undefined) conditions.push({ text: "instr(words, ?) > 0", values: [text.toLowerCase()] });
    const { text: where, values } = all(conditions);
    const rows = this.#statements
      .of(
        `SELECT i.seq, size, ${INCIDENT_COLUMNS} FROM incident i JOIN word w ON w.id = i.tenant
       WHERE ${where} ORDER BY i.seq DESC LIMIT ?`,
      )
      .all(...values, BigInt(query.limit + 1)) as unknown as (IncidentRow & { readonly size: bigint })[];
    // What is parsed counts, and not what is left of it: a timeline is most of an incident.
    return pageOf(rows, query.limit, {
      bytes: ({ size }) => Number(size),
      json: (row) => this.#incidentJson(row, true),
    });
  }

  incident(owner: Owner, id: string): string | null {
    let sought = id;
    for (let hop = 0; hop < HOPS_MAX; hop++) {
      const row = this.#statements
        .of(
          `SELECT i.seq, into_id, ${INCIDENT_COLUMNS} FROM incident i JOIN word w ON w.id = i.tenant
         WHERE i.id = ?1 AND (?2 IS NULL OR w.text = ?2)`,
        )
        .get(sought, owner) as (IncidentRow & { into_id: string | null }) | undefined;
      if (row === undefined) return null;
      if (row.into_id === null) return this.#incidentJson(row, false);
      sought = row.into_id;
    }
    return null;
  }

  audit(owner: Owner, { limit, incident, before }: AuditQuery): StorePage {
    const from = before == null ? NEWEST : placeOf(before);
    if (from === null) return NOTHING;
    const rows = this.#statements
      .of(
        `SELECT a.seq, a.time, who, w.text AS tenant, action, incident, detail
       FROM audit a JOIN word w ON w.id = a.tenant
       WHERE (?1 IS NULL OR incident = ?1) AND (?2 IS NULL OR w.text = ?2) AND a.seq < ?4
       ORDER BY a.seq DESC LIMIT ?3`,
      )
      .all(incident, owner, BigInt(limit + 1), from.seq) as unknown as AuditRow[];
    return pageOf(rows, limit, {
      bytes: ({ detail }) => detail.length,
      json: ({ seq: _, time, detail, ...row }) => {
        const head = JSON.stringify({ time: String(time), ...row });
        return isJson(detail) ? `${head.slice(0, -1)},"detail":${detail}}` : null;
      },
    });
  }

  overview(owner: Owner, hours: number): Overview {
    const minutes = BigInt(hours) * MINUTES_PER_HOUR;
    const step = (minutes + STEPS_MAX - 1n) / STEPS_MAX;
    const now = this.#now() / NS_PER_MINUTE;
    const [whose, since] = [this.#wordOf(owner), now - minutes + 1n];
    const counts = this.#statements
      .of(
        `SELECT minute / ?1 AS at, priority, sum(count) AS n FROM rollup_minute
       WHERE minute >= ?2 AND minute <= ?3 AND (?4 IS NULL OR tenant = ?4) GROUP BY at, priority ORDER BY at`,
      )
      .all(step, since, now, whose) as unknown as { at: bigint; priority: bigint; n: bigint }[];
    const steps = new Map<bigint, Record<string, number>>();
    for (const { at, priority, n } of counts) {
      const of = steps.get(at) ?? {};
      of[PRIORITIES[Number(priority)] as string] = Number(n);
      steps.set(at, of);
    }
    const most = (what: "rule" | "container") =>
      this.#statements
        .of(
          `SELECT w.text, sum(count) AS n FROM rollup_hour r JOIN word w ON w.id = r.${what}
         WHERE hour >= ?1 AND (?2 IS NULL OR tenant = ?2) GROUP BY r.${what} ORDER BY n DESC, w.text LIMIT ${TOP}`,
        )
        .all(since / MINUTES_PER_HOUR, whose) as unknown as { text: string; n: bigint }[];
    const open = this.#statements
      .of(
        `SELECT severity, count(*) AS n FROM incident WHERE case_state = 'open' AND into_id IS NULL
       AND (?1 IS NULL OR tenant = ?1) GROUP BY severity ORDER BY severity`,
      )
      .all(whose) as unknown as { severity: bigint; n: bigint }[];
    const count = (text: string): number => Number((this.#statements.of(text).get(whose) as { n: bigint }).n);
    return {
      open: Object.fromEntries(open.map(({ severity, n }) => [PRIORITIES[Number(severity)] as string, Number(n)])),
      findings: [...steps].map(([at, of]) => ({ time: String(at * step * NS_PER_MINUTE), counts: of })),
      stepSeconds: Number(step) * 60,
      containers: most("container").map(({ text: container, n }) => ({ container, count: Number(n) })),
      rules: most("rule").map(({ text: rule, n }) => ({ rule, count: Number(n) })),
      held: {
        findings: count("SELECT coalesce(sum(findings), 0) AS n FROM tally WHERE (?1 IS NULL OR tenant = ?1)"),
        incidents: count("SELECT count(*) AS n FROM incident WHERE into_id IS NULL AND (?1 IS NULL OR tenant = ?1)"),
      },
    };
  }

  /** The query with names as numbers; null: a name is not there, so nothing is found. */
  #known(owner: Owner, query: FindingQuery): Known | null {
    const names = [owner, query.tenant ?? null, query.rule ?? null, query.container ?? null];
    const [own, tenant, rule, container] = names.map((name) => (name === null ? null : this.#wordOf(name)));
    if ([own, tenant, rule, container].includes(NO_WORD)) return null;
    const conditions: Where[] = [];
    for (const whose of [own, tenant]) if (whose != null) conditions.push(equal("tenant", whose));
    if (rule != null) conditions.push(equal("rule", rule));
    if (container != null)
      conditions.push({ text: "(container = ? OR container_id = ?)", values: [container, container] });
    if (query.priority !== undefined) conditions.push({ text: "priority <= ?", values: [BigInt(query.priority)] });
    const { since, until, incident } = query;
    const window: Where[] = []; // `until` is where a walk begins, too
    if (since !== undefined) window.push({ text: "time >= ?", values: [since] });
    if (until !== undefined) window.push({ text: "time < ?", values: [until] });
    if (incident !== undefined) window.push(equal("incident", incident));
    return { whose: own ?? tenant ?? null, rule: rule ?? null, incident: incident ?? null, conditions, window };
  }

  /** One chunk of the index that fits best. */
  #walk({ whose, rule, incident, conditions, window }: Known, count: number, from: Place): Chunk {
    const lead: Where[] = [];
    let [index, columns] = ["finding_time", FINDING_COLUMNS];
    if (incident !== null) index = "finding_incident";
    else if (whose !== null) {
      index = "finding_tenant";
      lead.push(equal("tenant", whose));
    } else if (rule !== null) {
      index = "finding_rule";
      lead.push(equal("rule", rule));
    }
    const walked = all([...lead, ...window, { text: "(time, seq) < (?, ?)", values: [from.time, from.seq] }]);
    const kept = all(conditions);
    const order = "ORDER BY time DESC, seq DESC";
    const rows = this.#statements
      .of(
        `SELECT seq, time FROM (SELECT ${columns} FROM finding INDEXED BY ${index}
         WHERE ${walked.text} ${order} LIMIT ${CHUNK}) WHERE ${kept.text} ${order} LIMIT ?`,
      )
      .all(...walked.values, ...kept.values, BigInt(count)) as unknown as Found[];
    if (rows.length === count) return { rows, end: rows.at(-1) as Found };
    const end = this.#statements
      .of(`SELECT seq, time FROM finding INDEXED BY ${index} WHERE ${walked.text} ${order} LIMIT 1 OFFSET ${CHUNK - 1}`)
      .get(...walked.values) as Found | undefined;
    return { rows, end: end ?? null };
  }

  /** One chunk of those that have the words, in the order in which they came. */
  #search({ conditions, window }: Known, { words: text, owned, since }: Sought, count: number, from: Place): Chunk {
    const kept = all([...conditions, ...window]);
    const isOwned = owned !== null && from.seq > since + 1n;
    const [table, words, least] = isOwned ? ["finding_owned", owned, since] : ["finding_text", text, 0n];
    const hits = `SELECT rowid AS at FROM ${table} WHERE ${table} MATCH ? AND rowid < ? AND rowid > ? ORDER BY rowid DESC`;
    const rows = this.#statements
      .of(
        `SELECT seq, time FROM (${hits} LIMIT ${TEXT_CHUNK}) CROSS JOIN finding ON seq = at
       WHERE ${kept.text} ORDER BY seq DESC LIMIT ?`,
      )
      .all(words, from.seq, least, ...kept.values, BigInt(count)) as unknown as Found[];
    if (rows.length === count) return { rows, end: rows.at(-1) as Found };
    const end = this.#statements.of(`${hits} LIMIT 1 OFFSET ${TEXT_CHUNK - 1}`).get(words, from.seq, least) as
      | { at: bigint }
      | undefined;
    if (end !== undefined) return { rows, end: { seq: end.at, time: from.time } };
    // Those that were written before there was an index of the tenant's own.
    return { rows, end: isOwned && since > 0n ? { seq: since + 1n, time: from.time } : null };
  }

  #collect(limit: number, look: (count: number, from: Place) => Chunk, first: Place): FindingPage {
    const until = performance.now() + LOOK_MS_MAX;
    const [items, after]: [string[], string[]] = [[], []];
    let [bytes, damaged, from, found] = [0, 0, first, 0];
    for (;;) {
      // One more than is asked for says whether there is another page.
      const { rows, end } = look(limit - found + 1, from);
      for (const row of rows) {
        if (found === limit || bytes > PAGE_BYTES_MAX)
          return { items, next: cursorOf(from), isComplete: true, damaged, after };
        const doc = this.#doc(row.seq);
        bytes += doc?.length ?? 0;
        found++;
        from = row;
        if (doc === null) {
          damaged++;
          continue;
        }
        items.push(doc);
        after.push(cursorOf(from));
      }
      if (end === null) return { items, next: null, isComplete: true, damaged, after };
      from = end;
      if (performance.now() > until) return { items, next: cursorOf(from), isComplete: false, damaged, after };
    }
  }

  /** Null: it is no JSON any more. */
  #doc(seq: bigint): string | null {
    const row = this.#readable(() => this.#statements.of("SELECT doc, incident FROM finding WHERE seq = ?").get(seq));
    if (row === undefined) return null;
    const { doc, incident } = row as { doc: string; incident: string | null };
    if (!isJson(doc)) return null;
    return `{"seq":${seq},"incident":${JSON.stringify(incident)},${doc.slice(1)}`;
  }

  #incidentJson(row: IncidentRow, isBrief: boolean): string | null {
    const { seq, case_state: state, case_verdict: verdict, case_note: note, case_by: by, case_at: at, is_open } = row;
    const stored = this.#readable(() => this.#statements.of("SELECT doc FROM incident_doc WHERE seq = ?").get(seq)) as
      | { doc: string }
      | undefined;
    if (stored === undefined || !isJson(stored.doc)) return null;
    const { seq: _, rows, processes, ...brief } = JSON.parse(stored.doc) as Record<string, unknown>;
    // Its host is gone: nobody told how it ended.
    if (is_open === 0n && brief.state === "open") Object.assign(brief, { state: "closed", closed_by: "end" });
    const decided = { state, verdict, note, by, at: at === null ? null : String(at) };
    return JSON.stringify({
      seq: Number(seq),
      ...brief,
      case: decided,
      ...(isBrief ? {} : { rows, processes }),
    });
  }

  /** Undefined: it is not there any more, or the file is damaged where it was. */
  #readable<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (((error as { errcode?: number }).errcode ?? 0) % 256 === CORRUPT) return undefined;
      throw error;
    }
  }

  /** Null stays null: all of them. */
  #wordOf(text: string | null): bigint | null {
    if (text === null) return null;
    const found = this.#statements.of("SELECT id FROM word WHERE text = ?").get(text) as { id: bigint } | undefined;
    return found?.id ?? NO_WORD;
  }
}

const NOTHING: StorePage = { items: [], next: null, isComplete: true, damaged: 0 };
const NO_FINDINGS: FindingPage = { ...NOTHING, after: [] };
const NO_WORD = -1n;
/** SQLITE_CORRUPT. */
const CORRUPT = 11;
const FINDING_COLUMNS = "seq, time, priority, rule, tenant, container, container_id";
const INCIDENT_COLUMNS = "is_open, case_state, case_verdict, case_note, case_by, case_at";

interface IncidentRow {
  readonly seq: bigint;
  readonly is_open: bigint;
  readonly case_state: string;
  readonly case_verdict: string | null;
  readonly case_note: string | null;
  readonly case_by: string | null;
  readonly case_at: bigint | null;
}

interface AuditRow {
  readonly seq: bigint;
  readonly time: bigint;
  readonly who: string;
  readonly tenant: string;
  readonly action: string;
  readonly incident: string | null;
  readonly detail: string;
}

interface Known {
  readonly whose: bigint | null;
  readonly rule: bigint | null;
  readonly incident: string | null;
  readonly conditions: readonly Where[];
  readonly window: readonly Where[];
}

/** Words as queries of FTS5. */
interface Sought {
  /** Of all findings. */
  readonly words: string;
  /** Of a tenant's own; null: it is not one tenant that is asked for. */
  readonly owned: string | null;
  /** The last finding that is not in the index of tenants' own. */
  readonly since: bigint;
}

/** What one look gave. `end`: where the next one begins; null: all was looked through. */
interface Chunk {
  readonly rows: readonly Found[];
  readonly end: Place | null;
}

/**
 * The first `limit` of `rows`, of which one more says that there is another page. It ends by the clock or
 * where it is long enough, too. `json` gives null for one that is damaged, `bytes` what it costs to make.
 */
function pageOf<Row extends { readonly seq: bigint }>(
  rows: readonly Row[],
  limit: number,
  of: { readonly bytes: (row: Row) => number; readonly json: (row: Row) => string | null },
): StorePage {
  const until = performance.now() + LOOK_MS_MAX;
  const items: string[] = [];
  let [parsed, bytes, damaged] = [0, 0, 0];
  for (const [index, row] of rows.entries()) {
    const isLate = performance.now() > until;
    parsed += of.bytes(row);
    const isEnd = index === limit || parsed > PARSED_BYTES_MAX || isLate;
    const json = index > 0 && isEnd ? null : of.json(row);
    bytes += json?.length ?? 0;
    if (index > 0 && (isEnd || bytes > PAGE_BYTES_MAX)) {
      const next = cursorOf({ time: 0n, seq: rows[index - 1]!.seq });
      return { items, next, isComplete: !isLate, damaged };
    }
    if (json === null) damaged++;
    else items.push(json);
  }
  return { items, next: null, isComplete: true, damaged };
}

function equal(column: string, value: SQLInputValue): Where {
  return { text: `${column} = ?`, values: [value] };
}

function all(conditions: readonly Where[]): Where {
  if (conditions.length === 0) return { text: "TRUE", values: [] };
  return { text: conditions.map(({ text }) => text).join(" AND "), values: conditions.flatMap(({ values }) => values) };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
