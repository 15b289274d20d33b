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
  digest: z.string().describe("SHA-256 of the module that judges; empty: none does"),
  state: z.enum(["judging", "slow", "resting", "outdated", "refused"]),
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
const PolicyDetail = z.strictObject({
  place: z.string().describe("its folder, or its file"),
  parameters: z.array(
    z.strictObject({
      name: z.string(),
      value: z.string().describe("as JSON"),
      default: z.string().describe("as JSON"),
    }),
  ),
  rules: z.array(
    z.strictObject({
      ...{ name: z.string(), desc: z.string(), priority: z.string(), output: z.string() },
      ...{ tags: z.array(z.string()), events: z.array(z.string()), enabled: z.boolean() },
      exceptions: z.array(z.string()).describe("their names"),
      runbook: z.string().nullable(),
    }),
  ),
  prevents: z.array(z.strictObject({ name: z.string(), deny: z.string(), action: z.string(), mode: z.string() })),
  files: z
    .array(z.strictObject({ name: z.string(), text: z.string(), isWhole: z.boolean() }))
    .nullable()
    .describe("null: it has no text; what a tenant's folder holds now may be another one"),
  more: z.boolean().describe("some of it was cut, or left out"),
});
/** One policy, and what it is where it runs. */
export const PolicyPage = PolicyRow.extend({ detail: PolicyDetail.nullable().describe("null: nothing of it runs") });
/** An alert in Falco's form, and what is known of it besides. */
export const FindingRow = z.strictObject({
  seq: z.int(),
  incident: z.string().nullable().describe("the id of the incident that it is of"),
  alert: z.looseObject({ rule: z.string(), priority: z.string(), time: z.string(), hostname: z.string() }),
  finding: z.looseObject({ policy: z.string(), rule: z.string() }).nullable(),
});
const Reference = z.strictObject({ id: z.string(), name: z.string().nullable() });
const TimelineRow = z.strictObject({
  kind: z.enum(["finding", "denial", "exec", "connect", "response"]),
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
const Case = z.strictObject({
  state: z.enum(["open", "closed"]).describe("closed: a person is done with it"),
  verdict: z.enum(["true_positive", "false_positive"]).nullable(),
  note: z.string().nullable(),
  by: z.string().nullable(),
  at: time.nullable(),
});
/** Findings that belong together, without what lists leave out: its timeline and its processes. */
export const IncidentBrief = z.strictObject({
  seq: z.int(),
  state: z.enum(["open", "closed"]).describe("open: more findings may join it"),
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
  previous: z.string().nullable(),
  merged: z.array(z.string()),
  left_out: z.strictObject({ findings: z.int(), steps: z.int(), processes: z.int() }),
  case: Case,
});
/** What somebody did. */
export const AuditRow = z.strictObject({
  time,
  who: z.string(),
  tenant: z.string().describe("empty: the operator's own"),
  action: z.string(),
  incident: z.string().nullable(),
  detail: z.looseObject({}),
});
/** A recording that was kept for a finding (docs/evidence.md), and the capture that was made of it. */
export const EvidenceRow = z.looseObject({
  file: z.string(),
  sha256: z.string(),
  bytes: z.int(),
  incident: z.string().nullable(),
  findings: z.array(z.string()),
  from: time.nullable(),
  to: time.nullable(),
  events: z.int(),
  missed: z.int().describe("batches that came faster than they could be taken"),
  state: z.enum(["whole", "full", "cut", "killed"]),
  capture: z.looseObject({ file: z.string(), sha256: z.string(), bytes: z.int() }).optional(),
});
/** The evidence of one incident. */
export const EvidenceList = z.strictObject({
  isKept: z.boolean().describe("false: Vedette keeps no evidence (--evidence), so nobody looked"),
  items: z.array(EvidenceRow),
});
/** An incident with its timeline, its processes, and what people did with it. */
export const IncidentRow = IncidentBrief.extend({
  rows: z.array(TimelineRow),
  processes: z.array(TreeRow),
  history: z.array(AuditRow).describe("the newest first"),
});
const counts = z.record(z.string(), z.int());
/** Numbers of the last hours. */
export const Overview = z.strictObject({
  open: counts.describe("incidents whose case is open, by severity"),
  findings: z
    .array(z.strictObject({ time, counts }))
    .describe("by priority in each step; steps without any are left out"),
  stepSeconds: z.int(),
  containers: z.array(z.strictObject({ container: z.string(), count: z.int() })),
  rules: z.array(z.strictObject({ rule: z.string(), count: z.int() })),
  held: z.strictObject({ findings: z.int(), incidents: z.int() }),
  dropped: z.int().nullable().describe("what the store had no room for; null: a tenant is not told"),
});
/** An output, and how it is. */
export const OutputRow = z.looseObject({
  name: z.string(),
  kind: z.string(),
  state: z.enum(["ok", "retrying", "stuck", "full", "gone"]),
  queued: z.int(),
  queuedBytes: z.int(),
  oldestMs: z.int(),
  sent: z.int(),
  retries: z.int(),
  dropped: counts,
  lastError: z.strictObject({ code: z.string(), message: z.string(), at: z.string() }).nullable(),
});
/** What became of a test of an output. */
export const OutputTried = z.strictObject({
  end: z
    .enum(["taken", "refused", "gone", "full", "closed", "waiting"])
    .describe("waiting: nothing became of it so far; it is sent when its turn comes"),
  ms: z.int(),
  error: z.string().nullable().describe("the output's newest error"),
});
/** What became of a decision about several incidents. */
export const IncidentsDecided = z.strictObject({
  decided: z.int(),
  missing: z.array(z.string()).describe("ids of which there is no incident, or none any more"),
});
/** What a policy said to what just happened. */
export const PolicyTried = z.strictObject({
  events: z.int().describe("that it was shown: the newest, at most 4 MiB of them"),
  from: time.nullable(),
  to: time.nullable(),
  left_out: z.int().describe("further alerts, which were too many to be told"),
  fault: z.string().nullable().describe("why it failed; null: it did not"),
  rules: z.array(z.strictObject({ rule: z.string(), priority: z.string(), count: z.int() })),
  samples: z
    .array(z.strictObject({ time, rule: z.string(), priority: z.string(), output: z.string() }))
    .describe("its first alerts"),
});
const Term = z.strictObject({
  term: z.string(),
  is: z.boolean().describe("its answer"),
  values: z.array(z.strictObject({ name: z.string(), value: z.string().nullable().describe("null: it is not there") })),
  at: z.string().describe("file and line"),
});
/** Why the rules of a policy fired for what just happened, or did not. */
export const PolicyExplained = z.strictObject({
  events: z.int().describe("that it was shown: the newest, at most 4 MiB of them"),
  chosen: z.int().describe("of them, those that are asked about"),
  from: time.nullable(),
  to: time.nullable(),
  rules: z.array(
    z.strictObject({
      rule: z.string(),
      fired: z.int(),
      events: z.int().describe("of those that are asked about, of a type that the rule sees"),
      nearest: z
        .array(z.strictObject({ count: z.int(), event: z.string(), terms: z.array(Term) }))
        .describe(
          "events for which it fired, or else those that came nearest, by terms; answered otherwise, all of an event's terms together change what the rule said",
        ),
    }),
  ),
});
const Side = z.strictObject({
  alerts: z.int().describe("that it raised"),
  left_out: z.int().describe("further alerts, which were too many to be told and compared"),
  fault: z.string().nullable().describe("why it failed; null: it did not"),
  logs: z.array(z.string()).describe("its first lines of log"),
});
/** What became of a draft of a policy: another text of its index.ts. */
export const PolicyDrafted = z.strictObject({
  problems: z
    .array(
      z.strictObject({
        file: z.string().nullable().describe("in the policy's folder; null: it is about no line"),
        line: z.int().nullable(),
        column: z.int().nullable(),
        isError: z.boolean().describe("false: a warning"),
        text: z.string(),
        code: z.string(),
        hint: z.string().describe("the line with its place, or what to do"),
      }),
    )
    .describe("errors first; where there is one, nothing was tried"),
  tests: z
    .strictObject({
      passed: z.int(),
      failed: z.int(),
      problem: z.string().nullable().describe("why they could not be run"),
      failures: z.array(
        z.strictObject({ name: z.string(), differences: z.array(z.string()), logs: z.array(z.string()) }),
      ),
      missing: z.array(z.string()).describe("rules without a test that they need, in sentences"),
    })
    .nullable()
    .describe("null: there is no tests.yaml, or an error"),
  events: z.int().describe("that both were shown: the newest, at most 4 MiB of them"),
  from: time.nullable(),
  to: time.nullable(),
  draft: Side.nullable().describe("null: there is an error"),
  loaded: Side.nullable().describe("the version that is loaded; null: it was shown nothing"),
  rules: z.array(z.strictObject({ rule: z.string(), priority: z.string(), draft: z.int(), loaded: z.int() })),
  samples: z
    .array(
      z.strictObject({
        ...{ time, rule: z.string(), priority: z.string(), output: z.string() },
        by: z.enum(["draft", "loaded", "both"]).describe("by one of them alone, or by both"),
      }),
    )
    .describe("their first alerts: those that one of them raised alone come first"),
});
/** A container that an agent watches, and what came of it. */
export const SensorRow = z.strictObject({
  name: z.string(),
  hostname: z.string(),
  container: Reference.nullable(),
  image: z.string().nullable(),
  agents: z.int().describe("that are connected"),
  since: time.nullable(),
  last: time.nullable().describe("the newest batch"),
  delayMs: z.int().nullable().describe("how old the newest batch was when it came"),
  events: z.int(),
  batches: z.int(),
  lost: counts.describe("events that its agents could not give, by reason"),
});
/** A tenant, its scope and its limits. */
export const TenantRow = z.strictObject({
  name: z.string(),
  owner: z.int().nullable(),
  isolation: z.enum(["thread", "process"]),
  scope: z.record(z.string(), z.array(z.union([z.string(), z.int()]))),
  policies: z.strictObject({ used: z.int(), most: z.int() }),
  memoryBytes: z.strictObject({ used: z.int(), most: z.int() }),
  alertsPerMinute: z.int(),
  loaders: z.array(z.int()),
  keys: z.array(z.string()),
});
/** A process that lives. */
export const ProcessRow = z.strictObject({
  key: z.string(),
  pid: z.int(),
  ppid: z.int().nullable(),
  name: z.string().nullable(),
  exepath: z.string().nullable(),
  cmdline: z.string().nullable(),
  cwd: z.string().nullable(),
  uid: z.int().nullable(),
  user: z.string().nullable(),
  container: z.strictObject({ id: z.string(), name: z.string().nullable() }).nullable(),
  start: time,
  session: z.int(),
  parent: z.string().nullable().describe("its key, where it lives and who asks may know of it"),
  fds: z
    .int()
    .nullable()
    .describe("open descriptors; null: the host cannot see the process, or it is not among an answer's first 200"),
  findings: z
    .int()
    .nullable()
    .describe(
      "about it, since Vedette began; null: it is not known, since too much was found and counts were forgotten",
    ),
  incident: z.string().nullable().describe("of the newest of them"),
});
/** Who talks to whom, or who listens: one process, one direction, one place. */
export const ConnectionRow = z.strictObject({
  seq: z.int(),
  direction: z.enum(["out", "in", "listening"]),
  protocol: z.string().nullable(),
  local: z.strictObject({ address: z.string().nullable(), port: z.int().nullable() }),
  remote: z.strictObject({ address: z.string().nullable(), port: z.int().nullable() }),
  rest: z.boolean().describe("all places of the process beyond the 100 that have a row each"),
  undecided: z.boolean().describe("the condition asks for what this row does not say; it may be true of it"),
  new: z.boolean().describe("its container went there first more than ten minutes after its first connection"),
  process: z.strictObject({
    key: z.string(),
    pid: z.int(),
    name: z.string().nullable(),
    exepath: z.string().nullable(),
    cmdline: z.string().nullable(),
    user: z.string().nullable(),
  }),
  container: Reference.nullable(),
  first: time,
  last: time,
  until: time.nullable().describe("the process ended, or closed the socket at which it listened"),
  made: z.int().describe("connections made or taken"),
  failed: z.int(),
  error: z.string().nullable().describe("the newest failure"),
  bytes_in: z.int().describe("read from the socket, as far as calls say how many"),
  bytes_out: z.int(),
  findings: z
    .int()
    .nullable()
    .describe("about the process, since Vedette began; null: it is not known, since counts were forgotten"),
  incident: z.string().nullable().describe("of the newest of them"),
});
const seconds = z.number().describe("interpolated within the meter's buckets");
const requestNumbers = {
  requests: z.int(),
  errors: z.int().nullable().describe("null: the meter does not say which failed"),
  p50: seconds,
  p95: seconds,
  p99: seconds,
};
/** Requests as meters measure them. */
export const Monitor = z.strictObject({
  meters: z.int().describe("policies that measure requests; 0: none is loaded"),
  seconds: z.int().describe("what the numbers are of"),
  items: z
    .array(
      z.strictObject({
        id: z.int().describe("of this row, as long as it is there"),
        tenant: z.string().nullable().describe("null: the operator's own policy"),
        policy: z.string(),
        metric: z.string(),
        service: z
          .string()
          .nullable()
          .describe("null: the meter says none, or counts what it has no room for together"),
        method: z.string().nullable(),
        route: z.string().nullable(),
        ...requestNumbers,
        most: z.number().describe("the meter's largest bound in seconds: what took longer is told as this"),
      }),
    )
    .describe("those with most requests first; two policies may have counted the same request"),
  more: z.int().describe("rows beyond `limit`"),
  left_out: z.int().describe("requests of the last hour that found no row"),
  over_time: z
    .strictObject({
      id: z.int(),
      points: z.array(z.strictObject({ time, seconds: z.int(), ...requestNumbers })),
    })
    .nullable()
    .describe("one row, step by step, without steps in which there was nothing"),
});
const End = z
  .strictObject({ program: z.string(), container: Reference.nullable() })
  .nullable()
  .describe("null: somebody whom Vedette does not see here, or whom the viewer may not see");
/** Which service talks to which. */
export const ServiceMap = z.strictObject({
  seconds: z.int().describe("what the numbers are of"),
  meters: z.int().describe("policies that measure requests; 0: none is loaded"),
  items: z
    .array(
      z.strictObject({
        from: End,
        to: End,
        addresses: z.array(z.string()).describe("of the server, four at most; none: all further places of `from`"),
        port: z.int().nullable(),
        transport: z.string().nullable(),
        connections: z.int().describe("made in this time, of TCP; one whose two ends are seen is one"),
        failed: z.int().describe("attempts that failed at once"),
        bytes_to: z.int().describe("from the client to the server"),
        bytes_from: z.int(),
        measured: z
          .array(
            z.strictObject({
              protocol: z.string(),
              by: z.enum(["client", "server"]).describe("whose meter it is; a server's only if nobody else asks it"),
              tenant: z.string().nullable().describe("null: the operator's own policy"),
              policy: z.string(),
              metric: z.string(),
              ...requestNumbers,
              most: z.number().describe("the meter's largest bound in seconds: what took longer is told as this"),
            }),
          )
          .describe("two policies may have counted the same request; empty: no meter measured it"),
      }),
    )
    .describe("those with most requests first"),
  more: z.int().describe("edges beyond `limit`"),
  unplaced: z.int().describe("requests that clients' meters measured, and that fit no edge or several"),
  left_out: z.int().describe("edges that had to go, of all since Vedette began; a tenant is told 0"),
  missed: z.int().describe("batches of events that nobody could look at in time"),
});
/** What is told of health to whoever asks. */
export const Health = z.looseObject({ status: z.enum(["ok", "red"]), judging: z.string().nullable() });
/** For whom answers are made. */
export const Self = z.strictObject({
  tenant: z.string().nullable().describe("null: the operator"),
  mayAct: z.boolean().describe("false: a token of `viewer`, who sees what the operator sees and changes nothing"),
  from: z.enum(["sensor", "store"]).describe("store: nothing runs here; what is shown was stored"),
});

/** What the schema of this name describes. */
export type PolicyRow = z.infer<typeof PolicyRow>;
/** What the schema of this name describes. */
export type PolicyPage = z.infer<typeof PolicyPage>;
/** What the schema of this name describes. */
export type FindingRow = z.infer<typeof FindingRow>;
/** What the schema of this name describes. */
export type IncidentBrief = z.infer<typeof IncidentBrief>;
/** What the schema of this name describes. */
export type AuditRow = z.infer<typeof AuditRow>;
/** What the schema of this name describes. */
export type Overview = z.infer<typeof Overview>;
/** What the schema of this name describes. */
export type OutputRow = z.infer<typeof OutputRow>;
/** What the schema of this name describes. */
export type OutputTried = z.infer<typeof OutputTried>;
/** What the schema of this name describes. */
export type IncidentsDecided = z.infer<typeof IncidentsDecided>;
/** What the schema of this name describes. */
export type PolicyTried = z.infer<typeof PolicyTried>;
/** What the schema of this name describes. */
export type PolicyExplained = z.infer<typeof PolicyExplained>;
/** What the schema of this name describes. */
export type PolicyDrafted = z.infer<typeof PolicyDrafted>;
/** What the schema of this name describes. */
export type SensorRow = z.infer<typeof SensorRow>;
/** What the schema of this name describes. */
export type TenantRow = z.infer<typeof TenantRow>;
/** What the schema of this name describes. */
export type IncidentRow = z.infer<typeof IncidentRow>;
/** What the schema of this name describes. */
export type ProcessRow = z.infer<typeof ProcessRow>;
/** What the schema of this name describes. */
export type ConnectionRow = z.infer<typeof ConnectionRow>;
/** What the schema of this name describes. */
export type EvidenceRow = z.infer<typeof EvidenceRow>;
/** What the schema of this name describes. */
export type EvidenceList = z.infer<typeof EvidenceList>;
/** What the schema of this name describes. */
export type Monitor = z.infer<typeof Monitor>;
/** What the schema of this name describes. */
export type ServiceMap = z.infer<typeof ServiceMap>;
/** What the schema of this name describes. */
export type Health = z.infer<typeof Health>;
/** What the schema of this name describes. */
export type Self = z.infer<typeof Self>;
