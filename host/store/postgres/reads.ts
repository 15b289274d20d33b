// SPDX-License-Identifier: Apache-2.0
// What reads from PostgreSQL. A page of findings is looked for in all of the time that is asked for, from its
// end on. The server stops a look that takes long; then smaller windows of time are looked through, each
// larger than the one before as long as they are quick, until the clock decides. A page that ends by the
// clock says so, and goes on from there. So it always comes further, whatever is asked.
//
// The owner stands in every query.
import { PRIORITIES } from "../../finding/priority.js";
import {
  HOPS_MAX,
  LOOK_MS_MAX,
  MINUTES_PER_HOUR,
  NS_PER_DAY,
  NS_PER_MINUTE,
  PAGE_BYTES_MAX,
  STEPS_MAX,
  TOP,
} from "../bounds.js";
import { cursorOf, NEWEST, type Place, placeOf } from "../cursor.js";
import type { AuditQuery, FindingPage, FindingQuery, IncidentQuery, Overview, Owner, StorePage } from "../store.js";
import { type Ask, type Database, isLate } from "./database.js";
import { Parameters } from "./parameters.js";
import { cleanName, cleanText, queryOf } from "./texts.js";

/** Windows of a search: the first and smallest, by what it grows, and shrinks when it takes long. */
const WINDOW = { least: NS_PER_MINUTE, grow: 4n, shrink: 16n };
/** A host that said nothing for so long is gone, and nobody tells how its incidents ended. */
const IS_OPEN =
  "(i.is_open AND EXISTS (SELECT FROM writer h WHERE h.id = i.writer AND h.seen > now() - interval '5 minutes'))";
const INCIDENT_COLUMNS = `i.seq, i.id, i.into_id, ${IS_OPEN} AS is_open, i.brief::text AS brief, case_state, case_verdict,
  case_note, case_by, case_at`;
const NO_WORD = "-1";
const NOTHING: StorePage = { items: [], next: null, isComplete: true, damaged: 0 };
const NO_FINDINGS: FindingPage = { ...NOTHING, after: [] };

interface FindingRow {
  readonly seq: string;
  readonly time: string;
  readonly incident: string | null;
  readonly doc: string;
  /** How many were found, of which these have room. */
  readonly found: string;
}

interface IncidentRow {
  readonly seq: string;
  readonly id: string;
  readonly into_id: string | null;
  readonly is_open: boolean;
  readonly brief: string;
  readonly case_state: string;
  readonly case_verdict: string | null;
  readonly case_note: string | null;
  readonly case_by: string | null;
  readonly case_at: string | null;
}

/** Who asks, and for what. `words`: as a tsquery. */
interface Asked {
  readonly owner: Owner;
  readonly query: FindingQuery;
  readonly words: string | null;
}

/** Names as numbers; these hold in the transaction in which they were asked for. */
interface Known {
  readonly tenants: readonly string[];
  readonly rule: string | null;
  readonly container: string | null;
}

/** Everything that is read. */
export class PostgresReads {
  readonly #database: Pick<Database, "transact">;

  constructor(database: Pick<Database, "transact">) {
    this.#database = database;
  }

  async page(owner: Owner, query: FindingQuery): Promise<FindingPage> {
    const asked = query.before == null ? NEWEST : placeOf(query.before);
    const words = query.text === undefined ? null : queryOf(query.text);
    if (asked === null || (query.text !== undefined && words === null)) return NO_FINDINGS;
    const { until = NEWEST.time } = query;
    const from = asked.time < until ? asked : { time: until, seq: 0n };
    return this.#collect({ owner, query, words }, from);
  }

