// SPDX-License-Identifier: Apache-2.0
// What is said of a response: an alert for each step, which says who did it and why, and a row in the
// timeline of the incident that it answers. No policy raises these alerts, and no response answers them.
import type { Finding } from "../finding/finding.js";
import type { Priority } from "../finding/priority.js";
import { processKey, type Step } from "../incident/incident.js";
import type { Alert } from "../output/alert.js";
import type { ResponseRow } from "../policy/respond.js";

/** Words that a step's status may be. */
export type ResponseStatus =
  | "requested"
  | "done"
  | "partial"
  | "gone"
  | "refused"
  | "limited"
  | "failed"
  | "unknown"
  | "ended";

/** One step of one response. */
export interface ResponseStepNews {
  /** The response's number; 0: it did not come so far. */
  readonly id: number;
  readonly row: ResponseRow;
  readonly rule: string;
  readonly finding: Finding;
  readonly status: ResponseStatus;
  /** Who says so. */
  readonly by: "host" | "agent";
  /** In words; empty: there is nothing to add. */
  readonly why: string;
  /** How many processes it was about; null: nobody has counted. */
  readonly processes: number | null;
  readonly container: string;
  readonly hostname: string;
  /** ns since the epoch. */
  readonly time: bigint;
}

/** What its alerts are called. */
export const RESPONSE_RULE = "Response";

const PRIORITY: Readonly<Record<ResponseStatus, Priority>> = {
  requested: "Notice",
  done: "Notice",
  partial: "Warning",
  gone: "Notice",
  refused: "Warning",
  limited: "Critical",
  failed: "Critical",
  unknown: "Warning",
  ended: "Notice",
};

/** For the operator's outputs, and those of the tenant whose row it was. */
export function responseAlert(news: ResponseStepNews): Alert {
  const { id, row, rule, finding, status, by, why, processes, container, hostname, time } = news;
  const fields: [name: string, value: string | number | null][] = [
    ["response.id", id],
    ["response.rule", rule],
    ["response.action", row.action],
    ["response.mode", row.mode],
    ["response.status", status],
    ["response.by", by],
    ["response.why", why === "" ? null : why],
    ["response.processes", processes],
    ["proc.pid", finding.process?.pid ?? null],
    ["proc.name", finding.process?.name ?? null],
    ["container.name", container],
  ];
  const shown = fields.map(([name, value]) => `${name.replace("response.", "")}=${value ?? "<NA>"}`);
  return {
    rule: RESPONSE_RULE,
    priority: PRIORITY[status],
    tags: [],
    source: "internal",
    time,
    output: `${sentenceOf(news)} | ${shown.join(" ")}`,
    outputFields: fields,
    hostname,
    ...(finding.tenant === null ? {} : { tenant: finding.tenant }),
  };
}

/** For the incident that the finding belongs to. */
export function timelineStep(news: ResponseStepNews): Step {
  const { finding, time } = news;
  const { process, container, executable, user } = finding;
  return {
    kind: "response",
    source: finding.event.source,
    container: container?.id ?? null,
    time,
    tid: -news.id,
    process: {
      key: processKey(process?.pid ?? null, process?.started ?? null),
      pid: process?.pid ?? null,
      name: process?.name ?? null,
      command: process?.commandLine ?? null,
    },
    ancestors: [],
    subject: sentenceOf(news),
    facts: null,
    own: container?.id ?? null,
    uid: user?.uid ?? -1,
    exepath: executable?.path ?? null,
  };
}

/** `Response kill-tree: done (3 processes)`. */
function sentenceOf({ row, status, processes, why }: ResponseStepNews): string {
  const dry = row.mode === "dry-run" ? " (dry run)" : "";
  const many = processes === null ? "" : ` (${processes} ${processes === 1 ? "process" : "processes"})`;
  return `Response ${row.action}${dry}: ${status}${many}${why === "" ? "" : `, ${why}`}`;
}
