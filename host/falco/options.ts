// SPDX-License-Identifier: Apache-2.0
// Options of Falco's configuration that mean something here, as `--option KEY=VALUE` gives them: KEY is a
// path of falco.yaml. docs/falco.md has the table. A key that Falco has and that has no meaning here is
// accepted and named in `ignored`; a key that Falco does not have is named in `unknown`, a warning, as in
// Falco.
import { BlockList, isIP } from "node:net";
import type { Priority } from "../finding/priority.js";
import { DROP_ACTIONS, type DropSettings } from "../output/drops.js";
import type { HttpSettings } from "../output/http.js";
import type { SnapshotSettings } from "../output/metrics-snapshot.js";
import { hasAuthorities } from "../output/pem.js";
import type { ProgramSettings } from "../output/registry.js";
import type { SyslogSocket } from "../output/syslog-url.js";
import type { BytesForm } from "../wire/render.js";
import { expanded } from "./config-file.js";
import { type Config, type ConfigNode, setOption, settingsIn } from "./config-tree.js";
import type { FalcoFlags } from "./flags.js";
import { hasSyslog, type Idle, idleIn, SYSLOG_PLACE } from "./idle.js";
import { fail, OptionValue } from "./option-value.js";
import { type Extra, SUGGESTED_FIELDS } from "./output-format.js";
import type { Selection } from "./select.js";

/** Falco's configuration as far as it means something here. `file` is null where no file is written. */
export interface FalcoOptions {
  readonly matching: "all" | "first";
  readonly least: Priority; // rules below it are not loaded
  readonly selections: Selection[];
  isSuggested: boolean; // append what Falco's container plugin suggests
  readonly extras: Extra[];
  readonly statics: Map<string, string>; // fields of the configuration, `static.NAME`
  readonly json: boolean | null; // null: text for a person at a terminal, else JSON
  readonly isIso8601: boolean;
  readonly members: Record<"output" | "outputFields" | "tags" | "message", boolean>; // of the JSON
  readonly isToStdout: boolean | null; // null: nothing is said of it
  file: string | null;
  /** Where somebody renames that file, alerts go on into it until a signal comes. */
  readonly isFileKept: boolean;
  http: HttpSettings | null;
  /** The syslog of this machine; null: it gets no alerts. */
  readonly syslog: SyslogSocket | null;
  program: ProgramSettings | null;
  readonly ignored: string[];
  readonly unknown: string[];
  readonly replayed: string | null; // engine.kind=replay: the capture to judge
  readonly capture: CaptureOptions;
  /** What asks in vain, of the file and of options. */
  readonly idle: readonly Idle[];
  /** Where health and numbers are answered; null: where it is usual. */
  readonly web: WebPlace | null;
  /** How outputs show what was read and written. */
  readonly bytes: BytesForm;
  /** Bytes kept of what is read and written; null: as many as is usual. */
  readonly snaplen: number | null;
  /** Where numbers are told now and then; null: nowhere. */
  metrics: SnapshotSettings | null;
  /** What is done about lost events; null: nothing. */
  drops: DropSettings | null;
  /** Calls whose events no rule gets to see. */
  readonly leftOut: readonly string[];
  /** Files are taken whenever they change; null: nothing is said of it. */
  readonly isWatched: boolean | null;
  /** Where what Vedette says goes too, beside stderr; null: nowhere. */
  readonly log: string | null;
  /** Only warnings and errors are to be said. */
  readonly isQuiet: boolean;
}

/** Where visitors are answered, and about what. */
export interface WebPlace {
  /** `ADDRESS:PORT` or `[IPv6]:PORT`. */
  readonly address: string;
  /** Paths, as `/healthz`; null: all. */
  readonly pages: readonly string[] | null;
  /** The path that says whether it lives. */
  readonly healthz: string;
  /** A PEM file of a certificate and its key; undefined: no TLS. */
  readonly certificate?: string;
}

/** When events around an alert are written into a file, and where. */
export interface CaptureOptions {
  readonly isEnabled: boolean;
  readonly prefix: string;
  /** Of rules that say `capture: true`, or of all. */
  readonly mode: "rules" | "all_rules";
  /** How long after an alert, where its rule does not say; in milliseconds. */
  readonly afterMs: number;
  /** Of one file; null: nobody said. */
  readonly fileBytes: number | null;
}

type Setter = (value: OptionValue, draft: Draft) => Partial<Draft>;