  /** The newest opened first. Items lack what a timeline has. */
  async incidents(owner: Owner, query: IncidentQuery): Promise<StorePage> {
    const from = query.before == null ? NEWEST : placeOf(query.before);
    if (from === null) return NOTHING;
    const { limit, tenant, case: state, severity, container, text } = query;
    const given = new Parameters();
    const where = ["into_id IS NULL", `i.seq < ${given.of(from.seq, "bigint")}`];
    for (const name of [owner, tenant]) if (name != null) where.push(`w.text = ${given.of(cleanName(name), "text")}`);
    if (state !== undefined) where.push(`case_state = ${given.of(state, "text")}`);
    if (severity !== undefined) where.push(`severity <= ${given.of(severity, "smallint")}`);
    if (container !== undefined) where.push(`container = ${given.of(cleanName(container), "text")}`);
    if (text !== undefined) where.push(`strpos(words, ${given.of(cleanText(text).toLowerCase(), "text")}) > 0`);
    const rows = await this.#read((ask) =>
      ask<IncidentRow>(
        `SELECT ${INCIDENT_COLUMNS} FROM incident i JOIN word w ON w.id = i.tenant
         WHERE ${where.join(" AND ")} ORDER BY i.seq DESC LIMIT ${given.of(limit + 1, "bigint")}`,
        ...given.values,
      ),
    );
    return pageOf(rows, limit, (row) => incidentJson(row));
  }

  incident(owner: Owner, id: string): Promise<string | null> {
    return this.#read(async (ask) => {
      const row = await wholeIncident(ask, owner, id);
      if (row === null) return null;
      const [rest] = await ask<{ rest: string }>(
        "SELECT rest::text AS rest FROM incident_rest WHERE seq = $1::bigint",
        row.seq,
      );
      return incidentJson(row, rest?.rest ?? "{}");
    });
  }

  async audit(owner: Owner, { limit, incident, before }: AuditQuery): Promise<StorePage> {
    const from = before == null ? NEWEST : placeOf(before);
    if (from === null) return NOTHING;
    const given = new Parameters();
    const where = [`a.seq < ${given.of(from.seq, "bigint")}`];
    if (incident !== null) where.push(`incident = ${given.of(cleanName(incident), "text")}`);
    if (owner !== null) where.push(`w.text = ${given.of(cleanName(owner), "text")}`);
    const rows = await this.#read((ask) =>
      ask<{ seq: string; detail: string; time: string }>(
        `SELECT a.seq, a.time, who, w.text AS tenant, action, incident, detail::text AS detail
         FROM audit a JOIN word w ON w.id = a.tenant
         WHERE ${where.join(" AND ")} ORDER BY a.seq DESC LIMIT ${given.of(limit + 1, "bigint")}`,
        ...given.values,
      ),
    );
    return pageOf(
      rows,
      limit,
      ({ seq: _, detail, ...row }) => `${JSON.stringify(row).slice(0, -1)},"detail":${detail}}`,
    );
  }

  overview(owner: Owner, hours: number): Promise<Overview> {
    const minutes = BigInt(hours) * MINUTES_PER_HOUR;
    const step = (minutes + STEPS_MAX - 1n) / STEPS_MAX;
    const now = (BigInt(Date.now()) * 1_000_000n) / NS_PER_MINUTE;
    const since = now - minutes + 1n;
    return this.#read(async (ask) => {
      const whose = owner === null ? null : (await idsOf(ask, [owner]))[0]!;
      const counts = await ask<{ at: string; priority: number; n: string }>(
        `SELECT minute / $1::bigint AS at, priority, sum(count) AS n FROM rollup_minute
         WHERE minute >= $2::bigint AND minute <= $3::bigint AND ($4::bigint IS NULL OR tenant = $4)
         GROUP BY 1, 2 ORDER BY 1`,
        ...[step, since, now, whose],
      );
      const steps = new Map<string, Record<string, number>>();
      for (const { at, priority, n } of counts) {
        const of = steps.get(at) ?? {};
        of[PRIORITIES[priority] as string] = Number(n);
        steps.set(at, of);
      }
      const most = async (text: string) =>
        (await ask<{ text: string; n: string }>(text, since / MINUTES_PER_HOUR, whose, TOP)).map((row) => ({
          text: row.text,
          count: Number(row.n),
        }));
      const containers = await most(mostOf("container"));
      const rules = await most(mostOf("rule"));
      const open = await ask<{ severity: number; n: string }>(
        `SELECT severity, count(*) AS n FROM incident WHERE case_state = 'open' AND into_id IS NULL
         AND ($1::bigint IS NULL OR tenant = $1) GROUP BY 1 ORDER BY 1`,
        whose,
      );
      const count = async (text: string) => Number((await ask<{ n: string }>(text, whose))[0]?.n ?? 0);
      return {
        open: Object.fromEntries(open.map(({ severity, n }) => [PRIORITIES[severity] as string, Number(n)])),
        findings: [...steps].map(([at, of]) => ({ time: String(BigInt(at) * step * NS_PER_MINUTE), counts: of })),
        stepSeconds: Number(step) * 60,
        containers: containers.map(({ text: container, count }) => ({ container, count })),
        rules: rules.map(({ text: rule, count }) => ({ rule, count })),
        held: {
          findings: await count("SELECT sum(findings) AS n FROM tally WHERE ($1::bigint IS NULL OR tenant = $1)"),
          incidents: await count(
            "SELECT count(*) AS n FROM incident WHERE into_id IS NULL AND ($1::bigint IS NULL OR tenant = $1)",
          ),
        },
      };
    });
  }

  #read<T>(work: (ask: Ask) => Promise<T>): Promise<T> {
    return this.#database.transact("asks", "read", work);
  }

  async #collect(asked: Asked, first: Place): Promise<FindingPage> {
    const stop = performance.now() + LOOK_MS_MAX;
    const { limit, since = 0n } = asked.query;
    const [items, after]: [string[], string[]] = [[], []];
    let [from, bytes, isFurther] = [first, 0, false];
    let window: bigint | null = null; // all of it
    for (;;) {
      const least: bigint = window === null || from.time - window < since ? since : from.time - window;
      // One more than is asked for says whether there is another page.
      const rows = await this.#look(asked, { from, least }, limit - items.length + 1, window === WINDOW.least);
      if (rows === null) {
        window = window === null || window / WINDOW.shrink < WINDOW.least ? WINDOW.least : window / WINDOW.shrink;
        if (isFurther && performance.now() > stop)
          return { items, next: cursorOf(from), isComplete: false, damaged: 0, after };
        if (from.time === NEWEST.time) from = { time: soon(), seq: 0n }; // nothing is of later
        continue;
      }
      for (const row of rows) {
        if (items.length === limit || bytes > PAGE_BYTES_MAX)
          return { items, next: cursorOf(from), isComplete: true, damaged: 0, after };
        items.push(`{"seq":${row.seq},"incident":${JSON.stringify(row.incident)},${row.doc.slice(1)}`);
        bytes += row.doc.length;
        from = { time: BigInt(row.time), seq: BigInt(row.seq) };
        after.push(cursorOf(from));
      }
      if (rows.length < Number(rows[0]?.found ?? 0))
        return { items, next: cursorOf(from), isComplete: true, damaged: 0, after };
      if (least <= since) return { items, next: null, isComplete: true, damaged: 0, after };
      [from, isFurther] = [{ time: least, seq: 0n }, true]; // those of that very time were among them
      if (performance.now() > stop) return { items, next: cursorOf(from), isComplete: false, damaged: 0, after };
      window = (window ?? WINDOW.least) * WINDOW.grow;
    }
  }

  /** The newest before `from`, and not before `least`. Null: that takes long. The last look may. */
  async #look(
    asked: Asked,
    place: { readonly from: Place; readonly least: bigint },
    count: number,
    isLast: boolean,
  ): Promise<FindingRow[] | null> {
    try {
      return await this.#database.transact("asks", isLast ? "read" : "look", async (ask) => {
        const names = await known(ask, asked);
        if (names === null) return [];
        const { text, values } = lookOf(asked, names, place, count);
        return ask<FindingRow>(text, ...values);
      });
    } catch (error) {
      if (isLast || !isLate(error)) throw error;
      return null;
    }
  }
}

