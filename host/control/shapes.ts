// SPDX-License-Identifier: Apache-2.0
// What the API's answers look like: the schemas that describe them, and their types. The pages of the console
// read answers by these types. This file imports zod alone, so that a page's types bring no code along.
import * as z from "zod";

const time = z.string().regex(/^\d+$/).describe("ns since the epoch");

/** A policy: its state, what it did, and what it cost. */
export const PolicyRow = z.strictObject({
  tenant: z.string().describe("empty: the operator's own"),
  policy: z.string(),
  version: z.string(),
  state: z.enum(["judging", "slow", "resting", "refused"]),
  rules: z.int(),
  events: z.int(),
  alerts: z.int(),
  suppressed: z.int(),
  nsPerEvent: z.number(),
  memoryBytes: z.int(),
  traps: z.int(),
  denied: z.int(),
  monitored: z.int(),
  lastError: z.string().nullable(),
});
/** An alert in Falco's form, and what is known of it besides. */
export const FindingRow = z.strictObject({
  seq: z.int(),
  alert: z.looseObject({ rule: z.string(), priority: z.string(), time: z.string(), hostname: z.string() }),
  finding: z.looseObject({ policy: z.string(), rule: z.string() }).nullable(),
});
const Reference = z.strictObject({ id: z.string(), name: z.string().nullable() });
const TimelineRow = z.strictObject({
  kind: z.enum(["finding", "denial", "exec", "connect"]),
  text: z.string().describe("what happened, in words"),
  subject: z.string().nullable().describe("the file, the connection or the program"),
  pid: z.int().nullable(),
  command: z.string().nullable(),
  policy: z.string().nullable(),
  rule: z.string().nullable(),
  priority: z.string().nullable(),
  runbook: z.string().nullable(),
  first: time,
  last: time,
  count: z.int(),
  samples: z.array(z.string()).describe("ids of the first findings"),
});
const TreeRow = z.strictObject({
  key: z.string(),
  parent: z.string().nullable(),
  pid: z.int().nullable(),
  name: z.string().nullable(),
  command: z.string().nullable(),
  isFound: z.boolean().describe("a finding is about it"),
});
/** Findings that belong together. */
export const IncidentRow = z.strictObject({
  seq: z.int(),
  state: z.enum(["open", "closed"]),
  closed_by: z.enum(["silence", "age", "room", "end"]).nullable(),
  id: z.string(),
  severity: z.string().describe("the highest priority of its findings; one step up from three tactics on"),
  title: z.string(),
  tactics: z.array(z.string()),
  tags: z.array(z.string()),
  tenant: z.string().nullable(),
  source: z.string(),
  container: Reference.nullable(),
  first: time,
  last: time,
  count: z.int().describe("its findings, repeats among them"),
  repeats: z.int(),
  rows: z.array(TimelineRow),
  processes: z.array(TreeRow),
  previous: z.string().nullable(),
  merged: z.array(z.string()),
  left_out: z.strictObject({ findings: z.int(), steps: z.int(), processes: z.int() }),
});
/** A process that lives. */
export const ProcessRow = z.strictObject({
  key: z.string(),
  pid: z.int(),
  ppid: z.int().nullable(),
  name: z.string().nullable(),
  exepath: z.string().nullable(),
  cmdline: z.string().nullable(),
  uid: z.int().nullable(),
  user: z.string().nullable(),
  container: z.strictObject({ id: z.string(), name: z.string().nullable() }).nullable(),
  start: time,
  session: z.int(),
});
/** What is told of health to whoever asks. */
export const Health = z.looseObject({ status: z.enum(["ok", "red"]), judging: z.string().nullable() });
/** For whom answers are made. */
export const Self = z.strictObject({ tenant: z.string().nullable().describe("null: the operator") });

/** What the schema of this name describes. */
export type PolicyRow = z.infer<typeof PolicyRow>;
/** What the schema of this name describes. */
export type FindingRow = z.infer<typeof FindingRow>;
/** What the schema of this name describes. */
export type IncidentRow = z.infer<typeof IncidentRow>;
/** What the schema of this name describes. */
export type ProcessRow = z.infer<typeof ProcessRow>;
/** What the schema of this name describes. */
export type Health = z.infer<typeof Health>;
/** What the schema of this name describes. */
export type Self = z.infer<typeof Self>;
