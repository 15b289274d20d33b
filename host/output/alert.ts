// SPDX-License-Identifier: Apache-2.0
// An alert and its one line of JSON, as Falco writes it: keys in alphabetical order, a time of nine digits,
// tags sorted, and output_fields with null for what is missing. evt.time is a bare integer beyond 2^53, so
// the line is put together as text: a JavaScript number would lose its last digits.
//
//   {"hostname":"web-1","output":"16:17:57.881781397: Warning Shadow read | proc=cat","output_fields":{"evt.time":
//   1470327477881781397,"proc.name":"cat"},"priority":"Warning","rule":"...","source":"syscall","tags":["T1003"],"time":"..."}
import { type Finding, findingId } from "../finding/finding.js";
import type { Priority } from "../finding/priority.js";
import { clockText, isoText, utcText } from "../wire/time.js";
import type { Value } from "../wire/value.js";
import { jsonObject, jsonText } from "./json.js";

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
}

/** How an alert is written as JSON. All left out: Falco's defaults. */
export interface AlertStyle {
  /** Falco's time_format_iso_8601: UTC with a date instead of the local time of day. */
  readonly iso8601?: boolean;
  /** Falco's json_include_*_property: all but `message` stand in the line unless they are switched off. */
  readonly members?: Partial<Readonly<Record<"output" | "outputFields" | "tags" | "message", boolean>>>;
  /** --alerts-detail: which policy, tenant and event an alert is of. */
  readonly isDetailed?: boolean;
}

/**
 * What --alerts-detail adds: two tenants may have a policy and a rule of one name, and an alert may come
 * twice.
 */
export function alertDetail({ policy, tenant, finding }: Alert): [name: string, value: string | null][] {
  const event = finding === undefined ? null : `${finding.event.source}/${finding.event.num}`;
  return [
    ["vedette.policy", policy ?? null],
    ["vedette.tenant", tenant ?? null],
    ["vedette.event", event],
    ["vedette.id", finding === undefined ? null : findingId(finding)],
  ];
}

/** `16:17:57.881781397: Warning An open was seen`: what stands under "output", and what a terminal shows. */
export function alertSentence(alert: Alert, style: AlertStyle = {}): string {
  const time = style.iso8601 === true ? isoText(alert.time) : clockText(alert.time);
  return `${time}: ${alert.priority} ${alert.output}`;
}

/** No event has it: who judges does not know where a batch is from. */
const HOSTNAME = "evt.hostname";

/** The line, without its line feed. */
export function alertJson(alert: Alert, style: AlertStyle = {}): string {
  const timeField = style.iso8601 === true ? "evt.time.iso8601" : "evt.time";
  const detail = style.isDetailed === true ? alertDetail(alert) : [];
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
  return `{${there.join(",")}}`;
}

/** By code units, as std::map orders ASCII names. */
function byName([a]: readonly [string, Value], [b]: readonly [string, Value]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
