// SPDX-License-Identifier: Apache-2.0
// What the API answers, one row a path: the query that it takes, what it answers, and who may ask. The server
// works by this table, and openapi.ts makes docs/openapi.json from it.
import * as z from "zod";
import { type IncidentView, incidentJson } from "../incident/incident.js";
import type { PolicyStatus } from "../policy/status.js";
import type { Findings } from "./findings.js";
import type { Processes } from "./processes.js";
import { FindingRow, Health, IncidentRow, PolicyRow, ProcessRow, Self } from "./shapes.js";
import { OPERATOR, sees, type Viewer } from "./viewer.js";

/** What the API shows. */
export interface Shown {
  /** The JSON of the sensor's health, and whether it is well. */
  health(): { readonly isWell: boolean; readonly json: string };
  /** Text of Prometheus. */
  metrics(): Promise<string>;
  policies(): readonly PolicyStatus[];
  /** Open and closed, the newest first. */
  incidents(): Iterable<{ readonly seq: number; readonly view: IncidentView }>;
  readonly findings: Findings;
  readonly processes: Processes;
}

/** A whole response. `type` is its content type. */
export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** One row of the table. */
export interface Route {
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

type Make = (shown: Shown, viewer: Viewer, query: Readonly<Record<string, unknown>>) => Answer | Promise<Answer>;

const LIMIT_MAX = 1_000;
/** A page ends where it has so many bytes, so that who reads slowly holds little of ours. */
const PAGE_BYTES_MAX = 1 << 20;
const JSON_TYPE = "application/json";
const NOTHING = z.strictObject({});
const limit = z.coerce.number().int().min(1).max(LIMIT_MAX).default(100);

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
    path: "/api/v1/findings",
    summary: "The latest alerts, the newest first. `next` is the `before` of the page behind it.",
    for: "anybody",
    query: z.strictObject({ limit, before: z.coerce.number().int().min(1).default(Number.MAX_SAFE_INTEGER) }),
    answer: z.strictObject({ items: z.array(FindingRow), next: z.int().nullable() }),
    type: JSON_TYPE,
    of: ({ findings }, viewer, query) => {
      const { items, next } = findings.page(viewer, query.limit as number, query.before as number, PAGE_BYTES_MAX);
      return found(`{"items":[${items.join(",")}],"next":${next}}`);
    },
  },
  {
    path: "/api/v1/incidents",
    summary:
      "Findings that belong together, with their timeline. The newest first; `next` is the `before` of the page behind it.",
    for: "anybody",
    query: z.strictObject({ limit, before: z.coerce.number().int().min(1).default(Number.MAX_SAFE_INTEGER) }),
    answer: z.strictObject({ items: z.array(IncidentRow), next: z.int().nullable() }),
    type: JSON_TYPE,
    of: ({ incidents }, viewer, query) =>
      found(pageOf(incidents(), viewer, query.limit as number, query.before as number)),
  },
  {
    path: "/api/v1/processes",
    summary: "Processes that live, as far as events have told of them. `next` is the `after` of the page behind it.",
    for: "anybody",
    query: z.strictObject({ limit, after: z.string().max(100).default("") }),
    answer: z.strictObject({ items: z.array(ProcessRow), next: z.string().nullable() }),
    type: JSON_TYPE,
    of: ({ processes }, viewer, query) =>
      found(JSON.stringify(processes.page(viewer, query.limit as number, query.after as string))),
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
    path: "/api/v1/self",
    summary: "For whom answers are made: the operator, or one tenant.",
    for: "anybody",
    query: NOTHING,
    answer: Self,
    type: JSON_TYPE,
    of: (_, viewer) => found(JSON.stringify({ tenant: viewer.kind === "operator" ? null : viewer.name })),
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

/** Those of the viewer that were opened before `before`; so many bytes that an answer stays small. */
function pageOf(incidents: ReturnType<Shown["incidents"]>, viewer: Viewer, limit: number, before: number): string {
  const own = [...incidents].filter(({ seq, view }) => seq < before && sees(viewer, view.tenant ?? undefined));
  const items: string[] = [];
  let bytes = 0;
  let next: number | null = null;
  for (const { seq, view } of own.sort((a, b) => b.seq - a.seq)) {
    const json = incidentJson(view, seq);
    if (items.length === limit || (items.length > 0 && bytes + json.length > PAGE_BYTES_MAX)) {
      next = seq + 1;
      break;
    }
    items.push(json);
    bytes += json.length;
  }
  return `{"items":[${items.join(",")}],"next":${next}}`;
}

/** The answer where there is nothing to say but this. */
export function found(json: string): Answer {
  return { status: 200, type: JSON_TYPE, body: `${json}\n` };
}

/** Whether the route answers this viewer. */
export function mayAsk(route: Route, viewer: Viewer): boolean {
  return route.for === "anybody" || viewer === OPERATOR;
}
