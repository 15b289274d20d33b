// SPDX-License-Identifier: Apache-2.0
// How rows get into PostgreSQL: findings with what is counted by them, and incidents. One statement takes all
// rows of a batch, in columns. Each runs in the transaction of whoever writes (writes.ts).
import type { FindingHead, StoredIncident } from "../rows.js";
import type { Ask } from "./database.js";
import { cleanName, cleanText, vectorOf } from "./texts.js";

/** A finding as it is put. */
export interface Findings {
  readonly head: FindingHead;
  readonly doc: string;
  readonly words: string;
}

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

/** Rows of findings, and what is counted by them. `words`: the numbers of their names. */
export async function putFindings(
  ask: Ask,
  rows: readonly Findings[],
  words: ReadonlyMap<string, string>,
): Promise<void> {
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

/** Rows of incidents by their names, as `writer` tells them. */
export async function putIncidents(
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

/** What is to have a number before they are put. */
export function namesOf(findings: readonly Findings[]): string[] {
  return findings.flatMap(({ head }) => [head.rule, head.tenant, head.container, head.containerId]);
}
