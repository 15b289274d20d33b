// SPDX-License-Identifier: Apache-2.0
// From bundles to policies that can run: read policy.yaml, compile index.ts (or take policy.wasm), admit the
// module, settle parameters and what policy.yaml changes in rules. The result is plain data, so that it can
// be posted to a worker.
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { dedupFormat } from "../engine/grouped.js";
import type { ExaminedPolicy, LoadedPolicy, LoadedRule, Tenancy } from "../engine/policy.js";
import { VedetteError } from "../errors.js";
import { compileFormat } from "../output/format.js";
import { METERS, PACK } from "../paths.js";
import { compiled, DEFAULT_LIMITS, examine, METER_LIMITS, type ModuleLimits } from "../wasm/admission.js";
import type { Metadata, RuleMetadata } from "../wasm/metadata.js";
import { type ParameterValues, resolveParameters } from "../wasm/settings.js";
import { type Bundle, MODULE_FILE, openBundle, placeOf } from "./bundle.js";
import { PolicyCompiler, SOURCE_FILE } from "./compile.js";
import { findPolicies } from "./discover.js";
import { headOf, PolicyFile, parametersOf, readPolicyFile } from "./policy-file.js";
import { preventRowsOf } from "./prevent.js";
import { reading } from "./readable.js";
import type { YamlFile } from "./yaml.js";

export type { LoadedPolicy, LoadedRule };

export { MODULE_FILE };

/** The policies that come with Vedette. */
export const PACK_NAME = "pack";
/** All meters in one module. */
const METERS_NAME = "meters";
/** One of them: `meters/http-server`. */
const METER = /^meters(?=\/)/;
const MODULE_BYTES_MAX = 64 << 20; // admission's own bound is far below

/** What loading goes by, for all policies of a call. */
export interface PolicyLoadOptions {
  readonly compiler?: PolicyCompiler;
  /** Of a compiler that is started for this call: as its own. */
  readonly onCompile?: () => void;
  readonly limits?: ModuleLimits;
}

/**
 * Loads the policies in or below each folder, and modules that say all of themselves; none given, or `pack`:
 * the pack that comes with Vedette, as do those below `meters`, whose own name is that of all in one.
 */
export async function loadPolicies(
  folders: readonly string[],
  options: PolicyLoadOptions = {},
): Promise<LoadedPolicy[]> {
  const found = foldersOf(folders.length > 0 ? folders : [PACK_NAME]);
  const compiler = options.compiler ?? new PolicyCompiler(undefined, options.onCompile);
  try {
    const loaded: LoadedPolicy[] = [];
    for (const path of found) loaded.push(await loadPolicy(openBundle(path), { ...options, compiler }));
    return loaded;
  } finally {
    if (options.compiler === undefined) compiler.close();
  }
}

/**
 * The policies in or below each folder; `pack` and what is below `meters` are those that come with
 * Vedette.
 */
export function foldersOf(folders: readonly string[]): string[] {
  return folders.flatMap((folder) => findPolicies(existsSync(folder) ? folder : shipped(folder)));
}

/** What a name means where no folder of that name is. */
function shipped(name: string): string {
  if (name === PACK_NAME) return PACK;
  return name === METERS_NAME ? join(METERS, "golden-signals") : name.replace(METER, METERS);
}

/** Limits of the operator's own policy at this path: meters that come with Vedette have more memory. */
export function limitsAt(place: string): ModuleLimits {
  return dirname(resolve(place)) === METERS ? METER_LIMITS : DEFAULT_LIMITS;
}

/** What loading goes by, for one policy. */
export interface OneLoadOptions extends PolicyLoadOptions {
  /** Parameters that are not at their default. */
  readonly set?: ParameterValues;
  readonly tenancy?: Tenancy | null;
  /** What it must pass before it is compiled here; what this throws is the answer. */
  readonly proves?: (policy: ExaminedPolicy) => Promise<void>;
}

/** Throws VEDETTE_POLICY_* or VEDETTE_MODULE_* with file, line and hint at the first thing that is wrong. */
export async function loadPolicy(
  bundle: Bundle,
  {
    compiler = new PolicyCompiler(),
    limits = limitsAt(bundle.origin.place),
    set = {},
    tenancy = null,
    proves = async () => undefined,
  }: OneLoadOptions = {},
): Promise<LoadedPolicy> {
  const given = bundle.origin.kind === "module" ? null : readPolicyFile(bundle);
  // Asked before it is compiled: what changes meanwhile gets an older key, and is not explained.
  const key = given !== null && bundle.has(SOURCE_FILE) ? compiler.keyOf(bundle, headOf(given.value)) : null;
  const bytes = await moduleBytes(bundle, given?.value ?? null, compiler);
  const policy = {
    ...examinePolicy(bundle, { file: given, bytes, limits, set, tenancy }),
    ...(key === null ? {} : { madeFrom: key }),
  };
  await proves(policy);
  return { ...policy, admitted: await compiled(policy.admitted) };
}

/** What a policy is, by its files and by the bytes of its module. */
export interface ExaminedFrom extends Required<Pick<OneLoadOptions, "limits" | "set" | "tenancy">> {
  /** Null: the module says all. */
  readonly file: YamlFile<PolicyFile> | null;
  readonly bytes: Uint8Array;
}

