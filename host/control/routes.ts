// SPDX-License-Identifier: Apache-2.0
// What the API answers, one row a path: the query that it takes, what it answers, and who may ask. The server
// works by this table, and openapi.ts makes docs/openapi.json from it.
import * as z from "zod";
import { VIEWS } from "../activity/activity.js";
import { PRIORITIES, type Priority } from "../finding/priority.js";
import type { RequestQuery, Requests } from "../metric/requests.js";
import type { OutputAsked, tryOne } from "../output/try-one.js";
import type { PolicyDetail } from "../policy/detail.js";
import type { Drafted } from "../policy/seated.js";
import type { PolicyStatus } from "../policy/status.js";
import type { AuditQuery, FindingQuery, IncidentQuery, Store, StorePage } from "../store/store.js";
import { CONDITION_MAX } from "./condition.js";
import type { ConnectionPages, ConnectionsAsked } from "./connection-page.js";
import type { EvidenceFiles } from "./evidence.js";
import type { History } from "./history.js";
import { Problem } from "./problem.js";
import type { Processes } from "./processes.js";
import type { MapQuery, ServiceMaps } from "./service-map.js";
import {
  AuditRow,
  ConnectionRow,
  EvidenceList,
  FindingRow,
  Health,
  IncidentBrief,
  IncidentRow,
  Monitor,
  OutputRow,
  Overview,
  type PolicyDrafted,
  type PolicyExplained,
  PolicyPage,
  PolicyRow,
  type PolicyTried,
  ProcessRow,
  Self,
  SensorRow,
  ServiceMap,
  TenantRow,
} from "./shapes.js";
import type { ExplainAsked } from "./trial.js";
import { ownerOf, sees, type Viewer } from "./viewer.js";

/** What the API shows. */
export interface Shown {
  /** The JSON of the sensor's health, and whether it is well. */
  health(): { readonly isWell: boolean; readonly json: string };
  /** Text of Prometheus. */
  metrics(): Promise<string>;
  policies(): readonly PolicyStatus[];
  /** What one is that runs; null: there is none of that name. */
  policy(tenant: string, policy: string): PolicyDetail | null;
  sensors(): readonly SensorRow[];
  tenants(): readonly TenantRow[];
  readonly store: Store;
  /** The store knows of incidents as they are now, from here on. */
  syncIncidents(): Promise<void>;
  readonly history: History;
  readonly processes: Processes;
  readonly connections: ConnectionPages;
  readonly requests: Requests;
  readonly serviceMaps: ServiceMaps;
  readonly evidence: EvidenceFiles;
  /** Sends a test to one output. */
  tryOutput(asked: OutputAsked, ms: number): ReturnType<typeof tryOne>;
  /** What a policy says to what just happened; null: there is none of that name. Throws a Problem. */
  tryPolicy(viewer: Viewer, tenant: string, policy: string): Promise<PolicyTried | null>;
  /** Why its rules said so of what just happened; null: there is none of that name. Throws a Problem. */
  explainPolicy(viewer: Viewer, asked: ExplainAsked): Promise<PolicyExplained | null>;
  /** What becomes of a draft of a policy; null: there is none of that name. Throws a Problem. */
  tryDraft(viewer: Viewer, drafted: Drafted): Promise<PolicyDrafted | null>;
  /** `store`: nothing runs here. */
  readonly from: "sensor" | "store";
}

/** A whole response. `type` is its content type. */
export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** One row of the table. */
export interface Route {
  /** `{name}` stands for one part, which the query describes. */
  readonly path: string;
  readonly summary: string;
  /** Whom it answers; `anybody`: each what is his. */
  readonly for: "operator" | "anybody";
  readonly query: z.ZodObject;
  /** Null: not JSON. */
  readonly answer: z.ZodType | null;
  readonly type: string;
  /** What makes the answer; a stream and the description of all this are the server's. */
  readonly of: "stream" | "description" | Make;
}

/** `query` has what `{braces}` in the path stand for, too. */
type Make = (shown: Shown, viewer: Viewer, query: Readonly<Record<string, unknown>>) => Answer | Promise<Answer>;

