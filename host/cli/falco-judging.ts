// SPDX-License-Identifier: Apache-2.0
// What a command judges with and where its alerts go, when it may have been given Falco's rules and options.
import { existsSync } from "node:fs";
import { explain, VedetteError } from "../errors.js";
import type { CaptureOptions, FalcoFlags, FalcoOptions } from "../falco/falco.js";
import type { AlertStyle } from "../output/alert.js";
import type { DropSettings } from "../output/drops.js";
import type { SnapshotSettings } from "../output/metrics-snapshot.js";
import { Outputs, type OutputsOptions } from "../output/outputs.js";
import { type Asked, keyFilesIn, type NamedOutput, type Repeats } from "../output/registry.js";
import { type SyslogSettings, withAuthority } from "../output/syslog-url.js";
import type { LoadedPolicy } from "../policy/load.js";
import { sharedFolder } from "../policy/shared-code.js";
import type { ResponseRow } from "../response/response.js";
import type { CaptureForm, EvidenceSettings, Judging } from "../sensor/sensor.js";
import { Delay } from "./delay.js";
import { say, warn } from "./failure.js";

const MIB = 1 << 20;
const HOUR_MS = 3_600_000;

/** What the command line says of policies and alerts, as it was typed. */
export interface JudgingFlags extends FalcoFlags {
  readonly policy: readonly string[];
  readonly alerts: string;
  /** Each alert says which policy, tenant and event it is of. */
  readonly alertsDetail?: boolean;
  readonly repeats?: Repeats;
  readonly syslog?: SyslogSettings;
  /** A PEM file. */
  readonly syslogCa?: string;
  /** A file of rows that answer alerts, or the rows of vedette.yaml. */
  readonly respond?: string | readonly ResponseRow[];
  /** What is made of each recording of evidence. */
  readonly evidenceCapture?: CaptureForm;
  /** Of its folder, and how long no file of it goes. */
  readonly evidenceMaxMib?: number;
  readonly evidenceKeepH?: number;
  /** Those of vedette.yaml. */
  readonly outputs?: readonly NamedOutput[];
  /** Where vedette.yaml is. */
  readonly configFile?: string;
  /** Files are taken whenever they change. */
  readonly watchConfig?: boolean;
  /** Of `vedette falco`. */
  readonly metrics?: SnapshotSettings;
  readonly drops?: DropSettings;
}

/** How a command judges; by default as one that guards, and from its start. */
export interface JudgingManner {
  readonly isPatient?: boolean;
  readonly showsIncidents?: boolean;
  /** The outputs that there are already: they change, when all is well. Null: they are opened. */
  readonly running?: Outputs | null;
}

/**
 * Policies of Falco's rules, of the folders that were named, or of the pack. Falco's part is loaded only
 * where it is asked for. `isPatient`: nothing is guarded meanwhile, so rules that were compiled before are
 * taken, and alerts wait for whoever reads them.
 * `showsIncidents`: the command ends with its incidents. Throws what is wrong; then the outputs that run
 * are as they were.
 */
export async function judging(
  flags: JudgingFlags,
  { isPatient = false, showsIncidents = false, running = null }: JudgingManner = {},
): Promise<Judging & { readonly outputs: Outputs }> {
  const { respond } = flags;
  const responses =
    typeof respond === "string" ? (await import("../policy/respond.js")).readResponseRows(respond) : respond;
  const isFalco = flags.falcoRules.length > 0;
  const falco = speaksFalco(flags)
    ? await (isPatient ? import("../falco/kept-policy.js") : import("../falco/falco.js"))
    : null;
  const options = falco?.optionsIn(flags) ?? null;
  const settings = outputSettings(flags, options, { isPatient, showsIncidents });
  const outputs = running ?? (await Outputs.open(settings));
  const policies = flags.policy.length > 0 || !isFalco ? await loadedPolicies(flags.policy, running === null) : [];
  let asking: ReadonlyMap<string, number | null> = new Map();
  if (falco !== null && options !== null && isFalco) {
    const { policy, captures = asking } = await falco.falcoPolicy(flags, options, warn);
    asking = captures;
    if (policy !== null) policies.push(policy);
    else warn("vedette: none of Falco's rules is left that an event could match");
  }
  if (options !== null) sayOptions(options, flags);
  const keeps = isPatient ? null : keepsOf(flags, options?.capture ?? null, asking);
  return {
    policies,
    outputs,
    ...(running === null ? {} : { change: await running.prepare(settings) }),
    host: process.env.FALCO_HOSTNAME,
    ...(responses === undefined ? {} : { responses }),
    ...(keeps === null ? {} : { keeps }),
    leavesRepeats: [flags, ...(flags.outputs ?? [])].some(({ repeats }) => repeats === "first") || showsIncidents,
  };
}

/**
 * Policies whose modules are kept are there at once. Off a terminal, nothing else tells that others are not.
 * `isStart`: none judges meanwhile.
 */
async function loadedPolicies(folders: readonly string[], isStart: boolean): Promise<LoadedPolicy[]> {
  const { loadPolicies } = await import("../policy/load.js");
  const meanwhile = isStart ? "nothing is judged before that is done" : "those of before judge on";
  const delay = new Delay(`compiling policies that are new or have changed: ${meanwhile}`);
  try {
    return await loadPolicies(folders, { onCompile: () => delay.begin() });
  } finally {
    delay.end();
  }
}

const speaksFalco = ({ falcoRules = [], option = [] }: Partial<FalcoFlags>): boolean =>
  falcoRules.length > 0 || option.length > 0;

