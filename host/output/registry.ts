// SPDX-License-Identifier: Apache-2.0
// The outputs that there are, a row each: who is asked for, and what opens it. A new output is a file with
// its carrier and a row here (docs/add-an-output.md). Nobody else knows them one by one.
import { resolve } from "node:path";
import type { VedetteError } from "../errors.js";
import { fileStamp } from "../file-stamp.js";
import { PRIORITIES, type Priority } from "../finding/priority.js";
import { VERSION } from "../version.js";
import { type Alert, type AlertStyle, alertJson } from "./alert.js";
import { Backlog, type BacklogLimits, type BacklogOptions, STUCK_MS } from "./backlog.js";
import type { DiskQueue } from "./disk-queue.js";
import type { FirehoseSettings } from "./firehose.js";
import { alertForm, type Form, isForPerson } from "./form.js";
import type { HttpSettings } from "./http.js";
import { isStandard, LineCarrier } from "./lines.js";
import type { MetricsSettings } from "./metrics-push.js";
import type { NatsSettings } from "./nats.js";
import type { OcsfVersion } from "./ocsf.js";
import type { OtlpSettings } from "./otlp.js";
import type { Carrier } from "./output.js";
import type { ProgramSettings } from "./program.js";
import type { FileBound } from "./rotation.js";
import type { S3Settings } from "./s3.js";
import type { TracesSettings } from "./span-push.js";
import { localSyslogText, syslogText } from "./syslog-text.js";
import type { SyslogSettings } from "./syslog-url.js";
import { withoutPassword } from "./url.js";

export type { ProgramSettings } from "./program.js";

/** What a command was asked for, of all outputs. */
export interface Asked {
  /** `stderr`, `stdout` or a file, each. */
  readonly targets: readonly string[];
  /** Files among them that are made anew when they were renamed or removed. */
  readonly remade?: readonly string[];
  readonly http?: HttpSettings | null;
  readonly program?: ProgramSettings | null;
  readonly syslog?: readonly SyslogSettings[];
  /** Those of vedette.yaml. */
  readonly named?: readonly NamedOutput[];
}

/** An output that has a name of its own, and may be told less than others. */
export type NamedOutput = {
  readonly name: string;
  /** The least urgent priority that it gets; undefined: it gets all. */
  readonly least?: Priority;
  readonly repeats?: Repeats;
  /** Of lines. */
  readonly form?: Form;
  /** The folder where alerts wait, and the most bytes that they take there; undefined: in memory. */
  readonly disk?: { readonly folder: string; readonly bytes: number };
} & (
  | { readonly kind: "file"; readonly settings: string; readonly lines?: SchemaLines; readonly bound?: FileBound }
  | { readonly kind: "http"; readonly settings: HttpSettings }
  | { readonly kind: "syslog"; readonly settings: SyslogSettings }
  | {
      readonly kind: "otlp";
      readonly settings: OtlpSettings & { readonly hasIncidents: boolean };
      /** Where it takes the sensor's numbers, too. */
      readonly metrics?: MetricsSettings;
      /** Where it takes spans, too. */
      readonly traces?: TracesSettings;
    }
  | { readonly kind: "firehose"; readonly settings: FirehoseSettings; readonly lines?: SchemaLines }
  | { readonly kind: "s3"; readonly settings: S3Settings; readonly lines?: SchemaLines }
  | { readonly kind: "nats"; readonly settings: NatsSettings; readonly lines?: SchemaLines }
);

/** Lines for machines, in a form other than Falco's. */
export type SchemaLines = { readonly hasIncidents: boolean } & (
  | { readonly form: "ocsf"; readonly version: OcsfVersion }
  | { readonly form: "emf"; readonly namespace: string }
  | { readonly form: "vedette" }
);

/** What is the same for all outputs of a command. */
export interface Manner {
  readonly style?: AlertStyle;
  /** undefined: as is best for whoever reads. */
  readonly form?: Form;
  /** Lines wait for whoever reads, as long as that takes: nothing is guarded meanwhile. */
  readonly isPatient?: boolean;
  /** `first`: of alerts that repeat one another the first, the 10th, the 100th ... and the last. */
  readonly repeats?: Repeats;
  /** A terminal shows the command's incidents at the end, so it needs no repeats meanwhile. */
  readonly showsIncidents?: boolean;
  readonly onFault: (error: VedetteError) => void;
  /** Is told what receivers answer, where somebody asked for that: a receiver's words are in it. */
  readonly onAnswer?: (line: string) => void;
}

