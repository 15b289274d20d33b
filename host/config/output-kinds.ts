// SPDX-License-Identifier: Apache-2.0
// What may stand under `outputs:`, by type, and what it becomes: a row of the registry and its settings. A
// text may name variables of the environment, `${TOKEN}`, so that a file need not hold a secret. No message
// repeats a text of these: it may be one.
import { join } from "node:path";
import * as z from "zod";
import { PRIORITIES } from "../finding/priority.js";
import { subjectComplaint } from "../output/nats-subject.js";
import { parseNatsUrl } from "../output/nats-url.js";
import { OCSF_VERSIONS } from "../output/ocsf.js";
import type { NamedOutput } from "../output/registry.js";
import { parseSyslogUrl, type SyslogSettings, withAuthority } from "../output/syslog-url.js";
import { syslogUrl } from "./keys.js";

const QUEUE_COUNT = 1000;
const QUEUE_COUNT_BATCHED = 10_000;
const QUEUE_MIB = 64;
const QUEUE_MIB_MAX = 4096;
const MIB = 1 << 20;
const FILE_MIB_MAX = 65_536;
const FILES = 4;
const FILES_MAX = 100;
const STANDARD = new Set(["stdout", "stderr"]);
const QUEUE_COUNT_MAX = 100_000;
const EVERY_S = 60;
const OCSF_USUAL = "1.5.0";
const EVERY_S_MAX = 3600;
const SECOND_MS = 1000;
const PREFIX = /^(?!(?:.*\/)?\.\.?(?:\/|$))[^\x00-\x1f\x7f]{0,512}$/;

/** What texts of the file may name. */
let variables: NodeJS.ProcessEnv = process.env;

/** Does the work as if the environment were that one. */
export function withVariables<T>(those: NodeJS.ProcessEnv, work: () => T): T {
  variables = those;
  try {
    return work();
  } finally {
    variables = process.env;
  }
}

const text = z
  .string()
  .min(1)
  .transform((raw, context) => {
    const missing = variablesIn(raw).find((name) => variables[name] === undefined);
    if (missing === undefined) return expanded(raw);
    context.addIssue({ code: "custom", message: `there is no variable ${missing} in the environment` });
    return z.NEVER;
  });