/** The policy, of which nothing is compiled here. Throws as loadPolicy does. */
export function examinePolicy(
  bundle: Bundle,
  { file: given, bytes, limits, set, tenancy }: ExaminedFrom,
): ExaminedPolicy {
  const { place } = bundle.origin;
  const examined = examine(bytes, place, { ...limits, rulesMin: (given?.value.prevent.length ?? 0) > 0 ? 0 : 1 });
  const file = given ?? fileOfModule(examined.metadata, bundle);
  const rules = examined.metadata.rules.map((rule) => changedRule(rule, file));
  checkOutputs(rules, bundle, file);
  checkInstruments(examined.metadata, tenancy, place);
  for (const rule of Object.keys(file.value.rules)) {
    if (!rules.some((one) => one.name === rule)) throw file.wrong(["rules", rule], `the policy has no rule "${rule}"`);
  }
  const parameters = resolveParameters(examined.metadata, { ...valuesOf(file.value), ...set }, place);
  const { name, version } = file.value;
  return {
    name,
    version,
    place,
    admitted: examined,
    parameters,
    sensitive: sensitiveIn(file.value, parameters),
    rules,
    tenancy,
    state: file.value.state,
    prevent: preventRowsOf(file.value.prevent, file),
  };
}

/**
 * The bytes of the policy's module. Sources win: a module that stands beside them may be older. `file`: null
 * where the module says all.
 */
export function moduleBytes(
  bundle: Bundle,
  file: PolicyFile | null,
  compiler: PolicyCompiler,
): Promise<Uint8Array> | Uint8Array {
  const { place } = bundle.origin;
  if (file !== null) {
    const head = headOf(file);
    if (bundle.has(SOURCE_FILE)) return compiler.compile(bundle, head);
    if (!bundle.has(MODULE_FILE) && file.prevent.length > 0) return compiler.compileNone(head);
  }
  if (!bundle.has(MODULE_FILE)) throw new VedetteError("VEDETTE_POLICY_NO_CODE", { path: place });
  return reading(place, () => bundle.read(MODULE_FILE, MODULE_BYTES_MAX));
}

/** What policy.yaml would say of a module that comes without one: its name, its version, and no change. */
function fileOfModule({ name, version }: Metadata, { origin }: Bundle): YamlFile<PolicyFile> {
  const refused = (reason: string): VedetteError =>
    new VedetteError("VEDETTE_MODULE_METADATA", { path: origin.place, reason, section: "custom section", offset: 0 });
  const value = PolicyFile.safeParse({ name, version });
  if (!value.success) throw refused(`its name ${JSON.stringify(name)} is none for a policy`);
  return {
    value: value.data,
    wrong: (_path, reason) => refused(reason),
    place: () => ({ path: origin.place, line: 1, column: 1 }),
  };
}

/** The paths in parameters that are marked so. */
function sensitiveIn({ parameters }: PolicyFile, values: ParameterValues): string[] {
  const marked = Object.keys(parameters).filter((name) => parameters[name]!.sensitive);
  return marked.flatMap((name) => values[name] ?? []).map(String);
}

/** policy.yaml's defaults are values for a module that was built with others. */
function valuesOf(file: PolicyFile): ParameterValues {
  return Object.fromEntries(parametersOf(file).map((parameter) => [parameter.name, parameter.default]));
}

function changedRule(rule: RuleMetadata, file: YamlFile<PolicyFile>): LoadedRule {
  const change = file.value.rules[rule.name] ?? {};
  return {
    ...rule,
    enabled: change.enabled ?? true,
    priority: change.priority ?? rule.priority,
    output: change.output ?? rule.output,
    tags: change.tags ?? rule.tags,
    exceptions: (change.exceptions ?? []).map((exception) => ({
      ...exception,
      comps: exception.comps ?? exception.fields.map(() => "=" as const),
    })),
  };
}

/** Vedette's own names are the operator's to give. */
function checkInstruments({ metrics = [] }: Metadata, tenancy: Tenancy | null, path: string): void {
  const name = metrics.map((one) => one.name).find((one) => /^(vedette|otel)\./.test(one));
  if (name === undefined || tenancy === null) return;
  const reason = `the instrument "${name}" has a name of Vedette's own`;
  throw new VedetteError("VEDETTE_MODULE_METADATA", { path, reason, section: "custom section", offset: 0 });
}

/** An unknown %field is told now, not at the first alert. */
function checkOutputs(rules: readonly LoadedRule[], bundle: Bundle, file: YamlFile<PolicyFile>): void {
  for (const rule of rules) {
    try {
      compileFormat(rule.output, rule.fields);
      dedupFormat(rule);
    } catch (error) {
      if (!(error instanceof VedetteError)) throw error;
      const reason = `rule "${rule.name}": ${error.message.replace(/\.$/, "")}`;
      if (file.value.rules[rule.name]?.output !== undefined) throw file.wrong(["rules", rule.name, "output"], reason);
      const [, field = ""] = /(%\S+)/.exec(error.message) ?? [];
      throw new VedetteError("VEDETTE_POLICY_OUTPUT", { place: writtenAt(bundle, field), reason }, { cause: error });
    }
  }
}

/** Where an author wrote it: the first such text in index.ts, or the module that came without it. */
function writtenAt(bundle: Bundle, text: string): string {
  if (!bundle.has(SOURCE_FILE)) return placeOf(bundle, MODULE_FILE);
  const source = Buffer.from(bundle.read(SOURCE_FILE)).toString();
  const before = source.split(text)[0]!.split("\n");
  return `${placeOf(bundle, SOURCE_FILE)}:${before.length}:${before.at(-1)!.length + 1}`;
}