const LIMIT_MAX = 1_000;
const HISTORY_MAX = 100;
const INSTANT_MAX = 2n ** 62n;
const HOURS_MAX = 168;
const TEXT_MAX = 500;
/** Five tables a second, as a terminal draws them, and one in ten seconds. */
const [INTERVAL_MIN, INTERVAL_MAX] = [200, 10_000];
const ROWS_MAX = 200;
/** Of what meters measure an hour is kept. */
const MINUTES_MAX = 60;
/** Where tables of events are. */
export const ACTIVITY_PATH = "/api/v1/activity";
/** Where files of evidence are. */
export const EVIDENCE_PATH = "/api/v1/evidence/{file}";
const JSON_TYPE = "application/json";
const NOTHING = z.strictObject({});
const limit = z.coerce.number().int().min(1).max(LIMIT_MAX).default(100);
const before = z
  .string()
  .regex(/^[\w-]{1,80}$/)
  .optional()
  .describe("the `next` of the page before this one");
const text = z.string().min(1).max(TEXT_MAX).optional();
const least = z.enum(PRIORITIES).optional().describe("this one and those that are graver");
const instant = z
  .string()
  .regex(/^(\d{1,19}|\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?Z)$/)
  .optional()
  .describe("ns since the epoch, or 2026-11-27T08:00:00Z");
const page = <Row extends z.ZodType>(row: Row) =>
  z.strictObject({
    items: z.array(row),
    next: z.string().nullable().describe("null: there is no further page"),
    complete: z.boolean().describe("false: the time was up before all was looked through; `next` goes on"),
    damaged: z.int().describe("rows that cannot be read any more"),
  });

/** An incident's id is a UUID; the form is not checked, so that any is answered in one way. */
export const INCIDENT_ID = z.string().regex(/^[\w-]{1,64}$/);

