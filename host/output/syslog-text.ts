// SPDX-License-Identifier: Apache-2.0
// An alert as a message of syslog: for a server (RFC 5424) header, structured data, sentence; for this
// machine's what syslog(3) would send, with the line of whoever reads alerts elsewhere.
//
//   <12>Nov 26 14:30:12 falco: {"hostname":"web-1","output":"read by cat", ...}
//   <12>1 2026-11-26T14:30:12.881781Z web-1 vedette 41 finding [vedette@32473 id="0197..." rule="Shadow read" ...] read by cat
import { cutText, findingId } from "../finding/finding.js";
import type { Priority } from "../finding/priority.js";
import { utcText } from "../wire/time.js";
import type { Alert } from "./alert.js";
import { escaped } from "./alert-text.js";

/** RFC 5424, 6.2.1: messages of user level, as Falco's are. */
const FACILITY = 1;
const SEVERITY: Readonly<Record<Priority, number>> = {
  Emergency: 0,
  Alert: 1,
  Critical: 2,
  Error: 3,
  Warning: 4,
  Notice: 5,
  Informational: 6,
  Debug: 7,
};
/** 32473 is the enterprise number of examples (RFC 5612): we have none of our own. */
const SD_ID = "vedette@32473";
const NIL = "-";
const HOSTNAME_MAX = 255;
/** Left for the sentence, in bytes. */
const SENTENCE_MIN = 256;

/**
 * One message of at most `most` bytes, without its frame. A parameter that does not fit is left out, the last
 * ones first; the sentence is cut. Control characters stand as JSON writes them, so that it is one line.
 */
export function syslogText(alert: Alert, most: number): string {
  const { finding } = alert;
  const header = [
    `<${FACILITY * 8 + SEVERITY[alert.priority]}>1`,
    microseconds(utcText(alert.time)),
    printable(alert.hostname).slice(0, HOSTNAME_MAX) || NIL,
    "vedette",
    String(finding?.process?.pid ?? NIL),
    finding === undefined ? "notice" : "finding",
  ];
  let head = `${header.join(" ")} [${SD_ID}`;
  for (const parameter of parameters(alert))
    if (Buffer.byteLength(head) + Buffer.byteLength(parameter) + SENTENCE_MIN <= most) head += ` ${parameter}`;
  head += "] ";
  return head + cutText(escaped(alert.output), most - Buffer.byteLength(head));
}

/** `text`: the alert's line. `now`: the clock of this machine says when, as in syslog(3). */
export function localSyslogText({ priority }: Alert, tag: string, text: string, now: Date): string {
  return `${syslogHeader(SEVERITY[priority], tag, now)} ${text}`;
}

/** What syslog(3) puts in front of a text. `severity`: 0 to 7. */
export function syslogHeader(severity: number, tag: string, now: Date): string {
  const [, month, day, , time] = now.toString().split(" ") as string[];
  const date = `${month} ${String(Number(day)).padStart(2)} ${time}`;
  return `<${FACILITY * 8 + severity}>${date} ${tag}:`;
}

function parameters({ finding, rule, policy, tenant, tags }: Alert): string[] {
  const endpoint = finding?.endpoint ?? null;
  const all: readonly (readonly [name: string, value: string | number | null | undefined])[] = [
    ["id", finding === undefined ? null : findingId(finding)],
    ["rule", rule],
    ["policy", policy],
    ["version", finding?.version],
    ["tenant", tenant],
    ["num", finding?.event.num],
    ["container", finding?.container?.name ?? finding?.container?.id],
    ["dst", endpoint === null || endpoint.remoteIp === null ? null : addressed(endpoint.remoteIp, endpoint.remotePort)],
    ["tags", tags.length === 0 ? null : [...new Set(tags)].sort().join(",")],
    ["exe", finding?.executable?.path],
    ["exe.sha256", finding?.executable?.sha256],
    ["file", finding?.file?.realPath ?? finding?.file?.path],
  ];
  return all.flatMap(([name, value]) =>
    value === null || value === undefined ? [] : [`${name}="${quoted(String(value))}"`],
  );
}

const addressed = (ip: string, port: number | null): string =>
  port === null ? ip : `${ip.includes(":") ? `[${ip}]` : ip}:${port}`;

/** RFC 5424, 6.3.3: these three are escaped, everything else stands as it is. */
const quoted = (text: string): string => escaped(text).replace(/["\\\]]/g, "\\$&");

/** Six digits are the most (RFC 5424, 6.2.3). */
const microseconds = (time: string): string => time.replace(/(\.\d{6})\d*/, "$1");

/** Names in the header are ASCII without blanks. */
const printable = (text: string): string => text.replace(/[^!-~]/g, "");
