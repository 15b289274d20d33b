// SPDX-License-Identifier: Apache-2.0
// All views that the screen has: those of events, and those of what a running Vedette says of itself. Of the
// latter each row makes lines of what the control API answers.
import { type Column, type Table, type Unit, VIEWS, type ViewFacts } from "../activity/activity.js";
import type { FindingRow, IncidentBrief, PolicyRow, SensorRow } from "../control/shapes.js";
import type { Wanted } from "./source.js";

/** A view that is asked for again and again. */
export interface ToldView extends Omit<ViewFacts, "drill"> {
  /** Where Enter leads: the findings of this incident. */
  readonly drill: { readonly to: string } | null;
  /** What is asked. */
  readonly path: (wanted: Wanted) => string;
  readonly rows: (answer: unknown) => Table["rows"];
}

/** A view of the screen. */
export type TopView = ViewFacts | ToldView;

const column = (name: string, unit: Unit, width: number, rank = 0): Column => ({ name, unit, width, rank });
const query = (parts: Readonly<Record<string, string | null>>): string => {
  const given = Object.entries(parts).filter(([, value]) => value !== null && value !== "") as [string, string][];
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
};
const itemsOf = <Item>(answer: unknown): readonly Item[] => (answer as { items: readonly Item[] }).items;
const TIME = column("TIME", "time", 12);

/** Views of what Vedette found, and of Vedette itself. */
export const TOLD_VIEWS: readonly ToldView[] = [
  {
    id: "incidents",
    key: "i",
    title: "Incidents",
    about: "Findings that belong together, the newest first.",
    columns: [
      ...[column("LAST", "time", 12, 2), column("SEVERITY", "state", 13), column("COUNT", "count", 6, 1)],
      ...[column("STATE", "state", 7, 4), column("TENANT", "text", 10, 5), column("CONTAINER", "text", 12, 3)],
      column("TITLE", "text", 24),
    ],
    sort: null,
    drill: { to: "findings" },
    path: ({ filter, limit }) => `/api/v1/incidents${query({ limit: String(limit), text: filter })}`,
    rows: (answer) =>
      itemsOf<IncidentBrief>(answer).map((one) => [
        ...([one.id, one.last, one.severity, one.count, one.case.state, one.tenant ?? ""] as const),
        ...[one.container?.name ?? one.container?.id ?? "", one.title],
      ]),
  },
  {
    id: "findings",
    key: "a",
    title: "Findings",
    about: "Alerts, the newest first.",
    columns: [
      ...[TIME, column("PRIORITY", "state", 13), column("CONTAINER", "text", 12, 3), column("PROCESS", "text", 12, 2)],
      ...[column("RULE", "text", 28, 1), column("OUTPUT", "text", 24)],
    ],
    sort: null,
    drill: null,
    path: ({ filter, limit, incident }) => `/api/v1/findings${query({ limit: String(limit), text: filter, incident })}`,
    rows: (answer) =>
      itemsOf<FindingRow>(answer).map(({ seq, alert }) => {
        const fields = (alert.output_fields ?? {}) as Readonly<Record<string, unknown>>;
        const of = (name: string): string => String(fields[name] ?? "");
        return [
          ...([String(seq), alert.time, alert.priority, of("container.name") || of("container.id")] as const),
          ...[of("proc.name"), alert.rule, String(alert.output ?? "")],
        ];
      }),
  },
  {
    id: "policies",
    key: "l",
    title: "Policies",
    about: "Each policy: its state, what it raised, and what it costs.",
    columns: [
      ...[column("STATE", "state", 9), column("RULES", "count", 5, 3), column("EVENTS", "count", 8, 2)],
      ...[column("ALERTS", "count", 6), column("HELD", "count", 6, 4), column("NS/EVENT", "ns", 8)],
      ...[column("MEMORY", "bytes", 7, 1), column("VERSION", "text", 8, 5), column("POLICY", "text", 24)],
    ],
    sort: "NS/EVENT",
    drill: null,
    path: () => "/api/v1/policies",
    rows: (answer) =>
      (answer as readonly PolicyRow[]).map((one) => {
        const name = one.tenant === "" ? one.policy : `${one.tenant}/${one.policy}`;
        return [
          ...([name, one.state, one.rules, one.events, one.alerts, one.suppressed, one.nsPerEvent] as const),
          ...[one.memoryBytes, one.version, name],
        ];
      }),
  },
  {
    id: "sensors",
    key: "x",
    title: "Sensors",
    about: "Containers that agents watch, and what was lost there.",
    columns: [
      ...[column("AGENTS", "count", 6), column("DELAY", "ns", 7, 1), column("EVENTS", "count", 8)],
      ...[column("LOST", "count", 7), column("IMAGE", "text", 20, 2), column("NAME", "text", 20)],
    ],
    sort: "EVENTS",
    drill: null,
    path: () => "/api/v1/sensors",
    rows: (answer) =>
      (answer as readonly SensorRow[]).map((one) => {
        const lost = Object.values(one.lost).reduce((sum, count) => sum + count, 0);
        const delay = (one.delayMs ?? 0) * 1e6;
        return [one.name, one.agents, delay, one.events, lost, one.image ?? "", one.container?.name ?? one.name];
      }),
  },
];

/** In the order of the list of views. */
export const TOP_VIEWS: readonly TopView[] = [...VIEWS, ...TOLD_VIEWS];

/** The view of this name. */
export function topViewOf(id: string): TopView | undefined {
  return TOP_VIEWS.find((view) => view.id === id);
}

/** Whether Vedette tells of it, and no event does. */
export function isTold(view: TopView): view is ToldView {
  return "path" in view;
}