/** One look, as SQL. */
function lookOf(
  { query, words }: Asked,
  { tenants, rule, container }: Known,
  { from, least }: { readonly from: Place; readonly least: bigint },
  count: number,
): { readonly text: string; readonly values: readonly unknown[] } {
  const given = new Parameters();
  const at = { time: given.of(from.time, "bigint"), seq: given.of(from.seq, "bigint") };
  const where = [`time <= ${at.time}`, `(time, seq) < (${at.time}, ${at.seq})`];
  where.push(`time >= ${given.of(least, "bigint")}`);
  for (const tenant of tenants) where.push(`tenant = ${given.of(tenant, "bigint")}`);
  if (rule !== null) where.push(`rule = ${given.of(rule, "bigint")}`);
  if (container !== null) {
    const name = given.of(container, "bigint");
    where.push(`(container = ${name} OR container_id = ${name})`);
  }
  if (query.priority !== undefined) where.push(`priority <= ${given.of(query.priority, "smallint")}`);
  if (query.incident !== undefined) where.push(`incident = ${given.of(cleanName(query.incident), "text")}`);
  if (words !== null) where.push(`words @@ ${given.of(words, "tsquery")}`);
  const order = "ORDER BY time DESC, seq DESC";
  // Only as many documents as a page has room for are read, and always one.
  const text = `SELECT time, seq, incident, doc::text AS doc, found FROM (
        SELECT *, sum(size) OVER (${order}) - size AS before, count(*) OVER () AS found FROM (
          SELECT time, seq, incident, size, doc FROM finding
          WHERE ${where.join(" AND ")} ${order} LIMIT ${given.of(count, "bigint")}) newest) counted
      WHERE before <= ${given.of(PAGE_BYTES_MAX, "bigint")} ${order}`;
  return { text, values: given.values };
}