interface Draft extends FalcoOptions {
  readonly isReplay: boolean;
  readonly isFileOn: boolean;
  readonly isHttpOn: boolean;
  readonly isProgramOn: boolean;
  readonly isMetered: boolean;
  readonly snapshots: SnapshotSettings;
  readonly dropSettings: DropSettings;
  readonly fileName: string | null;
  readonly httpSettings: HttpSettings;
  readonly authorities: Authorities;
  readonly programSettings: ProgramSettings;
  readonly webSettings: WebSettings;
}

/** Who may have signed a receiver's certificate: two files and a folder. */
type Authorities = Partial<Record<"cert" | "bundle" | "folder", string>>;

interface WebSettings {
  readonly isOn: boolean;
  readonly isTls: boolean;
  readonly hasNumbers: boolean;
  readonly certificate: string;
  readonly healthz: string;
  readonly address: string;
  readonly port: number;
}

const QUEUE_CAPACITY = 1000;
/** Of an answer, and of answers in a row that did not come: more are a mistake. */
const ANSWER_MS_MAX = 600_000;
const LATE_MAX = 255;
const USUAL_FOLDER = "/etc/ssl/certs";
const MIB = 1 << 20;
const PORT_MAX = 65_535;
/** Of the agent: more are never kept. */
const SNAPLEN_MAX = 4_096;
/** As `falco` says it by syslog(3). */
const SYSLOG: SyslogSocket = { url: `unix:${SYSLOG_PLACE}`, transport: "unix", path: SYSLOG_PLACE, tag: "falco" };
const LOG_LEVELS = ["emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"] as const;

/**
 * Throws VEDETTE_FALCO_OPTION at a value that Falco would refuse. `file`: the configuration that the options
 * change, or only that of which Falco begins with.
 */
export function readOptions(texts: readonly string[], file?: Config): FalcoOptions {
  const draft: Draft = {
    matching: "all",
    least: "Debug",
    selections: [],
    isSuggested: true,
    extras: [],
    statics: new Map(),
    json: null,
    isIso8601: false,
    members: { output: true, outputFields: true, tags: true, message: false },
    isToStdout: null,
    file: null,
    isFileKept: false,
    http: null,
    syslog: null,
    program: null,
    ignored: [],
    unknown: [],
    replayed: null,
    capture: { isEnabled: false, prefix: "/tmp/falco", mode: "rules", afterMs: 5_000, fileBytes: null },
    idle: [],
    web: null,
    bytes: "text",
    snaplen: null,
    metrics: null,
    drops: null,
    leftOut: [],
    dropSettings: { actions: [], threshold: 0.1, rate: 0.033_33, burst: 1 },
    isMetered: false,
    snapshots: {
      ...{ everyMs: 3_600_000, isAlert: true, file: null, isInMb: true },
      has: { rules: true, resources: true, kernel: true, empty: false },
    },
    isWatched: null,
    log: null,
    isQuiet: false,
    webSettings: {
      ...{ isOn: false, isTls: false, certificate: "/etc/falco/falco.pem", healthz: "/healthz", hasNumbers: false },
      ...{ address: "127.0.0.1", port: 8765 },
    },
    isReplay: false,
    isFileOn: false,
    isHttpOn: false,
    isProgramOn: false,
    fileName: null,
    httpSettings: { url: "", userAgent: "falcosecurity/falco", capacity: QUEUE_CAPACITY },
    authorities: {},
    programSettings: { program: "", isKept: false, capacity: QUEUE_CAPACITY },
  };
  const config: Config = structuredClone(file ?? {});
  config.append_output ??= [{ suggested_output: "true" }];
  const fromFile = new Set(settingsIn(config, isWhole).map(({ key }) => key));
  for (const text of texts) change(config, text);
  for (const { key, value } of settingsIn(config, isWhole)) apply(draft, key, value);
  if (draft.isFileOn) draft.file = draft.fileName ?? fail("file_output.enabled", "file_output.filename names no file");
  if (draft.isHttpOn) draft.http = checkedHttp(draft);
  if (draft.isProgramOn) draft.program = checkedProgram(draft);
  const { isReplay, isFileOn, isHttpOn, isProgramOn, fileName, replayed, ...told } = draft;
  const { httpSettings, authorities, programSettings, webSettings, isMetered, snapshots, dropSettings, ...rest } = told;
  // Else the web server alone has them.
  const isTold = isMetered && (snapshots.isAlert || snapshots.file !== null);
  if (isReplay && replayed === null) fail("engine.kind", "engine.replay.capture_file names no capture");
  // Of `vedette falco`, which has a configuration; other commands have flags for these.
  if (file === undefined)
    draft.ignored.push(
      ...settingsIn(config, isWhole)
        .map(({ key }) => key)
        .filter((key) => OF_FALCO.test(key)),
    );
  const options = { ...rest, idle: idleIn(config), web: placeOf(webSettings), replayed: isReplay ? replayed : null };
  if (isTold) options.metrics = snapshots;
  if (dropSettings.actions.some((action) => action !== "ignore")) options.drops = dropSettings;
  // A file names everything that Falco has; only what somebody asked for is worth a word.
  const isAsked = (key: string): boolean => !fromFile.has(key) || texts.some((text) => text.startsWith(key));
  return { ...options, ignored: options.ignored.filter(isAsked) };
}