/** Which of the alerts that repeat one another are written. */
export type Repeats = "all" | "first";

/** How what an output is told becomes a line. */
type Texts = Pick<BacklogOptions, "text" | "update" | "news">;

interface OutputRow<Settings> {
  readonly kind: string;
  /** The settings of each that was asked for. */
  readonly asked: (asked: Asked) => readonly Settings[];
  readonly name: (settings: Settings) => string;
  readonly limits: (settings: Settings, manner: Manner) => BacklogLimits;
  /** Loads, with `import()`, what only this form needs. */
  readonly texts: (settings: Settings, manner: Manner) => Texts | Promise<Texts>;
  /** Loads, with `import()`, what only this output needs. */
  readonly carrier: (settings: Settings, manner: Manner) => Carrier | Promise<Carrier>;
  /** Whether a person reads it; undefined: nobody does. */
  readonly isForPerson?: (settings: Settings, manner: Manner) => boolean;
}

const MIB = 1 << 20;
/** Of lines: some hundred milliseconds of the worst that a rule's limit lets through. */
const LINES: BacklogLimits = {
  count: 10_000,
  bytes: 8 * MIB,
  batchCount: 1000,
  batchBytes: 64 << 10,
  retryMs: 100,
  retryMsMax: 1000,
  busyMs: 5,
  stuckMs: STUCK_MS,
  closeMs: 1000,
  retriesAtEnd: false,
};
const PATIENT: BacklogLimits = { ...LINES, closeMs: Number.POSITIVE_INFINITY };
/** Falcosidekick takes one alert a request. */
export const RECEIVER_LIMITS: Omit<BacklogLimits, "count"> = {
  bytes: 16 * MIB,
  batchCount: 1,
  batchBytes: MIB,
  retryMs: 100,
  retryMsMax: 5000,
  busyMs: 100,
  stuckMs: STUCK_MS,
  closeMs: 5000,
  retriesAtEnd: true,
};

/** Of a standard stream or a file. */
interface LineTarget {
  readonly target: string;
  readonly bound?: FileBound | undefined;
  /** It is made anew when it was renamed or removed. */
  readonly isRemade?: true;
}

const lineTexts = ({ target }: LineTarget, { form, style = {} }: Manner): Texts => ({
  text: alertForm(form, target, style),
});

const lines = (kind: string, isOurs: (target: string) => boolean): OutputRow<LineTarget> => ({
  kind,
  asked: ({ targets, remade = [] }) =>
    targets.filter(isOurs).map((target) => ({ target, ...(remade.includes(target) ? { isRemade: true } : {}) })),
  name: ({ target }) => target,
  limits: (_target, { isPatient = false }) => (isPatient ? PATIENT : LINES),
  texts: lineTexts,
  carrier: ({ target, bound = null, isRemade = false }) => new LineCarrier(target, bound, isRemade),
  isForPerson: ({ target }, { form }) => isForPerson(form, target),
});

/** `--alerts PATH`: lines in a file. */
export const FILE = lines("file", (target) => !isStandard(target));
/** `--alerts stdout` and `stderr`: lines on a standard stream. */
export const TERMINAL = lines("terminal", isStandard);
const RECEIVER: OutputRow<HttpSettings> = {
  kind: "http",
  asked: ({ http = null }) => (http === null ? [] : [http]),
  name: ({ url }) => withoutPassword(url),
  limits: ({ capacity: count }) => ({ ...RECEIVER_LIMITS, count }),
  texts: (_settings, { style = {} }) => ({ text: (alert) => alertJson(alert, style) }),
  carrier: async (settings, { onAnswer }) => new (await import("./http.js")).HttpCarrier(settings, onAnswer),
};

/**
 * Bytes of one message: what each server of RFC 5426 should take, and what rsyslog takes unless it is told
 * otherwise.
 */