/** Every path that the API answers by GET. What else a door does is in acts.ts. */
export const ROUTES: readonly Route[] = [
  {
    path: "/api/v1/health",
    summary: "Whether all is well; status 503 where it is not. A tenant is told the first two members alone.",
    for: "anybody",
    query: NOTHING,
    answer: Health,
    type: JSON_TYPE,
    of: ({ health }, viewer) => {
      const { isWell, json } = health();
      const { status, judging } = JSON.parse(json) as z.infer<typeof Health>;
      // Why it does not judge may name what is not the tenant's.
      const own = { status, judging: judging === null ? null : "it does not judge" };
      const body = viewer.kind === "operator" ? json : `${JSON.stringify(own)}\n`;
      return { status: isWell ? 200 : 503, type: JSON_TYPE, body };
    },
  },
  {
    path: "/api/v1/metrics",
    summary: "What Prometheus scrapes.",
    for: "operator",
    query: NOTHING,
    answer: null,
    type: "text/plain",
    of: async ({ metrics }) => ({
      status: 200,
      type: "text/plain; version=0.0.4; charset=utf-8",
      body: await metrics(),
    }),
  },
  {
    path: "/api/v1/policies",
    summary: "Each policy: its state, what it did, and what it cost.",
    for: "anybody",
    query: NOTHING,
    answer: z.array(PolicyRow),
    type: JSON_TYPE,
    of: ({ policies }, viewer) => found(JSON.stringify(policies().filter(({ tenant }) => sees(viewer, tenant)))),
  },
  {
    path: "/api/v1/policy",
    summary: "One policy: what /policies says of it, its parameters, its rules, and its text.",
    for: "anybody",
    query: z.strictObject({
      tenant: z.string().max(TEXT_MAX).default("").describe("empty: the operator's own"),
      policy: z.string().min(1).max(TEXT_MAX),
    }),
    answer: PolicyPage,
    type: JSON_TYPE,
    of: ({ policies, policy }, viewer, { tenant, policy: name }) => {
      const row = policies().find((one) => one.tenant === tenant && one.policy === name);
      if (row === undefined || !sees(viewer, row.tenant)) throw new Problem(404, "There is no such policy.");
      return found(JSON.stringify({ ...row, detail: policy(row.tenant, row.policy) }));
    },
  },
  {
    path: "/api/v1/findings",
    summary: "Alerts, the newest first.",
    for: "anybody",
    query: z.strictObject({
      ...{ limit, before, tenant: text, rule: text, container: text.describe("its name or id"), incident: text },
      priority: least,
      text: text.describe("words, each of which must be there"),
      since: instant,
      until: instant,
      condition: z
        .string()
        .min(1)
        .max(CONDITION_MAX)
        .optional()
        .describe("as in a rule of Falco's, over what is kept of the finding's event"),
    }),
    answer: page(FindingRow).extend({
      looked: z.int().nullable().describe("how many findings the condition was asked about; null: there is none"),
    }),
    type: JSON_TYPE,
    of: async ({ store, history }, viewer, { priority, since, until, condition, ...query }) => {
      const grades = { priority: gradeOf(priority), since: instantOf(since), until: instantOf(until) };
      const [owner, asked] = [ownerOf(viewer), { ...query, ...grades } as unknown as FindingQuery];
      if (condition === undefined) return pageAnswer(await store.page(owner, asked), { looked: null });
      const { looked, ...found } = await history.page(store, owner, asked, condition as string);
      return pageAnswer(found, { looked });
    },
  },
  {
    path: "/api/v1/incidents",
    summary: "Findings that belong together, the newest opened first, without their timelines.",
    for: "anybody",
    query: z.strictObject({
      ...{ limit, before, tenant: text, container: text.describe("its name or id") },
      case: z.enum(["open", "closed"]).optional(),
      severity: least,
      text: text.describe("a part of the title, the container, the tenant or a tag"),
    }),
    answer: page(IncidentBrief),
    type: JSON_TYPE,
    of: async ({ store, syncIncidents }, viewer, { severity, ...query }) => {
      await syncIncidents();
      const asked = { ...query, severity: gradeOf(severity) };
      return pageAnswer(await store.incidents(ownerOf(viewer), asked as unknown as IncidentQuery));
    },
  },
  {
    path: "/api/v1/incidents/{id}",
    summary: "One incident: its timeline, its processes, and what people did with it.",
    for: "anybody",
    query: z.strictObject({ id: INCIDENT_ID }),
    answer: IncidentRow,
    type: JSON_TYPE,
    of: async ({ store, syncIncidents }, viewer, { id }) => {
      await syncIncidents();
      const json = await store.incident(ownerOf(viewer), id as string);
      if (json === null) throw new Problem(404, "There is no such incident, or it is not kept any more.");
      const own = (JSON.parse(json) as { id: string }).id;
      const { items } = await store.audit(ownerOf(viewer), { limit: HISTORY_MAX, incident: own });
      return found(`${json.slice(0, -1)},"history":[${items.join(",")}]}`);
    },
  },
  {
    path: "/api/v1/incidents/{id}/evidence",
    summary: "The recordings that were kept for an incident or its findings, the newest first.",
    for: "operator",
    query: z.strictObject({ id: INCIDENT_ID }),
    answer: EvidenceList,
    type: JSON_TYPE,
    of: async ({ store, evidence }, viewer, { id }) => {
      const json = await store.incident(ownerOf(viewer), id as string);
      if (json === null) throw new Problem(404, "There is no such incident, or it is not kept any more.");
      return found(JSON.stringify(await evidence.ofIncident(JSON.parse(json))));
    },
  },
  {
    path: EVIDENCE_PATH,
    summary: "A recording or a capture, as it lies in the folder of evidence.",
    for: "operator",
    query: z.strictObject({ file: z.string().max(250) }),
    answer: null,
    type: "application/octet-stream",
    of: "stream",
  },
  {
    path: "/api/v1/overview",
    summary: "Numbers of the last hours: open incidents by severity, findings by time, and where most are.",
    for: "anybody",
    query: z.strictObject({ hours: z.coerce.number().int().min(1).max(HOURS_MAX).default(24) }),
    answer: Overview,
    type: JSON_TYPE,
    of: async ({ store }, viewer, { hours }) => {
      const counted = await store.overview(ownerOf(viewer), hours as number);
      const lost = Object.values(store.stats().dropped).reduce((all, one) => all + one, 0);
      return found(JSON.stringify({ ...counted, dropped: viewer.kind === "operator" ? lost : null }));
    },
  },
  {
    path: "/api/v1/audit",
    summary: "What people did, the newest first.",
    for: "anybody",
    query: z.strictObject({ limit, before, incident: text }),
    answer: page(AuditRow),
    type: JSON_TYPE,
    of: async ({ store }, viewer, { incident = null, ...query }) =>
      pageAnswer(await store.audit(ownerOf(viewer), { ...query, incident } as AuditQuery)),
  },
  {
    path: "/api/v1/outputs",
    summary: "Each output, the store among them: its state, what waits, what was dropped.",
    for: "operator",
    query: NOTHING,
    answer: z.array(OutputRow),
    type: JSON_TYPE,
    of: ({ health }) => found(JSON.stringify((JSON.parse(health().json) as { outputs?: unknown[] }).outputs ?? [])),
  },
  {
    path: "/api/v1/sensors",
    summary: "Each container that agents watch: what came of it, and what was lost.",
    for: "operator",
    query: NOTHING,
    answer: z.array(SensorRow),
    type: JSON_TYPE,
    of: ({ sensors }) => found(JSON.stringify(sensors())),
  },
  {
    path: "/api/v1/tenants",
    summary: "Each tenant: its scope, its limits, and how much of them it uses.",
    for: "anybody",
    query: NOTHING,
    answer: z.array(TenantRow),
    type: JSON_TYPE,
    of: ({ tenants }, viewer) => found(JSON.stringify(tenants().filter(({ name }) => sees(viewer, name)))),
  },
  {
    path: "/api/v1/processes",
    summary: "Processes that live, as far as events have told of them. `next` is the `after` of the page behind it.",
    for: "anybody",
    query: z.strictObject({
      limit,
      after: z.string().max(100).default(""),
      key: z.string().max(100).optional().describe("of one process, which is then the only one"),
      around: z
        .string()
        .max(100)
        .optional()
        .describe("of one process: its 64 nearest ancestors, itself, and 100 of its children"),
    }),
    answer: z.strictObject({
      items: z.array(ProcessRow),
      next: z.string().nullable(),
      more: z.boolean().describe("there are more, on the next page or beyond what `around` answers"),
    }),
    type: JSON_TYPE,
    of: ({ processes }, viewer, { limit, after, key, around }) => {
      if (around !== undefined) return found(JSON.stringify(processes.family(viewer, around as string)));
      return found(JSON.stringify(processes.page(viewer, limit as number, after as string, key as string | undefined)));
    },
  },
  {
    path: "/api/v1/connections",
    summary: "Who talks to whom, and who listens, since Vedette began; the rows made last first.",
    for: "anybody",
    query: z.strictObject({
      limit,
      before: z.coerce.number().int().min(0).optional().describe("the `next` of the page before this one"),
      direction: z.enum(["out", "in", "listening"]).optional(),
      new: z.enum(["true", "false"]).default("false").describe("true: rows of new places alone"),
      process: z.string().max(100).optional().describe("the key of the process whose they are"),
      filter: z.string().min(1).optional().describe("a condition, as in a rule of Falco's, on what a row knows"),
    }),
    answer: z.strictObject({
      items: z.array(ConnectionRow),
      next: z.string().nullable(),
      left_out: z.int().describe("rows that had to go, of all since Vedette began; a tenant is told 0"),
      not_judged: z
        .array(z.enum(["out", "in", "listening"]))
        .describe("directions whose rows do not have what the condition asks for: none of them is shown"),
    }),
    type: JSON_TYPE,
    of: async ({ connections }, viewer, { filter, new: isNew, ...query }) => {
      const asked = { ...query, condition: filter, isNew: isNew === "true" } as unknown as ConnectionsAsked;
      return found(JSON.stringify(await connections.page(viewer, asked)));
    },
  },
  {
    path: "/api/v1/monitor",
    summary: "Requests by service and route, as meters measure them: how many, how many failed, how long they took.",
    for: "anybody",
    query: z.strictObject({
      minutes: z.coerce.number().int().min(1).max(MINUTES_MAX).default(15).describe("of the last so many"),
      limit: z.coerce.number().int().min(1).max(ROWS_MAX).default(100),
      row: z.coerce.number().int().min(1).optional().describe("the `id` of the row that is shown over time"),
    }),
    answer: Monitor,
    type: JSON_TYPE,
    of: ({ requests }, viewer, query) => {
      const isSeen = (tenant: string | null): boolean => sees(viewer, tenant ?? undefined);
      return found(JSON.stringify(requests.view(query as unknown as RequestQuery, isSeen)));
    },
  },
  {
    path: "/api/v1/monitor/map",
    summary: "Which service talks to which, at which address, with requests where meters measured them.",
    for: "anybody",
    query: z.strictObject({
      minutes: z.coerce.number().int().min(1).max(MINUTES_MAX).default(15).describe("of the last so many"),
      limit: z.coerce.number().int().min(1).max(ROWS_MAX).default(100),
    }),
    answer: ServiceMap,
    type: JSON_TYPE,
    of: ({ serviceMaps }, viewer, query) =>
      found(JSON.stringify(serviceMaps.view(viewer, query as unknown as MapQuery))),
  },
  {
    path: "/api/v1/events",
    summary:
      "Events as they come, as server-sent events: `event` with an event's JSON, `gap` with how many were left out.",
    for: "anybody",
    query: z.strictObject({ filter: z.string().min(1).optional().describe("a condition, as in a rule of Falco's") }),
    answer: null,
    type: "text/event-stream",
    of: "stream",
  },
  {
    path: ACTIVITY_PATH,
    summary:
      "Tables of what happens, as server-sent events: `activity` with the rows of a view, `gap` with what was left out.",
    for: "anybody",
    query: z.strictObject({
      view: z.enum(VIEWS.map(({ id }) => id)),
      filter: z.string().min(1).optional().describe("a condition, as in a rule of Falco's"),
      interval: z.coerce
        .number()
        .int()
        .min(INTERVAL_MIN)
        .max(INTERVAL_MAX)
        .default(1_000)
        .describe("ms between two tables"),
      limit: z.coerce.number().int().min(1).max(ROWS_MAX).default(60).describe("rows of a table, for each order"),
    }),
    answer: null,
    type: "text/event-stream",
    of: "stream",
  },
  {
    path: "/api/v1/self",
    summary: "For whom answers are made: the operator, or one tenant; and whether who asks may act.",
    for: "anybody",
    query: NOTHING,
    answer: Self,
    type: JSON_TYPE,
    of: ({ from }, viewer) => found(JSON.stringify({ tenant: ownerOf(viewer), mayAct: viewer.mayAct, from })),
  },
  {
    path: "/api/v1/openapi.json",
    summary: "This description.",
    for: "anybody",
    query: NOTHING,
    answer: z.looseObject({ openapi: z.string() }),
    type: JSON_TYPE,
    of: "description",
  },
];