const url = text.pipe(
  z.string().refine((raw) => URL.canParse(raw) && /^https?:/.test(raw), "it must be an http or https URL"),
);
/** What may stand in a header of HTTP (RFC 9110): a line feed would begin another. */
const headers = z.record(
  z.string().regex(/^[\w!#$%&'*+.^`|~-]+$/, "a header's name has letters, digits and dashes"),
  text.pipe(z.string().regex(/^[\x20-\x7e]*$/, "a header's value has no control characters")),
);
const says = <T extends z.ZodType>(schema: T, sentence: string): T => schema.describe(sentence) as T;

const common = {
  priority: says(z.enum(PRIORITIES).optional(), "the least urgent priority that it gets (default: all)"),
  repeats: says(z.enum(["all", "first"]).optional(), "as `repeats`, for this output alone"),
};
const tls = {
  ca: says(text.optional(), "a PEM file: who may have signed the receiver's certificate"),
  certificate: says(text.optional(), "a PEM file: our certificate, where the receiver wants one"),
  key: says(text.optional(), "a PEM file: its key"),
  insecure: says(z.boolean().optional(), "do not look at the receiver's certificate"),
};

/** Of outputs whose receiver may be away. */
const waiting = {
  queue: says(
    z.enum(["memory", "disk"]).default("memory"),
    "where alerts wait: in memory, or on a disk, too, where they outlive the host (default: memory)",
  ),
  queue_dir: says(text.optional(), "of `queue: disk`: the folder; each output has one of its own in it"),
  queue_mib: says(
    z.number().int().min(1).max(QUEUE_MIB_MAX).optional(),
    "of `queue: disk`: the most that it takes there, MiB (default: 64)",
  ),
};
const count = z.number().int().min(1).max(QUEUE_COUNT_MAX);

const File = z.strictObject({
  type: z.literal("file"),
  path: says(text, "`stdout`, `stderr` or a file"),
  format: says(
    z.enum(["json", "text", "ocsf", "emf"]).default("json"),
    "`json`: Falco's; `text`: its sentence; `ocsf`: of the Open Cybersecurity Schema Framework; `emf`: CloudWatch's metrics (default: json)",
  ),
  ocsf_version: says(z.enum(OCSF_VERSIONS).optional(), "of `ocsf`: 1.1.0 to 1.8.0 (default: 1.5.0)"),
  namespace: says(
    z
      .string()
      .regex(/^[\w.\-#:/]{1,255}$/, "letters, digits and .-_/#:")
      .optional(),
    "of `emf`: that of the metrics (default: Vedette)",
  ),
  incidents: says(z.boolean().optional(), "of `ocsf` and `emf`: tell of incidents, too (default: true)"),
  max_mib: says(
    z.number().int().min(1).max(FILE_MIB_MAX).optional(),
    "how large the file becomes, MiB; then it is renamed to PATH.1, and another one begins (default: it grows)",
  ),
  keep: says(
    z.number().int().min(1).max(FILES_MAX).optional(),
    "with `max_mib`: how many older files stay, PATH.1 the latest (default: 4)",
  ),
  ...common,
});
const Http = z.strictObject({
  type: z.literal("http"),
  url: says(url, "where alerts are posted, one a request, as Falco's JSON"),
  headers: says(headers.default({}), "headers of each request"),
  compress: says(z.boolean().default(false), "send gzip"),
  queue_count: says(count.default(QUEUE_COUNT), "how many alerts may wait in memory (default: 1000)"),
  ...waiting,
  ...tls,
  ...common,
});
const Syslog = z.strictObject({
  type: z.literal("syslog"),
  url: says(text.pipe(syslogUrl), "`udp://HOST[:PORT]`, `tcp://HOST:PORT`, `tls://HOST[:PORT]` or `unix:/dev/log`"),
  ca: tls.ca,
  ...waiting,
  ...common,
});

const Otlp = z.strictObject({
  type: z.literal("otlp"),
  url: says(url, "of a collector, such as `http://localhost:4318`; with a path, that of its endpoint for logs"),
  headers: says(headers.default({}), "headers of each request"),
  compress: says(z.boolean().default(true), "send gzip (default: true)"),
  incidents: says(z.boolean().default(true), "tell of incidents, too: opened, updated, closed (default: true)"),
  metrics: says(z.boolean().default(false), "send the numbers of /metrics, too (default: false)"),
  metrics_url: says(url.optional(), "of the endpoint for metrics (default: as `url`, with /v1/metrics at its end)"),
  metrics_every_s: says(
    z.number().int().min(1).max(EVERY_S_MAX).optional(),
    "how often numbers are sent, in seconds (default: 60)",
  ),
  traces: says(z.boolean().default(false), "send spans, too, of meters that make some (default: false)"),
  traces_url: says(url.optional(), "of the endpoint for traces (default: as `url`, with /v1/traces at its end)"),
  queue_count: says(count.default(QUEUE_COUNT_BATCHED), "how many records may wait in memory (default: 10000)"),
  ...waiting,
  ...tls,
  ...common,
});

const aws = {
  region: says(
    text.pipe(z.string().regex(/^[a-z]{2,}(-[a-z]+)+-\d+$/, "a region is written as in eu-west-1")).optional(),
    "AWS's region (default: AWS_REGION of the environment)",
  ),
  endpoint: says(url.optional(), "instead of AWS's own address: of a VPC, or of a server that speaks the same"),
  format: says(
    z.enum(["json", "ocsf"]).default("json"),
    "`json`: Falco's; `ocsf`: of the Open Cybersecurity Schema Framework (default: json)",
  ),
  ocsf_version: File.shape.ocsf_version,
  incidents: says(z.boolean().optional(), "of `ocsf`: tell of incidents, too (default: true)"),
  queue_count: says(count.default(QUEUE_COUNT_BATCHED), "how many alerts may wait in memory (default: 10000)"),
  ca: tls.ca,
  ...waiting,
  ...common,
};
const Firehose = z.strictObject({
  type: z.literal("firehose"),
  stream: says(
    text.pipe(z.string().regex(/^[\w.-]{1,64}$/, "a stream's name has letters, digits and .-_")),
    "of Amazon Data Firehose: the stream's name",
  ),
  ...aws,
});
const S3 = z.strictObject({
  type: z.literal("s3"),
  bucket: says(
    text.pipe(
      z
        .string()
        .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, "a bucket's name has 3 to 63 small letters, digits and .-"),
    ),
    "of Amazon S3: the bucket's name",
  ),
  prefix: says(
    text
      .pipe(z.string().regex(PREFIX, "a prefix has no control characters, and no part `.` or `..`"))
      .default("vedette/"),
    "in front of each object's name (default: vedette/)",
  ),
  every_s: says(
    z.number().int().min(1).max(EVERY_S_MAX).default(EVERY_S),
    "the longest that an alert waits for others of its object, in seconds (default: 60)",
  ),
  ...aws,
});

const NATS_NAME = /^[^\s.*>/\\\x00-\x1f\x7f]{1,255}$/;
const Nats = z.strictObject({
  type: z.literal("nats"),
  url: says(
    text.pipe(
      z.string().refine((raw) => parseNatsUrl(raw) !== null, "it must be nats://HOST[:PORT] or tls://HOST[:PORT]"),
    ),
    "`nats://HOST[:4222]` or `tls://HOST[:4222]`; several with commas between them",
  ),
  subject: says(
    text
      .pipe(
        z.string().superRefine((raw, context) => {
          const message = subjectComplaint(raw);
          if (message !== null) context.addIssue({ code: "custom", message });
        }),
      )
      .default("vd.a.{tenant}"),
    "the subject of each alert; `{tenant}`, `{container}`, `{task}`, `{policy}`, `{rule}` and `{priority}` become a token each (default: vd.a.{tenant})",
  ),
  stream: says(
    text.pipe(z.string().regex(NATS_NAME, "a stream's name has no dots, blanks and wildcards")).optional(),
    "the stream that must take them (default: any that takes the subject)",
  ),
  user: says(text.optional(), "with `password`: as whom we come"),
  password: says(text.optional(), "its password"),
  token: says(text.optional(), "a token, where the servers want one"),
  nkey: says(
    text.pipe(z.string().regex(/^SU[A-Z2-7]{56}$/, "the seed of a user's nkey begins with SU")).optional(),
    "the seed of an nkey, `SU...`",
  ),
  creds: says(text.optional(), "a file of credentials (a JWT and its seed), or its text"),
  inbox_prefix: says(
    text.pipe(z.string().regex(/^[\w-]+(\.[\w-]+)*$/, "it is a subject without wildcards")).optional(),
    "in front of the subjects on which we are answered (default: _INBOX)",
  ),
  format: says(
    z.enum(["json", "ocsf", "vedette"]).default("json"),
    "`json`: Falco's; `ocsf`: of the Open Cybersecurity Schema Framework; `vedette`: for `vedette fleet collect` (default: json)",
  ),
  ocsf_version: File.shape.ocsf_version,
  incidents: aws.incidents,
  queue_count: aws.queue_count,
  ...waiting,
  ...tls,
  ...common,
});

/** All types, by their word. */
export const OUTPUT_TYPES = {
  file: File,
  http: Http,
  syslog: Syslog,
  otlp: Otlp,
  firehose: Firehose,
  s3: S3,
  nats: Nats,
} as const;
/** One entry of `outputs:`. */
export const OutputEntry = z
  .discriminatedUnion("type", [File, Http, Syslog, Otlp, Firehose, S3, Nats])
  .refine((entry) => entry.type === "file" || entry.queue === "memory" || entry.queue_dir !== undefined, {
    path: ["queue_dir"],
    message: "`queue: disk` needs a folder here",
  })
  .superRefine((entry, context) => {
    for (const [key, needs] of idleKeys(entry))
      context.addIssue({ code: "custom", path: [key], message: `it means nothing without ${needs}` });
  })
  .refine((entry) => entry.type !== "file" || entry.max_mib === undefined || !STANDARD.has(entry.path), {
    path: ["max_mib"],
    message: "a standard stream has no size",
  })
  .refine((entry) => entry.type !== "otlp" || !entry.metrics || entry.metrics_url !== undefined || isUsual(entry.url), {
    path: ["metrics_url"],
    message: "it is needed, because `url` has a path of its own",
  })
  .refine((entry) => entry.type !== "otlp" || !entry.traces || entry.traces_url !== undefined || isUsual(entry.url), {
    path: ["traces_url"],
    message: "it is needed, because `url` has a path of its own",
  })
  .refine((entry) => !("region" in OUTPUT_TYPES[entry.type].shape) || regionOf(entry) !== undefined, {
    path: ["region"],
    message: "it needs a region: here, or in AWS_REGION",
  })
  .refine((entry) => entry.type !== "nats" || waysIn(entry).length < 2, {
    path: ["user"],
    message: "there is one way in: `user`, `token`, `nkey` or `creds`",
  })
  .refine((entry) => entry.type !== "nats" || (entry.user === undefined) === (entry.password === undefined), {
    path: ["password"],
    message: "`user` and `password` belong together",
  });
/** What an output is called: in the file, in metrics, and in a variable's name. */
export const OutputName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,39}$/, "an output's name has small letters, digits and dashes, and begins with a letter");

type Entry = z.infer<typeof OutputEntry>;
type Said = Readonly<Record<string, unknown>>;

const isOcsf = ({ format }: Said): boolean => format === "ocsf";
const isEmf = ({ format }: Said): boolean => format === "emf";
const isOnDisk = ({ queue }: Said): boolean => queue === "disk";
const hasNumbers = ({ metrics }: Said): boolean => metrics === true;

/** Keys that mean something only beside another: where, and what is missing where they stand alone. */
const BESIDE: readonly (readonly [key: string, means: (entry: Said) => boolean, needs: string])[] = [
  ["queue_dir", isOnDisk, "`queue: disk`"],
  ["queue_mib", isOnDisk, "`queue: disk`"],
  ["keep", ({ max_mib }) => max_mib !== undefined, "`max_mib`"],
  ["ocsf_version", isOcsf, "`format: ocsf`"],
  ["incidents", (entry) => entry.type === "otlp" || isOcsf(entry) || isEmf(entry), "`format: ocsf`"],
  ["namespace", isEmf, "`format: emf`"],
  ["metrics_url", hasNumbers, "`metrics: true`"],
  ["metrics_every_s", hasNumbers, "`metrics: true`"],
  ["traces_url", ({ traces }) => traces === true, "`traces: true`"],
  ["certificate", ({ key }) => key !== undefined, "`key`"],
  ["key", ({ certificate }) => certificate !== undefined, "`certificate`"],
];

/** Of an entry, those that stand alone. */
function idleKeys(entry: Said): (readonly [key: string, needs: string])[] {
  return BESIDE.filter(([key, means]) => entry[key] !== undefined && !means(entry)).map(([key, , needs]) => [
    key,
    needs,
  ]);
}

/** What the registry opens. */
export function namedOutput(name: string, entry: Entry): NamedOutput {
  const { priority, repeats } = entry;
  const how = {
    name,
    ...(priority === undefined ? {} : { least: priority }),
    ...(repeats === undefined ? {} : { repeats }),
    ...diskOf(name, entry),
  };
  switch (entry.type) {
    case "file":
      return { ...how, kind: "file", settings: entry.path, ...fileForm(entry), ...boundOf(entry) };
    case "http":
      return { ...how, kind: "http", settings: httpSettings(entry) };
    case "otlp": {
      const { incidents: hasIncidents, metrics, metrics_every_s = EVERY_S, traces } = entry;
      const settings = { ...httpSettings(entry), url: signalUrl(entry.url, "logs"), hasIncidents };
      const url = entry.metrics_url ?? signalUrl(entry.url, "metrics");
      const pushed = { metrics: { ...settings, url, everyMs: metrics_every_s * SECOND_MS } };
      const traced = { traces: { ...settings, url: entry.traces_url ?? signalUrl(entry.url, "traces") } };
      return { ...how, kind: "otlp", settings, ...(metrics ? pushed : {}), ...(traces ? traced : {}) };
    }
    case "firehose":
      return { ...how, kind: "firehose", settings: { stream: entry.stream, ...awsPlace(entry) }, ...awsForm(entry) };
    case "s3": {
      const { bucket, prefix, every_s } = entry;
      const settings = { bucket, prefix, lingerMs: every_s * SECOND_MS, ...awsPlace(entry) };
      return { ...how, kind: "s3", settings, ...awsForm(entry) };
    }
    case "nats":
      return { ...how, kind: "nats", settings: natsSettings(entry), ...awsForm(entry) };
    case "syslog": {
      const settings = parseSyslogUrl(entry.url) as SyslogSettings;
      return { ...how, kind: "syslog", settings: withAuthority(settings, entry.ca) };
    }
  }
}

function diskOf(name: string, entry: Entry): Pick<NamedOutput, "disk"> {
  if (entry.type === "file" || entry.queue === "memory" || entry.queue_dir === undefined) return {};
  return { disk: { folder: join(entry.queue_dir, name), bytes: (entry.queue_mib ?? QUEUE_MIB) * MIB } };
}

function boundOf({ max_mib: mib, keep = FILES }: z.infer<typeof File>) {
  return mib === undefined ? {} : { bound: { bytes: mib * MIB, keep } };
}

function fileForm({
  format,
  ocsf_version: version = OCSF_USUAL,
  namespace = "Vedette",
  incidents: hasIncidents = true,
}: z.infer<typeof File>) {
  if (format === "ocsf") return { form: "json" as const, lines: { form: format, version, hasIncidents } };
  if (format === "emf") return { form: "json" as const, lines: { form: format, namespace, hasIncidents } };
  return { form: format };
}

type NatsEntry = z.infer<typeof Nats>;

/** As whom it comes. */
const waysIn = ({ user, token, nkey, creds }: NatsEntry): string[] =>
  [user, token, nkey, creds].filter((one) => one !== undefined);

function natsSettings({ url, subject, stream, user, password, token, nkey, creds, ...rest }: NatsEntry) {
  const { inbox_prefix: inbox, queue_count: capacity, ca, certificate, key, insecure: isInsecure } = rest;
  const place = given({ stream, user, password, token, nkey, creds, inbox, ca, certificate, key, isInsecure });
  return { url, subject, capacity, ...place };
}

type AwsEntry = Pick<z.infer<typeof Firehose>, keyof typeof aws>;

/** ECS sets AWS_REGION in each container. */
const regionOf = (entry: object): string | undefined =>
  (entry as { region?: string }).region ?? variables.AWS_REGION ?? variables.AWS_DEFAULT_REGION;

function awsPlace(entry: AwsEntry) {
  const { endpoint, ca, queue_count: capacity } = entry;
  return { region: regionOf(entry) as string, capacity, ...given({ endpoint, ca }) };
}

function awsForm({ format, ocsf_version: version = OCSF_USUAL, incidents: hasIncidents = true }: AwsEntry | NatsEntry) {
  if (format === "vedette") return { lines: { form: format, hasIncidents: false } };
  return format === "ocsf" ? { lines: { form: format, version, hasIncidents } } : {};
}

const LOGS = /\/v1\/logs$/;

/** Whether it says where the other signals of a collector are, too. */
function isUsual(url: string): boolean {
  const { pathname } = new URL(url);
  return pathname === "/" || LOGS.test(pathname);
}

/** OTLP's own rule: an address without a path has one. */
function signalUrl(text: string, signal: "logs" | "metrics" | "traces"): string {
  const address = new URL(text);
  if (address.pathname === "/") address.pathname = `/v1/${signal}`;
  address.pathname = address.pathname.replace(LOGS, `/v1/${signal}`);
  return address.href;
}

function httpSettings({
  url,
  headers,
  compress,
  queue_count,
  ca,
  certificate,
  key,
  insecure,
}: Omit<z.infer<typeof Http>, "type">) {
  return {
    url,
    userAgent: "vedette",
    headers,
    capacity: queue_count,
    isCompressed: compress,
    ...given({ ca, certificate, key, isInsecure: insecure }),
  };
}

/** Without what was not said. */
function given<T extends object>(members: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as never;
}

const VARIABLE = /\$(\$?)\{(\w+)\}/g;

function variablesIn(raw: string): string[] {
  return [...raw.matchAll(VARIABLE)].filter(([, dollar]) => dollar === "").map(([, , name]) => name as string);
}

/** `$${NAME}` is that text. */
function expanded(raw: string): string {
  return raw.replace(VARIABLE, (_, dollar: string, name: string) =>
    dollar === "" ? (variables[name] ?? "") : `\${${name}}`,
  );
}