/** Behind what hosts with other clocks may have told. */
const soon = (): bigint => BigInt(Date.now()) * 1_000_000n + 2n * NS_PER_DAY;

function mostOf(what: "rule" | "container"): string {
  return `SELECT w.text, sum(count) AS n FROM rollup_hour r JOIN word w ON w.id = r.${what}
    WHERE hour >= $1::bigint AND ($2::bigint IS NULL OR tenant = $2) GROUP BY w.text ORDER BY n DESC, w.text
    LIMIT $3::bigint`;
}

/** Names as numbers; null: one is not there, so nothing is found. */
async function known(ask: Ask, { owner, query: { tenant, rule, container } }: Asked): Promise<Known | null> {
  const asked = [owner ?? undefined, tenant, rule, container];
  const ids = await idsOf(
    ask,
    asked.filter((name) => name !== undefined),
  );
  if (ids.includes(NO_WORD)) return null;
  const [own, other, ofRule, ofContainer] = asked.map((name) => (name === undefined ? null : ids.shift()!));
  return {
    tenants: [own, other].filter((id) => id != null),
    rule: ofRule ?? null,
    container: ofContainer ?? null,
  };
}

/** The number of each name; NO_WORD where there is none. */
async function idsOf(ask: Ask, names: readonly string[]): Promise<string[]> {
  if (names.length === 0) return [];
  const wanted = names.map(cleanName);
  const rows = await ask<{ id: string; text: string }>(
    "SELECT id, text FROM word WHERE text = ANY($1::text[])",
    wanted,
  );
  const ids = new Map(rows.map(({ id, text }) => [text, id]));
  return wanted.map((name) => ids.get(name) ?? NO_WORD);
}

/**
 * The incident with this id, or that which it became a part of; null: there is none for the owner.
 */
export async function wholeIncident(ask: Ask, owner: Owner, id: string): Promise<IncidentRow | null> {
  let sought = cleanName(id);
  for (let hop = 0; hop < HOPS_MAX; hop++) {
    const [row] = await ask<IncidentRow>(
      `SELECT ${INCIDENT_COLUMNS} FROM incident i JOIN word w ON w.id = i.tenant
       WHERE i.id = $1::text AND ($2::text IS NULL OR w.text = $2)`,
      ...[sought, owner === null ? null : cleanName(owner)],
    );
    if (row === undefined) return null;
    if (row.into_id === null) return row;
    sought = row.into_id;
  }
  return null;
}

/** `rest`: what a list leaves out. */
function incidentJson(row: IncidentRow, rest = "{}"): string {
  const brief = JSON.parse(row.brief) as Record<string, unknown>;
  if (!row.is_open && brief.state === "open") Object.assign(brief, { state: "closed", closed_by: "end" });
  const { case_state: state, case_verdict: verdict, case_note: note, case_by: by, case_at: at } = row;
  const head = JSON.stringify({ seq: Number(row.seq), ...brief, case: { state, verdict, note, by, at } });
  return rest === "{}" ? head : `${head.slice(0, -1)},${rest.slice(1)}`;
}

/** The first `limit` of `rows`, of which one more says that there is another page. */
function pageOf<Row extends { readonly seq: string }>(
  rows: readonly Row[],
  limit: number,
  json: (row: Row) => string,
): StorePage {
  const items: string[] = [];
  let bytes = 0;
  for (const [index, row] of rows.entries()) {
    if (index > 0 && (index === limit || bytes > PAGE_BYTES_MAX)) {
      const next = cursorOf({ time: 0n, seq: BigInt(rows[index - 1]!.seq) });
      return { items, next, isComplete: true, damaged: 0 };
    }
    const item = json(row);
    bytes += item.length;
    items.push(item);
  }
  return { items, next: null, isComplete: true, damaged: 0 };
}