/** What `--option` says. Throws VEDETTE_FALCO_OPTION. */
export function optionsIn(flags: FalcoFlags): FalcoOptions {
  return readOptions(flags.option, flags.config);
}

/** What is appended to every output: what is suggested, then what was asked for. */
export function extrasOf({ isSuggested, statics, extras }: FalcoOptions): Extra[] {
  const told = [...statics.keys()].sort().map((name) => ({ format: `${name.replace(".", "_")}=%${name}` }));
  return [...(isSuggested ? [...told, ...SUGGESTED_FIELDS] : []), ...extras];
}

function change(config: Config, text: string): void {
  const equals = text.indexOf("=");
  if (equals <= 0) fail(text, "it is not of the form KEY=VALUE");
  const complaint = setOption(config, text.slice(0, equals), expanded(text.slice(equals + 1)));
  if (complaint !== null) fail(text, complaint);
}

// Entries of these lists mean something as a whole.
const LIST_ENTRY = /^(append_output|rules)\[(\d+)\]$/;
const isWhole = (key: string): boolean => LIST_ENTRY.test(key);
const TEXT_ENTRY = /^(.+)\[\d+\]$/;

function apply(draft: Draft, key: string, value: ConfigNode): void {
  const [, list, place] = LIST_ENTRY.exec(key) ?? [];
  // A place that nothing was put at.
  if (value === null || value === undefined) return;
  if (list === "append_output") appendOutput(draft, key, value, Number(place));
  else if (list === "rules") draft.selections.push(new OptionValue(key, value).selection);
  else applySetting(draft, key, value);
}

function applySetting(draft: Draft, key: string, value: ConfigNode): void {
  const text = typeof value === "string" ? value : "";
  const option = new OptionValue(`${key}=${text}`, text);
  const field = /^static_fields\.(\w+)$/.exec(key)?.[1];
  const list = TEXT_ENTRY.exec(key)?.[1] ?? "";
  const setter = own(SETTERS, key) ?? own(ENTRY_SETTERS, list);
  // An empty value is none: what Falco has by default.
  if (setter) Object.assign(draft, text === "" ? {} : setter(option, draft));
  else if (field !== undefined) draft.statics.set(`static.${field}`, text);
  else (MEANINGLESS.test(key) ? draft.ignored : draft.unknown).push(key);
}

const own = (setters: Record<string, Setter>, key: string): Setter | undefined =>
  Object.hasOwn(setters, key) ? setters[key] : undefined;

// The first entry, where it says nothing else, is what Falco's own configuration begins with.
function appendOutput(draft: Draft, key: string, value: ConfigNode, place: number): void {
  const entry = new OptionValue(key, value);
  const suggests = place === 0 ? entry.suggestedAlone : null;
  if (place === 0) draft.isSuggested = suggests ?? false;
  if (suggests === null) draft.extras.push(...entry.extra);
}

const member =
  (name: keyof FalcoOptions["members"]): Setter =>
  (v, d) => ({ members: { ...d.members, [name]: v.bool } });
const web =
  (read: (v: OptionValue) => Partial<WebSettings>): Setter =>
  (v, d) => ({ webSettings: { ...d.webSettings, ...read(v) } });
const capture =
  (read: (v: OptionValue) => Partial<CaptureOptions>): Setter =>
  (v, d) => ({ capture: { ...d.capture, ...read(v) } });
const http =
  (read: (v: OptionValue) => Partial<HttpSettings>): Setter =>
  (v, d) => ({ httpSettings: { ...d.httpSettings, ...read(v) } });
const authority =
  (name: keyof Authorities): Setter =>
  (v, d) => ({ authorities: { ...d.authorities, [name]: v.text } });

const program =
  (read: (v: OptionValue) => Partial<ProgramSettings>): Setter =>
  (v, d) => ({ programSettings: { ...d.programSettings, ...read(v) } });

const metered =
  (read: (v: OptionValue, before: SnapshotSettings) => Partial<SnapshotSettings>): Setter =>
  (v, d) => ({ snapshots: { ...d.snapshots, ...read(v, d.snapshots) } });