/**
 * Files and folders that these flags name, to judge by and to open outputs with. Where an option of Falco's
 * is wrong, those of its outputs are left out.
 */
export async function filesOf(flags: Partial<JudgingFlags>): Promise<string[]> {
  const { falcoRules = [], policy = [], configFile, respond } = flags;
  const own = [configFile, respond].filter((one) => typeof one === "string");
  const shared = policy.filter((path) => existsSync(path)).map(sharedFolder);
  return [
    ...own,
    ...falcoRules,
    ...policy,
    ...shared.filter((path) => existsSync(path)),
    ...keyFilesIn(outputsAsked(flags, await optionsOf(flags))),
  ];
}

async function optionsOf({ option = [], ...flags }: Partial<JudgingFlags>): Promise<FalcoOptions | null> {
  if (!speaksFalco({ option, ...flags })) return null;
  const { optionsIn } = await import("../falco/falco.js");
  try {
    return optionsIn({ falcoRules: [], tag: [], withoutTag: [], withoutRule: [], ...flags, option });
  } catch (error) {
    if (error instanceof VedetteError) return null; // whoever judges by them says so
    throw error;
  }
}

/**
 * What is kept of findings: by Vedette's own flags of those of Notice and above, by Falco's configuration of
 * rules that ask for it or of all. Where both name a folder, it is the flag's. Throws VEDETTE_USAGE.
 */
function keepsOf(
  { evidence, evidenceCapture, evidenceMaxMib: mib, evidenceKeepH: hours }: JudgingFlags,
  options: CaptureOptions | null,
  asking: ReadonlyMap<string, number | null>,
): EvidenceSettings | null {
  const theirs = options?.isEnabled === true ? options : null;
  const folder = evidence ?? theirs?.prefix;
  if (folder === undefined) {
    const needs = [
      ...(evidenceCapture === undefined ? [] : ["--evidence-capture makes captures of evidence"]),
      ...(mib === undefined && hours === undefined ? [] : ["--evidence-max-mib and --evidence-keep-h are of evidence"]),
    ];
    if (needs.length === 0) return null;
    const problem = `${needs[0]}: give --evidence DIR, too.`;
    throw new VedetteError("VEDETTE_USAGE", { problem, command: "run" });
  }
  return {
    folder,
    capture: evidenceCapture ?? (theirs === null ? null : "scap"),
    which: theirs?.mode === "all_rules" ? "all" : evidence === undefined ? "asked" : "notice",
    asked: new Map([...asking].map(([rule, afterMs]) => [rule, { afterMs }])),
    ...(theirs === null ? {} : { afterMs: theirs.afterMs }),
    ...(theirs?.fileBytes == null ? {} : { fileBytes: theirs.fileBytes }),
    ...(mib === undefined ? {} : { folderBytes: mib * MIB }),
    ...(hours === undefined ? {} : { youngMs: hours * HOUR_MS }),
  };
}

/** Options by their old name, and those that do nothing: here, or in Falco too. */
export function sayOptions({ ignored, unknown, idle }: FalcoOptions, { usesShortOption }: FalcoFlags): void {
  if (usesShortOption === true)
    warn("vedette: write --option KEY=VALUE instead of -o KEY=VALUE: except in `vedette falco`, -o names a file");
  const others = ignored.filter((key) => !idle.some((one) => `${key}.`.startsWith(`${one.key}.`)));
  const idleKeys = idle.filter(({ isMissed }) => !isMissed).map(({ key }) => key);
  const all = [...others, ...idleKeys];
  if (all.length > 0) say(`vedette: without meaning here: ${all.join(", ")}`);
  for (const { key, instead, isMissed } of idle)
    if (isMissed) warn(`vedette: warning: ${key} has no meaning here: ${instead}`);
  if (unknown.length > 0) warn(`vedette: warning: Falco has no option ${unknown.join(", ")}`);
}

function outputSettings(
  flags: JudgingFlags,
  options: FalcoOptions | null,
  manner: { readonly isPatient: boolean; readonly showsIncidents: boolean },
): OutputsOptions {
  const { repeats } = flags;
  const detail = { isDetailed: flags.alertsDetail ?? false, saysRepeats: repeats === "first" };
  const onFault = (error: VedetteError): void => warn(`vedette: ${explain(error)}`);
  const asked = outputsAsked(flags, options);
  const onAnswer = (line: string): void => say(`vedette: ${line}`);
  const common = { ...asked, ...(repeats === undefined ? {} : { repeats }), ...manner, onFault, onAnswer };
  if (options === null) return { style: detail, ...common };
  const { json, isIso8601, members } = options;
  const style: AlertStyle = { iso8601: isIso8601, members, ...detail };
  const form = json === null ? {} : { form: json ? ("json" as const) : ("text" as const) };
  return { style, ...form, ...common };
}

/** Where alerts go, by Vedette's own flags and by Falco's options. */
function outputsAsked(flags: Partial<JudgingFlags>, options: FalcoOptions | null): Asked {
  const { alerts, syslog: server, syslogCa, outputs: named = [] } = flags;
  const { isToStdout = false, file = null, isFileKept = true, http = null, program = null } = options ?? {};
  const ofFalco = options?.syslog ?? null;
  const syslog = server === undefined ? [] : [withAuthority(server, syslogCa)];
  const targets = new Set([alerts, isToStdout === true ? "stdout" : null, file].filter((one) => one != null));
  return {
    targets: [...targets],
    ...(file === null || isFileKept ? {} : { remade: [file] }),
    http,
    program,
    syslog: [...syslog, ...(ofFalco === null ? [] : [ofFalco])],
    named,
  };
}
