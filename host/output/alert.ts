// SPDX-License-Identifier: Apache-2.0
// An alert and its one line of JSON, as Falco writes it: keys in alphabetical order, a time of nine digits,
// tags sorted, and output_fields with null for what is missing. evt.time is a bare integer beyond 2^53, so
// the line is put together as text: a JavaScript number would lose its last digits.
//
//   {"hostname":"web-1","output":"16:17:57.881781397: Warning Shadow read | proc=cat","output_fields":{"evt.time":
//   1470327477881781397,"proc.name":"cat"},"priority":"Warning","rule":"...","source":"syscall","tags":["T1003"],"time":"..."}
import { type Finding, findingId, uuidOf } from "../finding/finding.js";
import type { Priority } from "../finding/priority.js";
import { clockText, isoText, utcText } from "../wire/time.js";
import type { Value } from "../wire/value.js";
import { jsonObject, jsonText } from "./json.js";
import { escapedUnseen } from "./visible.js";

/** Posted from the policy workers to the main thread: plain data, so that it can be cloned. */
export interface Alert {
  readonly rule: string;
  readonly priority: Priority;
  readonly tags: readonly string[];
  /** "syscall", as in Falco; "internal" for what Vedette says of itself. */
  readonly source: string;
  /** ns since the epoch. */
  readonly time: bigint;
  /** The finished sentence, without time and priority in front. */
  readonly output: string;
  /** Every %field of the output under its own text. */
  readonly outputFields: readonly (readonly [name: string, value: Value])[];
  /** The host the event came from. */
  readonly hostname: string;
  readonly policy?: string;
  readonly tenant?: string;
  /** What it was raised about; none where it is of no event. */
  readonly finding?: Finding;
  /** Which incident it belongs to, as that was when the alert had joined it (host/incident). */
  readonly incident?: AlertIncident;
  readonly repeat?: AlertRepeat;
  /** The file that has what came before it, in the folder of evidence (host/evidence). */
  readonly evidence?: string;
  /** How its rule wants it grouped; none: as is usual. */
  readonly grouping?: AlertGrouping;
}

/** What a rule says of how its alerts are grouped (docs/incidents.md). */
export interface AlertGrouping {
  /** What makes two alerts the same, in place of lineage and subject; null: nothing else. */
  readonly dedup: string | null;
  /** The first that is told is the one of this number. */
  readonly threshold: number;
  /** How long another one counts as a repeat, from the last on; null: the usual time. */
  readonly windowNs: bigint | null;
  /** Where a person reads what to do. */
  readonly runbook: string | null;
}

/** An incident, in short. Times are in ns since the epoch. */
export interface AlertIncident {
  readonly id: string;
  /** Its findings, this one among them. */
  readonly count: number;
  readonly first: bigint;
  readonly last: bigint;
}

/** The how manieth of its kind an alert is. */
export interface AlertRepeat {
  readonly count: number;
  /** Whether it is to be told where repeats are left out: the first, the 10th, the 100th ... and the last. */
  readonly isTold: boolean;
  /** No more of its kind came. It was written before wherever repeats are not left out. */
  readonly isLast?: true;
}

/** How an alert is written as JSON. All left out: Falco's defaults. */
export interface AlertStyle {
  /** Falco's time_format_iso_8601: UTC with a date instead of the local time of day. */
  readonly iso8601?: boolean;
  /** Falco's json_include_*_property: all but `message` stand in the line unless they are switched off. */
  readonly members?: Partial<Readonly<Record<"output" | "outputFields" | "tags" | "message", boolean>>>;
  /** --alerts-detail: which policy, tenant, event and incident an alert is of. */
  readonly isDetailed?: boolean;
  /** Repeats are left out, so an alert says how many of its kind there were. */
  readonly saysRepeats?: boolean;
}

/**
 * What --alerts-detail adds: two tenants may have a policy and a rule of one name, and an alert may come
 * twice.
 */
export function alertDetail({ policy, tenant, finding, incident, evidence }: Alert): [name: string, value: Value][] {
  const event = finding === undefined ? null : `${finding.event.source}/${finding.event.num}`;
  return [
    ["vedette.policy", policy ?? null],
    ["vedette.policy.version", finding?.version ?? null],
    ["vedette.tenant", tenant ?? null],
    ["vedette.event", event],
    ["vedette.id", finding === undefined ? null : findingId(finding)],
    ...(incident === undefined ? [] : incidentDetail(incident)),
    ...(evidence === undefined ? [] : [["vedette.evidence", evidence] as [string, Value]]),
  ];
}

/** By which a receiver knows that it has an alert already: of what is about no event, too. */
export function alertId({ finding, rule, time, hostname, output }: Alert): string {
  return finding === undefined ? uuidOf(["notice", rule, String(time), hostname, output]) : findingId(finding);
}

/** Four members: an object in their place would be new to whoever reads Falco's fields. */
function incidentDetail({ id, count, first, last }: AlertIncident): [name: string, value: Value][] {
  return [
    ["vedette.incident.id", id],
    ["vedette.incident.count", count],
    ["vedette.incident.first", first],
    ["vedette.incident.last", last],
  ];
}

/** `16:17:57.881781397: Warning An open was seen`: what stands under "output", and what a terminal shows. */
export function alertSentence(alert: Alert, style: AlertStyle = {}): string {
  const time = style.iso8601 === true ? isoText(alert.time) : clockText(alert.time);
  return `${time}: ${alert.priority} ${alert.output}`;
}

/** No event has it: who judges does not know where a batch is from. */
const HOSTNAME = "evt.hostname";

/** The line, without its line feed. It moves no terminal: what could is written by its number. */
export function alertJson(alert: Alert, style: AlertStyle = {}): string {
  const timeField = style.iso8601 === true ? "evt.time.iso8601" : "evt.time";
  const detail = style.isDetailed === true ? alertDetail(alert) : [];
  const repeats = alert.repeat?.count ?? 1;
  if (style.saysRepeats === true && repeats > 1) detail.push(["vedette.repeats", repeats]);
  const fields = new Map<string, Value>([...alert.outputFields, [timeField, alert.time], ...detail]);
  if (fields.has(HOSTNAME)) fields.set(HOSTNAME, alert.hostname);
  const has = { output: true, outputFields: true, tags: true, message: false, ...style.members };
  const members: [isThere: boolean, name: string, text: () => string][] = [
    [true, "hostname", () => jsonText(alert.hostname)],
    [has.message, "message", () => jsonText(alert.output)],
    [has.output, "output", () => jsonText(alertSentence(alert, style))],
    [has.outputFields, "output_fields", () => jsonObject([...fields].sort(byName))],
    [true, "priority", () => jsonText(alert.priority)],
    [true, "rule", () => jsonText(alert.rule)],
    [true, "source", () => jsonText(alert.source)],
    [has.tags, "tags", () => jsonText([...new Set(alert.tags)].sort())],
    [true, "time", () => jsonText(utcText(alert.time))],
  ];
  const there = members.filter(([isThere]) => isThere).map(([, name, text]) => `"${name}":${text()}`);
  return escapedUnseen(`{${there.join(",")}}`);
}

/** By code units, as std::map orders ASCII names. */
function byName([a]: readonly [string, Value], [b]: readonly [string, Value]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