const metric = (name: keyof SnapshotSettings["has"]): Setter =>
  metered((v, { has }) => ({ has: { ...has, [name]: v.bool } }));

const dropping =
  (read: (v: OptionValue) => Partial<DropSettings>): Setter =>
  (v, d) => ({ dropSettings: { ...d.dropSettings, ...read(v) } });

/** Of one entry of a list of texts. */
const ENTRY_SETTERS: Record<string, Setter> = {
  "base_syscalls.custom_set": (v, d) => {
    const { name, isLeftOut } = v.call;
    return isLeftOut ? { leftOut: [...d.leftOut, name] } : {}; // what rules need is seen in any case
  },
  "syscall_event_drops.actions": dropAction,
};

function dropAction(v: OptionValue, { dropSettings: before }: Draft): Partial<Draft> {
  const actions = [...before.actions, v.of(DROP_ACTIONS)];
  if (actions.includes("ignore") && actions.some((one) => one !== "ignore"))
    fail("syscall_event_drops.actions", "ignore stands beside other actions");
  return { dropSettings: { ...before, actions } };
}

const SETTERS: Record<string, Setter> = {
  rule_matching: (v) => ({ matching: v.of(["all", "first"]) }),
  priority: (v) => ({ least: v.priority }),
  json_output: (v) => ({ json: v.bool }),
  json_include_output_property: member("output"),
  json_include_message_property: member("message"),
  json_include_tags_property: member("tags"),
  json_include_output_fields_property: member("outputFields"),
  buffer_format_base64: (v) => ({ bytes: v.bool ? "base64" : "text" }),
  time_format_iso_8601: (v) => ({ isIso8601: v.bool }),
  "stdout_output.enabled": (v) => ({ isToStdout: v.bool }),
  "engine.kind": (v, d) => (v.text === "replay" ? { isReplay: true } : { ignored: [...d.ignored, "engine.kind"] }),
  "engine.replay.capture_file": (v) => ({ replayed: v.text }),
  "webserver.enabled": web((v) => ({ isOn: v.bool })),
  "webserver.listen_port": web((v) => ({ port: v.count(1, PORT_MAX) })),
  "webserver.listen_address": web((v) => ({ address: v.address })),
  "webserver.ssl_enabled": web((v) => ({ isTls: v.bool })),
  "webserver.ssl_certificate": web((v) => ({ certificate: v.text })),
  "webserver.k8s_healthz_endpoint": web((v) => ({ healthz: v.path })),
  "webserver.prometheus_metrics_enabled": web((v) => ({ hasNumbers: v.bool })),
  "metrics.enabled": (v) => ({ isMetered: v.bool }),
  "metrics.interval": metered((v) => ({ everyMs: v.interval })),
  "metrics.output_rule": metered((v) => ({ isAlert: v.bool })),
  "metrics.output_file": metered((v) => ({ file: v.text })),
  "metrics.convert_memory_to_mb": metered((v) => ({ isInMb: v.bool })),
  "metrics.rules_counters_enabled": metric("rules"),
  "metrics.resource_utilization_enabled": metric("resources"),
  "metrics.kernel_event_counters_enabled": metric("kernel"),
  "metrics.include_empty_values": metric("empty"),
  watch_config_files: (v) => ({ isWatched: v.bool }),
  "falco_libs.snaplen": (v) => ({ snaplen: Math.min(v.count(0), SNAPLEN_MAX) }),
  log_syslog: (v) => ({ log: v.bool && hasSyslog() ? SYSLOG_PLACE : null }),
  log_stderr: (v, d) => ({ isQuiet: d.isQuiet || !v.bool }),
  log_level: (v, d) => ({ isQuiet: d.isQuiet || !["notice", "info", "debug"].includes(v.of(LOG_LEVELS)) }),
  "capture.enabled": capture((v) => ({ isEnabled: v.bool })),
  "capture.path_prefix": capture((v) => ({ prefix: v.text })),
  "capture.mode": capture((v) => ({ mode: v.of(["rules", "all_rules"]) })),
  "capture.default_duration": capture((v) => ({ afterMs: v.count(1) })),
  "capture.max_file_size_mb": capture((v) => ({ fileBytes: v.count(0) * MIB || null })),
  "file_output.enabled": (v) => ({ isFileOn: v.bool }),
  "file_output.filename": (v) => ({ fileName: v.text }),
  "file_output.keep_alive": (v) => ({ isFileKept: v.bool }),
  "syslog_output.enabled": (v) => ({ syslog: v.bool && hasSyslog() ? SYSLOG : null }),
  "program_output.enabled": (v) => ({ isProgramOn: v.bool }),
  "program_output.program": program((v) => ({ program: v.text })),
  "program_output.keep_alive": program((v) => ({ isKept: v.bool })),
  "outputs_queue.capacity": (v, d) => {
    const capacity = v.count(0) || QUEUE_CAPACITY;
    return {
      httpSettings: { ...d.httpSettings, capacity },
      programSettings: { ...d.programSettings, capacity },
    };
  },
  "syscall_event_drops.threshold": dropping((v) => ({ threshold: v.share })),
  "syscall_event_drops.rate": dropping((v) => ({ rate: v.measure() })),
  "syscall_event_drops.max_burst": dropping((v) => ({ burst: v.measure(1) })),
  "http_output.enabled": (v) => ({ isHttpOn: v.bool }),
  "http_output.url": http((v) => ({ url: v.url })),
  "http_output.user_agent": http((v) => ({ userAgent: v.text })),
  "http_output.insecure": http((v) => ({ isInsecure: v.bool })),
  // Falco looks for them in this order, whatever the order of its file.
  "http_output.ca_cert": authority("cert"),
  "http_output.ca_bundle": authority("bundle"),
  "http_output.ca_path": authority("folder"),
  "http_output.mtls": http((v) => ({ isMutual: v.bool })),
  "http_output.client_cert": http((v) => ({ certificate: v.text })),
  "http_output.client_key": http((v) => ({ key: v.text })),
  "http_output.echo": http((v) => ({ isEchoed: v.bool })),
  "http_output.keep_alive": http((v) => ({ isKeptAlive: v.bool })),
  "http_output.max_consecutive_timeouts": http((v) => ({ lateMax: v.count(0, LATE_MAX) })),
  output_timeout: http((v) => ({ answerMs: v.count(1, ANSWER_MS_MAX) })),
  "http_output.compress_uploads": http((v) => ({ isCompressed: v.bool })),
};

