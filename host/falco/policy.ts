// SPDX-License-Identifier: Apache-2.0
// From rule files to a policy that can run: read, load, select, compile, admit. The same for `run`, `replay` and `import-falco`.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { LoadedPolicy } from "../engine/policy.js";
import { VedetteError } from "../errors.js";
import { reasonOf } from "../reason.js";
import { admit } from "../wasm/admission.js";
import { compilePolicy } from "./compile/policy.js";
import { type Loaded, type LoadedRule, loadRules, type RuleFile } from "./load.js";
import { extrasOf, type FalcoOptions, readOptions } from "./options.js";
import { type Selection, selectionsOf, selectRules } from "./select.js";

// What a command line says of rules.
export interface FalcoFlags {
  readonly falcoRules: readonly string[];
  readonly option: readonly string[];
  readonly matching?: "all" | "first";
  readonly falcoExact?: boolean;
  readonly tag: readonly string[];
  readonly withoutTag: readonly string[];
  readonly withoutRule: readonly string[];
}

export interface FalcoPolicy {
  wasm: Uint8Array;
  policy: LoadedPolicy | null; // null: no rule is left that could match
  unmatched: LoadedRule[]; // enabled rules that no event here can match
}

export const FALCO_NAME = "falco";
const VERSION = "1";

// The files that are named, and those in the folders that are named, by name.
export function readRuleFiles(paths: readonly string[]): RuleFile[] {
  return paths.flatMap((path) => {
    try {
      if (!statSync(path).isDirectory()) return [readRuleFile(path)];
      const names = readdirSync(path).filter((name) => /\.ya?ml$/.test(name));
      return names.sort().map((name) => readRuleFile(join(path, name)));
    } catch (error) {
      return [{ name: path, content: null, complaint: reasonOf(error) }];
    }
  });
}

function readRuleFile(name: string): RuleFile {
  try {
    return { name, content: readFileSync(name, "utf8") };
  } catch (error) {
    return { name, content: null, complaint: reasonOf(error) };
  }
}

// Loads and compiles. `onWarning` is told what can be loaded with a doubt; what cannot be loaded is thrown, all of it.
export async function falcoPolicy(
  flags: FalcoFlags,
  options: FalcoOptions,
  onWarning: (text: string) => void,
): Promise<FalcoPolicy> {
  const isFalcoExact = flags.falcoExact ?? false;
  const loaded = loadRules(readRuleFiles(flags.falcoRules), {
    isFalcoExact,
    extras: extrasOf(options),
    statics: options.statics,
  });
  refuseErrors(loaded);
  for (const result of loaded.results.filter((one) => one.warnings.length > 0)) onWarning(result.text(loaded.contents));
  const rules = selectRules(loaded.rules, [...options.selections, ...selectionsIn(flags)], options.least);
  const matching = flags.matching ?? options.matching;
  const { wasm, rules: told } = compilePolicy(rules, { name: FALCO_NAME, version: VERSION, matching, isFalcoExact });
  const unmatched = rules.filter((rule) => rule.enabled && !told.includes(rule));
  if (told.length === 0) return { wasm, policy: null, unmatched };
  const path = flags.falcoRules.join(" ");
  const admitted = await admit(wasm, path);
  const policy: LoadedPolicy = {
    name: FALCO_NAME,
    version: VERSION,
    folder: path,
    admitted,
    parameters: {},
    rules: admitted.metadata.rules.map((rule) => ({ ...rule, enabled: true })),
  };
  return { wasm, policy, unmatched };
}

export function optionsIn(flags: FalcoFlags): FalcoOptions {
  return readOptions(flags.option);
}

function selectionsIn({ tag, withoutTag, withoutRule }: FalcoFlags): Selection[] {
  return selectionsOf({ tags: tag, notTags: withoutTag, notRules: withoutRule });
}

function refuseErrors({ results, contents }: Loaded): void {
  const wrong = results.filter((result) => !result.successful);
  if (wrong.length === 0) return;
  const path = wrong.map((result) => result.name).join(" ");
  const reason = wrong.map((result) => result.text(contents).trimEnd()).join("\n");
  throw new VedetteError("VEDETTE_FALCO_RULES", { path, reason });
}
