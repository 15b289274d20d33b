// SPDX-License-Identifier: Apache-2.0
// From folders to policies that can run: find them, read policy.yaml, compile index.ts (or take policy.wasm), admit the module,
// settle parameters and what policy.yaml changes in rules. The result is plain data, so that it can be posted to a worker.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ExaminedPolicy, LoadedPolicy, LoadedRule, Tenancy } from "../engine/policy.js";
import { VedetteError } from "../errors.js";
import { compileFormat } from "../output/format.js";
import { PACK } from "../paths.js";
import { compiled, DEFAULT_LIMITS, examine, type ModuleLimits } from "../wasm/admission.js";
import type { RuleMetadata } from "../wasm/metadata.js";
import { type ParameterValues, resolveParameters } from "../wasm/settings.js";
import { PolicyCompiler, SOURCE_FILE } from "./compile.js";
import { findPolicies } from "./discover.js";
import { readPlainFile } from "./plain-file.js";
import { type PolicyFile, parametersOf, readPolicyFile } from "./policy-file.js";
import { preventRowsOf } from "./prevent.js";
import { reading } from "./readable.js";
import type { YamlFile } from "./yaml.js";

export type { LoadedPolicy, LoadedRule };

export const MODULE_FILE = "policy.wasm";
const MODULE_BYTES_MAX = 64 << 20; // admission's own bound is far below

export interface PolicyLoadOptions {
  readonly compiler?: PolicyCompiler;
  readonly limits?: ModuleLimits;
}

/** Loads the policies in or below each folder; none given: the pack that comes with Vedette. */
export async function loadPolicies(
  folders: readonly string[],
  options: PolicyLoadOptions = {},
): Promise<LoadedPolicy[]> {
  const found = (folders.length > 0 ? folders : [PACK]).flatMap(findPolicies);
  const compiler = options.compiler ?? new PolicyCompiler();
  try {
    const loaded: LoadedPolicy[] = [];
    for (const folder of found) loaded.push(await loadPolicy(folder, { ...options, compiler }));
    return loaded;
  } finally {
    if (options.compiler === undefined) compiler.close();
  }
}

export interface OneLoadOptions extends PolicyLoadOptions {
  /** Parameters that are not at their default. */
  readonly set?: ParameterValues;
  readonly tenancy?: Tenancy | null;
  /** What it must pass before it is compiled here; what this throws is the answer. */
  readonly proves?: (policy: ExaminedPolicy) => Promise<void>;
}

/** Loads the policy that stands in `folder`. */
export async function loadPolicy(
  folder: string,
  {
    compiler = new PolicyCompiler(),
    limits = DEFAULT_LIMITS,
    set = {},
    tenancy = null,
    proves = async () => undefined,
  }: OneLoadOptions = {},
): Promise<LoadedPolicy> {
  const file = readPolicyFile(folder);
  const { name, version } = file.value;
  const bytes = await moduleBytes(folder, file.value, compiler);
  const examined = examine(bytes, folder, { ...limits, rulesMin: file.value.prevent.length > 0 ? 0 : 1 });
  const rules = examined.metadata.rules.map((rule) => changedRule(rule, file));
  checkOutputs(rules, folder, file);
  for (const rule of Object.keys(file.value.rules)) {
    if (!rules.some((one) => one.name === rule)) throw file.wrong(["rules", rule], `the policy has no rule "${rule}"`);
  }
  const parameters = resolveParameters(examined.metadata, { ...valuesOf(file.value), ...set }, folder);
  const policy: ExaminedPolicy = {
    name,
    version,
    folder,
    admitted: examined,
    parameters,
    sensitive: sensitiveIn(file.value, parameters),
    rules,
    tenancy,
    state: file.value.state,
    prevent: preventRowsOf(file.value.prevent, file),
  };
  await proves(policy);
  return { ...policy, admitted: await compiled(examined) };
}

/** The bytes of the policy's module. Sources win: a module that stands beside them may be older. */
export function moduleBytes(
  folder: string,
  file: PolicyFile,
  compiler: PolicyCompiler,
): Promise<Uint8Array> | Uint8Array {
  const { name, version } = file;
  const head = { name, version, parameters: parametersOf(file) };
  if (existsSync(join(folder, SOURCE_FILE))) return compiler.compile(folder, head);
  const path = join(folder, MODULE_FILE);
  if (!existsSync(path) && file.prevent.length > 0) return compiler.compileNone(head);
  if (!existsSync(path)) throw new VedetteError("VEDETTE_POLICY_NO_CODE", { path: folder });
  return reading(folder, () => readPlainFile(path, { most: MODULE_BYTES_MAX }));
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

/** An unknown %field is told now, not at the first alert. */
function checkOutputs(rules: readonly LoadedRule[], folder: string, file: YamlFile<PolicyFile>): void {
  for (const rule of rules) {
    try {
      compileFormat(rule.output, rule.fields);
    } catch (error) {
      if (!(error instanceof VedetteError)) throw error;
      const reason = `rule "${rule.name}": ${error.message.replace(/\.$/, "")}`;
      if (file.value.rules[rule.name]?.output !== undefined) throw file.wrong(["rules", rule.name, "output"], reason);
      const [, field = ""] = /(%\S+)/.exec(error.message) ?? [];
      throw new VedetteError("VEDETTE_POLICY_OUTPUT", { place: placeOf(folder, field), reason }, { cause: error });
    }
  }
}

/** Where an author wrote it: the first such text in index.ts, or the module that came without it. */
function placeOf(folder: string, text: string): string {
  const source = join(folder, SOURCE_FILE);
  if (!existsSync(source)) return join(folder, MODULE_FILE);
  const before = readFileSync(source, "utf8").split(text)[0]!.split("\n");
  return `${source}:${before.length}:${before.at(-1)!.length + 1}`;
}