const MESSAGE_MAX = { udp: 2_048, tcp: 8_096, tls: 8_096 };
const TAG = "vedette";
/** `--syslog URL`. Its server takes a batch at once. */
const SYSLOG: OutputRow<SyslogSettings> = {
  kind: "syslog",
  asked: ({ syslog = [] }) => syslog,
  name: ({ url }) => url,
  limits: () => ({ ...RECEIVER_LIMITS, count: LINES.count, batchCount: 100 }),
  texts: (settings, { form, style = {} }) => {
    if (settings.transport !== "unix") return { text: (alert) => syslogText(alert, MESSAGE_MAX[settings.transport]) };
    const text = alertForm(form, settings.path, style);
    return { text: (alert) => localSyslogText(alert, settings.tag ?? TAG, text(alert), new Date()) };
  },
  carrier: async (settings) => new (await import("./syslog.js")).SyslogCarrier(settings),
};

/** One process for each alert. The slowest programs that are no fault speak to a server. */
const PROGRAM_LIMITS = { ...RECEIVER_LIMITS, stuckMs: 5_000 };
/** Falco's program_output. */
const PROGRAM: OutputRow<ProgramSettings> = {
  kind: "program",
  asked: ({ program = null }) => (program === null ? [] : [program]),
  name: () => "program_output",
  limits: ({ isKept, capacity: count }) => ({ ...(isKept ? { ...LINES, closeMs: 5_000 } : PROGRAM_LIMITS), count }),
  texts: (_settings, { form, style = {} }) => ({ text: alertForm(form, "program_output", style) }),
  carrier: async (settings) => new (await import("./program.js")).ProgramCarrier(settings),
};

/** `type: otlp` of vedette.yaml. */
const OTLP: OutputRow<OtlpSettings & { readonly hasIncidents: boolean }> = {
  kind: "otlp",
  asked: () => [],
  name: ({ url }) => withoutPassword(url),
  limits: ({ capacity: count }) => ({ ...RECEIVER_LIMITS, count, batchCount: 500, closeMs: 10_000 }),
  texts: async ({ hasIncidents }) => {
    const { otlpAlert, otlpIncident } = await import("./otlp-record.js");
    return { text: otlpAlert, ...(hasIncidents ? { news: otlpIncident } : {}) };
  },
  carrier: async (settings) => new (await import("./otlp.js")).OtlpCarrier(settings, VERSION),
};

const FALCO_LINES = (_settings: unknown, { style = {} }: Manner): Texts => ({
  text: (alert) => alertJson(alert, style),
});
const AWS_LIMITS = { ...RECEIVER_LIMITS, closeMs: 10_000 };
/** Of PutRecordBatch: 500 records and 4 MiB, in which a record is base64. */
const FIREHOSE_BATCH = { batchCount: 500, batchBytes: 2_900_000 };

/** `type: firehose` of vedette.yaml. */
const FIREHOSE: OutputRow<FirehoseSettings> = {
  kind: "firehose",
  asked: () => [],
  name: ({ stream }) => `firehose:${stream}`,
  limits: ({ capacity: count }) => ({ ...AWS_LIMITS, count, ...FIREHOSE_BATCH }),
  texts: FALCO_LINES,
  carrier: async (settings) => new (await import("./firehose.js")).FirehoseCarrier(settings),
};

/** `type: s3` of vedette.yaml. An object of one alert costs what one of many costs: they wait for others. */
const S3: OutputRow<S3Settings> = {
  kind: "s3",
  asked: () => [],
  name: ({ bucket }) => `s3:${bucket}`,
  limits: ({ capacity: count, lingerMs }) => ({
    ...AWS_LIMITS,
    count,
    batchCount: 10_000,
    batchBytes: 4 * MIB,
    lingerMs,
  }),
  texts: FALCO_LINES,
  carrier: async (settings) => new (await import("./s3.js")).S3Carrier(settings),
};

/** Messages that are on their way at once. */
const NATS_BATCH = { batchCount: 256, batchBytes: MIB };

/** `type: nats` of vedette.yaml. */
const NATS: OutputRow<NatsSettings> = {
  kind: "nats",
  asked: () => [],
  name: ({ url }) => url,
  limits: ({ capacity: count }) => ({ ...RECEIVER_LIMITS, closeMs: 10_000, count, ...NATS_BATCH }),
  texts: FALCO_LINES,
  carrier: async (settings) => new (await import("./nats.js")).NatsCarrier(settings),
};

