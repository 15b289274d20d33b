// SPDX-License-Identifier: Apache-2.0
// An alert, and what becomes of an incident, as a log record of OpenTelemetry in OTLP's JSON: numbers of 64
// bits are texts, enums are numbers. Names without `vedette.` are semantic conventions. A line holds the
// resource too, since records of several containers travel in one batch:
//
//   {"attributes":[...]} TAB {"timeUnixNano":"1795703412881781397","severityNumber":13,...}
import type { Finding } from "../finding/finding.js";
import { uuidOf } from "../finding/finding.js";
import type { Priority } from "../finding/priority.js";
import { type Alert, alertId } from "./alert.js";
import { type IncidentNews, incidentSentence } from "./incident-news.js";

/** JSON has no such character outside of its texts, and inside of them it is escaped. */
export const PART = "\t";

const SEVERITY: Readonly<Record<Priority, number>> = {
  Emergency: 21,
  Alert: 19,
  Critical: 18,
  Error: 17,
  Warning: 13,
  Notice: 10,
  Informational: 9,
  Debug: 5,
};
const MS_NS = 1_000_000n;

type Scalar = string | number | bigint | boolean;
type Attributes = readonly (readonly [name: string, value: Scalar | readonly string[] | null | undefined])[];

/** The line of an alert. */
export function otlpAlert(alert: Alert): string {
  const { finding, priority, output, time } = alert;
  return line(resourceOf(alert), {
    timeUnixNano: String(time),
    observedTimeUnixNano: now(),
    severityNumber: SEVERITY[priority],
    severityText: priority,
    eventName: finding === undefined ? "vedette.notice" : "vedette.finding",
    body: { stringValue: output },
    attributes: attributes(alertAttributes(alert)),
  });
}

/** The line of an incident. */
export function otlpIncident(news: IncidentNews): string {
  const { incident, activity, into } = news;
  const { id, severity, title, tactics, tags, tenant, container, first, last, count, rows } = incident;
  const resource: Attributes = [
    ["service.name", container?.name ?? SERVICE],
    ["container.id", container?.id],
    ["container.name", container?.name],
  ];
  return line(resource, {
    timeUnixNano: String(last),
    observedTimeUnixNano: now(),
    severityNumber: SEVERITY[severity],
    severityText: severity,
    eventName: "vedette.incident",
    body: { stringValue: incidentSentence(news) },
    attributes: attributes([
      ["log.record.uid", uuidOf(["incident-news", id, activity, count])],
      ["vedette.incident.id", id],
      ["vedette.incident.activity", activity],
      ["vedette.incident.into", into],
      ["vedette.incident.title", title],
      ["vedette.incident.count", count],
      ["vedette.incident.first", first],
      ["vedette.incident.last", last],
      ["vedette.incident.tactics", tactics],
      ["vedette.incident.findings", rows.flatMap(({ samples }) => samples).slice(0, FINDINGS_MAX)],
      ["vedette.tags", tags],
      ["vedette.tenant", tenant],
    ]),
  });
}

/** Ids of findings that an incident names. */
const FINDINGS_MAX = 100;
/** What is of no container is our own. */
const SERVICE = "vedette";

function resourceOf({ hostname, finding }: Alert): Attributes {
  const { container = null, task = null } = finding ?? {};
  return [
    ["service.name", container?.name ?? SERVICE],
    ["host.name", hostname],
    ["container.id", container?.id],
    ["container.name", container?.name],
    ["container.image.name", container?.image],
    ["container.image.id", container?.imageDigest],
    ["aws.ecs.task.arn", task?.arn],
    ["aws.ecs.task.family", task?.family],
    ["aws.ecs.task.revision", task?.revision],
    ["aws.ecs.cluster.arn", task?.cluster],
    ["cloud.availability_zone", task?.availabilityZone],
  ];
}

function alertAttributes(alert: Alert): Attributes {
  const { rule, policy, tenant, tags, finding, incident, repeat, evidence } = alert;
  return [
    ["log.record.uid", alertId(alert)],
    ["security_rule.name", rule],
    ["security_rule.ruleset.name", policy],
    ["security_rule.version", finding?.version],
    ["vedette.tenant", tenant],
    ["vedette.tags", [...new Set(tags)].sort()],
    ["vedette.incident.id", incident?.id],
    ["vedette.incident.count", incident?.count],
    ["vedette.repeats", repeat?.count],
    ["vedette.evidence", evidence],
    ...(finding === undefined ? [] : findingAttributes(finding)),
  ];
}

function findingAttributes(finding: Finding): Attributes {
  const { event, process, ancestors, executable, file, endpoint, user, prevention } = finding;
  return [
    ["vedette.evt.num", event.num],
    ["vedette.evt.type", event.type],
    ["vedette.evt.source", event.source],
    ["thread.id", finding.tid],
    ["process.pid", process?.pid],
    ["process.vpid", process?.vpid],
    ["process.command_line", process?.commandLine],
    ["process.working_directory", process?.cwd],
    ["process.executable.name", process?.name],
    ["process.executable.path", executable?.path],
    ["vedette.exe.sha256", executable?.sha256],
    ["process.parent_pid", ancestors[0]?.pid],
    ["process.user.id", user?.uid],
    ["process.user.name", user?.name],
    ["vedette.ancestors", ancestors.map(({ pid, name }) => `${name ?? "?"}[${pid ?? "?"}]`)],
    ["file.path", file?.realPath ?? file?.path],
    ["network.local.address", endpoint?.localIp],
    ["network.local.port", endpoint?.localPort],
    ["network.peer.address", endpoint?.remoteIp],
    ["network.peer.port", endpoint?.remotePort],
    ["network.transport", endpoint?.protocol],
    ["vedette.prevention.mode", prevention?.mode],
    ["vedette.prevention.call", prevention?.call],
    ["vedette.prevention.action", prevention?.action],
    ["vedette.cut", finding.isCut ? true : null],
  ];
}

function line(resource: Attributes, record: object): string {
  return `${JSON.stringify({ attributes: attributes(resource) })}${PART}${JSON.stringify(record)}`;
}

/** What is not known is left out. */
function attributes(all: Attributes): object[] {
  return all.flatMap(([key, value]) => {
    if (value === null || value === undefined || value === "") return [];
    if (typeof value === "object") {
      const values = value.map((one) => ({ stringValue: one }));
      return values.length === 0 ? [] : [{ key, value: { arrayValue: { values } } }];
    }
    return [{ key, value: scalar(value) }];
  });
}

function scalar(value: Scalar): object {
  if (typeof value === "string") return { stringValue: value };
  return typeof value === "boolean" ? { boolValue: value } : { intValue: String(value) };
}

const now = (): string => String(BigInt(Date.now()) * MS_NS);
