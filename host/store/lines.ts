// SPDX-License-Identifier: Apache-2.0
// Makes the lines of rows.ts, on the thread that has the alert.
import { PRIORITIES } from "../finding/priority.js";
import { type Alert, alertId, alertJson } from "../output/alert.js";
import { jsonOf, quoteLarge } from "../output/numbers.js";
import { NS_PER_DAY } from "./bounds.js";
import type { FindingHead, StoredIncident } from "./rows.js";

/** Of the words that are searched. */
const WORDS_MAX = 4_096;

/**
 * The finding of an alert. One that claims to be of more than a day from now stands at the time at which it
 * is told: so it is not the newest for ever.
 */
export function findingLine(alert: Alert): string {
  const { finding, rule, tenant = "", priority, output, outputFields, incident, hostname } = alert;
  const { name = null, id = "" } = finding?.container ?? {};
  const time = withinTime(alert.time);
  const head: FindingHead = {
    id: alertId(alert),
    time: String(time),
    tenant,
    rule,
    priority: PRIORITIES.indexOf(priority),
    container: name ?? id,
    containerId: id,
    incident: incident?.id ?? null,
    ...(time === alert.time ? {} : { isBounded: true }),
  };
  const told = finding === undefined ? "null" : jsonOf(finding);
  const doc = `{"alert":${quoteLarge(alertJson(alert, { isDetailed: true }))},"finding":${told}}`;
  const fields = outputFields.map(([, value]) => String(value)).join(" ");
  const words = `${rule} ${head.container} ${hostname} ${output} ${fields}`.slice(0, WORDS_MAX).replaceAll("\n", " ");
  return `F${JSON.stringify(head)}\n${doc}\n${words}`;
}

/** ns since the epoch. */
function withinTime(time: bigint): bigint {
  const now = BigInt(Date.now()) * 1_000_000n;
  return time > now + NS_PER_DAY ? now : time;
}

/** The incident. */
export function incidentLine({ doc, ...head }: StoredIncident): string {
  return `I${JSON.stringify(head)}\n${doc}`;
}