function pageAnswer({ items, next, isComplete, damaged }: StorePage, more: object = {}): Answer {
  const rest = JSON.stringify({ next, complete: isComplete, damaged, ...more });
  return found(`{"items":[${items.join(",")}],${rest.slice(1)}`);
}

function gradeOf(priority: unknown): number | undefined {
  return priority === undefined ? undefined : PRIORITIES.indexOf(priority as Priority);
}

/** ns since the epoch. */
function instantOf(instant: unknown): bigint | undefined {
  if (instant === undefined) return undefined;
  const text = String(instant);
  if (/^\d+$/.test(text)) return clamped(BigInt(text));
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new Problem(400, `There is no time ${text}.`);
  return clamped(BigInt(ms) * 1_000_000n);
}

/** SQLite has 64 bits, and the year 9999 more. */
function clamped(ns: bigint): bigint {
  if (ns < 0n) return 0n;
  return ns > INSTANT_MAX ? INSTANT_MAX : ns;
}

/** The answer where there is nothing to say but this. */
export function found(json: string): Answer {
  return { status: 200, type: JSON_TYPE, body: `${json}\n` };
}

/** Whether the route answers this viewer. */
export function mayAsk(route: Route, viewer: Viewer): boolean {
  return route.for === "anybody" || viewer.kind === "operator";
}