/** The row, with a subject and an id in front of each of its lines. */
function onSubjects(row: OutputRow<NatsSettings>): OutputRow<NatsSettings> {
  return {
    ...row,
    texts: async (settings, manner) => {
      const { natsLine, natsNews, natsUpdate } = await import("./nats.js");
      const { text, update, news } = await row.texts(settings, manner);
      const { subject } = settings;
      return {
        text: (alert) => natsLine(subject, alert, text(alert)),
        ...(update === undefined ? {} : { update: (alert) => natsUpdate(subject, alert, update(alert)) }),
        ...(news === undefined ? {} : { news: (one) => natsNews(subject, one, news(one)) }),
      };
    },
  };
}

/** Where the sensor's numbers are to be sent. */
export function metricsOf(named: readonly NamedOutput[] = []): MetricsSettings[] {
  return named.flatMap((one) => (one.kind === "otlp" && one.metrics !== undefined ? [one.metrics] : []));
}

/** Where spans are to be sent. */
export function tracesOf(named: readonly NamedOutput[] = []): TracesSettings[] {
  return named.flatMap((one) => (one.kind === "otlp" && one.traces !== undefined ? [one.traces] : []));
}

/** In the order in which they are opened. */
const ROWS = [bound(RECEIVER), bound(SYSLOG), bound(PROGRAM), bound(TERMINAL), bound(FILE)];

/** An output that is asked for, before there is one. */
export interface OutputPlan {
  /** Of an output that vedette.yaml names; else what it writes to. */
  readonly name: string;
  /** The folder where its lines wait, absolute; undefined: they wait in memory. */
  readonly folder?: string;
  /** Of two plans with one place, the later output goes on with the queue of the earlier one. */
  readonly place: string;
  /** Another text where the output would be another one, or would read other files of keys. */
  readonly print: string;
  /** Makes what its queue needs. Throws where a file of it cannot be read. */
  readonly make: () => Promise<BacklogOptions>;
}

/** All outputs that are asked for. */
export function plannedOutputs(asked: Asked, manner: Manner): Promise<OutputPlan[]> {
  const named = (asked.named ?? []).map((one) => namedPlan(one, manner));
  return Promise.all([...ROWS.flatMap((row) => row(asked, manner)), ...named]);
}

/** All outputs that were asked for, not yet started. */
export async function outputsOf(asked: Asked, manner: Manner): Promise<Backlog[]> {
  const outputs: Backlog[] = [];
  for (const { make } of await plannedOutputs(asked, manner)) outputs.push(new Backlog(await make()));
  return outputs;
}

/** The row's types are known one by one, and not as one. */
async function planOf<Settings>(
  row: OutputRow<Settings>,
  settings: Settings,
  manner: Manner,
  named: Partial<NamedOutput> = {},
): Promise<OutputPlan> {
  const { name, least, disk: where } = named;
  const { onFault: _, ...how } = manner;
  const stamps = await Promise.all(keyFilesOf(settings).map(fileStamp));
  const called = name ?? row.name(settings);
  const folder = where === undefined ? undefined : resolve(where.folder);
  return {
    name: called,
    ...(folder === undefined ? {} : { folder }),
    place: JSON.stringify([row.kind, called, folder]),
    print: JSON.stringify([settings, named, how, stamps]),
    make: async () => {
      const [texts, carrier] = [await row.texts(settings, manner), await row.carrier(settings, manner)];
      const queue = queueOf(row, settings, manner, { texts, carrier, name: called, ...(least && { least }) });
      return where === undefined ? queue : { ...queue, disk: await diskAt(where), diskBytes: where.bytes };
    },
  };
}

/** Files that outputs read when they are opened: of authorities, of certificates, of keys. */
export function keyFilesIn({ http, syslog = [], named = [] }: Partial<Asked>): string[] {
  return [http, ...syslog, ...named.map(({ settings }) => settings)].flatMap(keyFilesOf);
}

function keyFilesOf(settings: unknown): string[] {
  const { ca, certificate, key, creds } = (settings ?? {}) as Record<string, unknown>;
  return [ca, certificate, key, creds].filter((path) => typeof path === "string");
}

async function diskAt({ folder, bytes }: NonNullable<NamedOutput["disk"]>): Promise<() => DiskQueue> {
  const { DiskQueue } = await import("./disk-queue.js");
  return () => new DiskQueue(folder, bytes);
}

