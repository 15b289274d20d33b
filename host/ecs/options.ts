// SPDX-License-Identifier: Apache-2.0
// What `instrument` can be told. What was told is kept in the journal, so that a second run with less to go
// by comes to the same result; what is told anew wins.

import { VedetteError } from "../errors.js";
import type { OnConflict } from "./kept.js";
import { mergedSettings, readConfig, readSetting, type Setting, Settings } from "./settings.js";

/** Options with defaults filled in. An empty `containers` or `definitions` means all. */
export interface InstrumentOptions {
  readonly containers: readonly string[];
  readonly definitions: readonly string[];
  readonly image: string;
  readonly start: "availability" | "security";
  readonly overload: "block" | "shed";
  readonly policy: readonly string[];
  readonly logGroup: string | null;
  readonly logRegion: string | null;
  readonly alertsTo: readonly string[];
  readonly settings: Settings;
}

/** Options as they were typed, or as a journal kept them. */
export interface GivenOptions {
  readonly container?: readonly string[] | undefined;
  readonly taskDefinition?: readonly string[] | undefined;
  readonly image?: string | undefined;
  readonly start?: string | undefined;
  readonly onOverload?: string | undefined;
  readonly policy?: readonly string[] | undefined;
  readonly logGroup?: string | undefined;
  readonly logRegion?: string | undefined;
  readonly alertsTo?: readonly string[] | undefined;
  /** KEY=VALUE each (settings.ts). */
  readonly set?: readonly string[] | undefined;
}

/** What is of this run alone, and other ways to say a setting. */
export interface RunOptions extends GivenOptions {
  readonly conflicts?: OnConflict;
  readonly config?: string;
  readonly policies?: string;
  readonly falcoRules?: readonly string[];
  readonly tenants?: string;
}

/** What `--start` may be. */
export const STARTS = ["availability", "security"] as const;
/** What `--on-overload` may be. */
export const OVERLOADS = ["shed", "block"] as const;

/**
 * `--config`, `--policies`, `--falco-rules` and `--tenants` as settings; a file's first, so that the command
 * line wins over it.
 */
export function givenOptions(run: RunOptions): GivenOptions {
  const own = [
    ...(run.policies === undefined ? [] : [`policies-d=${run.policies}`]),
    ...(run.falcoRules ?? []).map((path) => `falco-rules=${path}`),
    ...(run.tenants === undefined ? [] : [`tenants=${run.tenants}`]),
    ...(run.set ?? []),
  ].map(readSetting);
  const ofFile = run.config === undefined ? [] : readConfig(run.config);
  const said = new Set(own.map(([key]) => key));
  return {
    ...run,
    set: [...ofFile.filter(([key]) => !said.has(key)), ...own].map(([key, value]) => `${key}=${value}`),
  };
}

const LISTS = ["container", "taskDefinition", "policy", "alertsTo", "set"] as const;
const WORDS = ["image", "start", "onOverload", "logGroup", "logRegion"] as const;

/** The journal's form of what was given: lists apart by commas, nothing that is left at its default. */
export function optionsText(given: GivenOptions): URLSearchParams {
  const text = new URLSearchParams();
  for (const name of [...WORDS, ...LISTS].toSorted()) {
    const value = given[name];
    if (value === undefined || value.length === 0) continue;
    text.set(name, typeof value === "string" ? value : value.map(withoutCommas).join(","));
  }
  return text;
}

/** What is given wins over what the journal kept. */
export function mergedOptions(given: GivenOptions, kept: URLSearchParams | null): GivenOptions {
  const list = (name: (typeof LISTS)[number]) =>
    given[name]?.length ? given[name] : kept?.get(name)?.split(",").map(withCommas);
  const one = (name: (typeof WORDS)[number]) => given[name] ?? kept?.get(name) ?? undefined;
  const set = mergedSettings(settingsOf(given.set), settingsOf(kept?.get("set")?.split(",").map(withCommas)));
  return {
    container: list("container"),
    taskDefinition: list("taskDefinition"),
    image: one("image"),
    start: one("start"),
    onOverload: one("onOverload"),
    policy: list("policy"),
    logGroup: one("logGroup"),
    logRegion: one("logRegion"),
    alertsTo: list("alertsTo"),
    set: new Settings(set).text,
  };
}

/** Fills in defaults. A word that is not allowed becomes the default. Throws VEDETTE_IMAGE_NEEDED. */
export function resolvedOptions(given: GivenOptions): InstrumentOptions {
  return {
    containers: given.container ?? [],
    definitions: given.taskDefinition ?? [],
    image: imageOf(given),
    start: STARTS.find((start) => start === given.start) ?? "availability",
    overload: OVERLOADS.find((overload) => overload === given.onOverload) ?? "shed",
    policy: given.policy ?? [],
    logGroup: given.logGroup || null,
    logRegion: given.logRegion || null,
    alertsTo: receiversOf(given.alertsTo ?? []),
    settings: new Settings(settingsOf(given.set)),
  };
}

/** How alerts get to what `--alerts-to` names; `lines`: stdout, stderr or a file. */
export function kindOfReceiver(to: string): "http" | "syslog" | "lines" {
  if (/^https?:/.test(to)) return "http";
  return /^(udp|tcp|tls):/.test(to) ? "syslog" : "lines";
}

/** The sidecar has one receiver of each kind. */
function receiversOf(all: readonly string[]): readonly string[] {
  for (const [index, to] of all.entries()) {
    const other = all.slice(0, index).find((one) => kindOfReceiver(one) === kindOfReceiver(to));
    if (other === undefined) continue;
    const reason = `the sidecar sends alerts to one place of a kind, and ${other} is given too`;
    throw new VedetteError("VEDETTE_SETTING_INVALID", { setting: `--alerts-to ${to}`, reason });
  }
  return all;
}

/** Nobody's image is a good guess: what is at a public name may be anybody's. */
function imageOf({ image }: GivenOptions): string {
  if (image === undefined)
    throw new VedetteError("VEDETTE_IMAGE_NEEDED", { reason: "No image was given for the sidecar" });
  if (/^\w[\w.-]*(:\d+)?(\/[\w.-]+)*(:[\w.-]+)?(@sha256:[0-9a-f]{64})?$/.test(image)) return image;
  const reason = `${JSON.stringify(image)} is no image name`;
  throw new VedetteError("VEDETTE_IMAGE_NEEDED", { reason });
}

/** What the sidecar's container is called where an earlier run was told so. */
export function sidecarNameIn(kept: URLSearchParams): string {
  return new Settings(settingsOf(mergedOptions({}, kept).set)).sidecarName;
}

function settingsOf(texts: readonly string[] | undefined): Setting[] {
  return (texts ?? []).map(readSetting);
}

function withoutCommas(text: string): string {
  return text.replace(/[%,]/g, encodeURIComponent);
}

/** Earlier versions left commas and signs of per cent as they were. */
function withCommas(text: string): string {
  return text.replace(/%2C|%25/g, decodeURIComponent);
}