/** Keys that mean something here. */
export const SETTINGS: readonly string[] = [...Object.keys(SETTERS), ...Object.keys(ENTRY_SETTERS)];

// Falco has these, and they concern parts of it that are not here: its drivers, its plugins, its other
// outputs.
const MEANINGLESS =
  /^(engine|plugins|load_plugins|plugins_hostinfo|config_files|rules_files?|libs_logger|buffered_outputs|outputs_queue|syscall_event_(drops|timeouts)|metrics|base_syscalls|falco_libs|webserver|grpc(_output)?|container_engines|time_format)\b/;

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK.addAddress("::1", "ipv6");

function placeOf({ isOn, isTls, certificate, healthz, hasNumbers, address, port }: WebSettings): WebPlace | null {
  if (!isOn) return null;
  const isSix = isIP(address) === 6;
  const isInside = LOOPBACK.check(address, isSix ? "ipv6" : "ipv4");
  // Falco says there whether it lives, and numbers where somebody asked for them.
  const pages = isInside ? null : [healthz, "/versions", ...(hasNumbers ? ["/metrics"] : [])];
  const place = { address: isSix ? `[${address}]:${port}` : `${address}:${port}`, pages, healthz };
  return isTls ? { ...place, certificate } : place;
}

const OF_FALCO =
  /^(watch_config_files|metrics|webserver|falco_libs\.snaplen|syscall_event_drops|log_stderr|log_syslog|log_level)\b/;

function checkedHttp({ httpSettings, authorities }: Draft): HttpSettings {
  const http = { ...httpSettings, ...authorityOf(authorities) };
  if (http.url === "") fail("http_output.enabled", "http_output.url names no receiver");
  if (http.isMutual !== true) {
    const { certificate, key, ...rest } = http;
    return rest;
  }
  const missing = (["certificate", "key"] as const).find((name) => http[name] === undefined);
  if (missing === undefined) return http;
  return fail("http_output.mtls", `http_output.client_${missing === "key" ? "key" : "cert"} names no file`);
}

/** The folder that Falco's own file names is not in every image: then it is whom Node trusts by itself. */
function authorityOf({ cert, bundle, folder }: Authorities): Pick<HttpSettings, "ca" | "caFolder"> {
  const ca = cert ?? bundle;
  if (ca !== undefined) return { ca };
  return folder === undefined || (folder === USUAL_FOLDER && !hasAuthorities(folder)) ? {} : { caFolder: folder };
}

function checkedProgram({ programSettings: settings }: Draft): ProgramSettings {
  if (settings.program === "") fail("program_output.enabled", "program_output.program names no program");
  return settings;
}