function namedPlan(named: NamedOutput, { form: _, ...common }: Manner): Promise<OutputPlan> {
  const { repeats = common.repeats, form } = named;
  const style = { ...common.style, saysRepeats: repeats === "first" };
  const manner: Manner = {
    ...common,
    style,
    ...(repeats === undefined ? {} : { repeats }),
    ...(form === undefined ? {} : { form }),
  };
  switch (named.kind) {
    case "file": {
      const { settings: target, bound } = named;
      return planOf(inForm(lineRow(target), named.lines), { target, bound }, manner, named);
    }
    case "http":
      return planOf(RECEIVER, named.settings, manner, named);
    case "syslog":
      return planOf(SYSLOG, named.settings, manner, named);
    case "otlp":
      return planOf(OTLP, named.settings, manner, named);
    case "firehose":
      return planOf(inForm(FIREHOSE, named.lines), named.settings, manner, named);
    case "s3":
      return planOf(inForm(S3, named.lines), named.settings, manner, named);
    case "nats":
      return planOf(onSubjects(inForm(NATS, named.lines)), named.settings, manner, named);
  }
}

/** The row, with lines of that form where it is not Falco's. */
function inForm<Settings>(row: OutputRow<Settings>, lines: SchemaLines | undefined): OutputRow<Settings> {
  return lines === undefined ? row : { ...row, texts: () => schemaTexts(lines) };
}

/** One of lines, under a name of its own: a tenant's. */
export function linesOutput(name: string, target: string, manner: Manner): Backlog {
  const behind = { texts: lineTexts({ target }, manner), carrier: new LineCarrier(target), name };
  return new Backlog(queueOf(lineRow(target), { target }, manner, behind));
}

const lineRow = (target: string): OutputRow<LineTarget> => (isStandard(target) ? TERMINAL : FILE);

function bound<Settings>(row: OutputRow<Settings>): (asked: Asked, manner: Manner) => Promise<OutputPlan>[] {
  return (asked, manner) => row.asked(asked).map((settings) => planOf(row, settings, manner));
}

/** What is behind a queue, and what it is called. */
interface Behind {
  readonly texts: Texts;
  readonly carrier: Carrier;
  readonly name?: string;
  readonly least?: Priority;
}

function queueOf<Settings>(
  row: OutputRow<Settings>,
  settings: Settings,
  manner: Manner,
  behind: Behind,
): BacklogOptions {
  const { texts, carrier, name = row.name(settings), least = "Debug" } = behind;
  const isWanted = wantedBy(manner, row.isForPerson?.(settings, manner) ?? false);
  const lowest = PRIORITIES.indexOf(least);
  const wants = (alert: Alert): boolean => PRIORITIES.indexOf(alert.priority) <= lowest && isWanted(alert);
  const { kind } = row;
  const { onFault } = manner;
  const limits = row.limits(settings, manner);
  return { name, kind, carrier, limits, wants, onFault, ...texts };
}

async function schemaTexts(lines: SchemaLines): Promise<Texts> {
  if (lines.form === "vedette") return { text: (await import("./alert-record.js")).alertRecord };
  if (lines.form === "emf") {
    const { namespace, hasIncidents } = lines;
    const { emfAlert, emfIncident } = await import("./emf.js");
    const text = (alert: Alert): string => emfAlert(alert, namespace);
    return { text, ...(hasIncidents ? { news: (news) => emfIncident(news, namespace) } : {}) };
  }
  const { version, hasIncidents } = lines;
  const { ocsfAlert, ocsfIncident, ocsfUpdate } = await import("./ocsf.js");
  const text = (alert: Alert): string => ocsfAlert(alert, version, VERSION);
  const update = (alert: Alert): string => ocsfUpdate(alert, version, VERSION);
  return { text, update, ...(hasIncidents ? { news: (news) => ocsfIncident(news, version, VERSION) } : {}) };
}

/** What an output leaves out. The last of a kind is told only where the ones before were left out. */
function wantedBy({ repeats, showsIncidents = false }: Manner, isPerson: boolean): (alert: Alert) => boolean {
  const isStory = isPerson && showsIncidents;
  if ((repeats ?? (isStory ? "first" : "all")) === "all") return ({ repeat }) => repeat?.isLast !== true;
  return ({ repeat }) => repeat === undefined || (repeat.isTold && !(isStory && repeat.isLast === true));
}
