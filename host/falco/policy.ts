// SPDX-License-Identifier: Apache-2.0
// From rule files to a policy that can run: read, load, select, compile, admit. The same for `run`, `serve`,
// `replay`, `import-falco` and `policy check`, so that all of them say the same.
import type { LoadedPolicy } from "../engine/policy.js";
import { VedetteError } from "../errors.js";
import { admittedPolicy, FALCO_NAME, FALCO_VERSION } from "./admitted.js";
import { compilePolicy } from "./compile/policy.js";
import { type DeadRule, deadRule, deadRuleText } from "./dead-rules.js";
import { typesOfCalls } from "./event-types.js";
import type { FalcoFlags } from "./flags.js";
import { type Loaded, type LoadedRule, loadRules, type RuleFile } from "./load.js";
import { extrasOf, type FalcoOptions } from "./options.js";
import { readRuleFiles } from "./rule-files.js";
import { type Selection, selectionsOf, selectRules } from "./select.js";
import { withinStack } from "./stack-bound.js";

/** What rule files became. */
export interface FalcoPolicy {
  readonly loaded: Loaded;
  readonly wasm: Uint8Array;
  readonly policy: LoadedPolicy | null; // null: no rule is left that could match
  readonly dead: DeadRule[]; // enabled rules that no event here can match
  readonly captures: ReadonlyMap<string, number | null>; // rules that ask for one, and for how many ms; null: as is usual
  readonly notes: string[]; // what of enabled rules is otherwise here, a sentence each
}

/**
 * Loads and compiles. `onWarning` is told what can be loaded with a doubt; what cannot be loaded is thrown,
 * all of it. `files`: those that the flags name, where they are read already.
 */
export async function falcoPolicy(
  flags: FalcoFlags,
  options: FalcoOptions,
  onWarning: (text: string) => void,
  files = readRuleFiles(flags.falcoRules),
): Promise<FalcoPolicy> {
  const loaded = loadFiles(files, flags, options, false);
  refuseErrors(loaded);
  for (const result of loaded.results.filter((one) => one.warnings.length > 0)) onWarning(result.text(loaded.contents));
  const made = await compiled(loaded, flags, options);
  for (const note of made.notes) onWarning(`vedette: ${note}`);
  refuseDead(made.dead, flags);
  return made;
}

/** All rules of the files, as they stand there. Throws what cannot be loaded, all of it. */
export function loadedRules(falcoRules: readonly string[]): Loaded {
  const files = readRuleFiles(falcoRules);
  refuseNone(files, falcoRules);
  const loaded = withinStack(() => loadRules(files));
  refuseErrors(loaded);
  return loaded;
}

/** The rules that would run, with nothing compiled. Throws what cannot be loaded, all of it. */
export function enabledRules(flags: FalcoFlags, options: FalcoOptions): LoadedRule[] {
  const loaded = loadFiles(readRuleFiles(flags.falcoRules), flags, options, false);
  refuseErrors(loaded);
  const selections = [...options.selections, ...selectionsIn(flags)];
  return selectRules(loaded.rules, selections, options.least).filter(({ enabled }) => enabled);
}

/**
 * The same for somebody who asks only whether it would run: all files are looked at, and `policy` is null
 * where one cannot be loaded.
 */
export async function checkedPolicy(flags: FalcoFlags, options: FalcoOptions): Promise<FalcoPolicy> {
  const loaded = loadFiles(readRuleFiles(flags.falcoRules), flags, options, true);
  return loaded.ok
    ? compiled(loaded, flags, options)
    : { loaded, wasm: new Uint8Array(), policy: null, dead: [], captures: new Map(), notes: [] };
}

function loadFiles(
  files: readonly RuleFile[],
  { falcoRules, falcoExact }: FalcoFlags,
  options: FalcoOptions,
  isCheck: boolean,
): Loaded {
  refuseNone(files, falcoRules);
  const { statics } = options;
  const how = { isFalcoExact: falcoExact ?? false, extras: extrasOf(options), statics, isCheck };
  return withinStack(() => loadRules(files, how));
}

function refuseNone(files: readonly RuleFile[], falcoRules: readonly string[]): void {
  if (files.length > 0) return;
  const reason = "there is no file of rules in it";
  throw new VedetteError("VEDETTE_FALCO_RULES", { path: falcoRules.join(" "), reason });
}

async function compiled(loaded: Loaded, flags: FalcoFlags, options: FalcoOptions): Promise<FalcoPolicy> {
  const isFalcoExact = flags.falcoExact ?? false;
  const selected = selectRules(loaded.rules, [...options.selections, ...selectionsIn(flags)], options.least);
  const rules = withoutCalls(selected, options.leftOut);
  const matching = flags.matching ?? options.matching;
  const how = { name: FALCO_NAME, version: FALCO_VERSION, matching, isFalcoExact };
  const { wasm, rules: told } = withinStack(() => compilePolicy(rules, how));
  const living = new Set(told);
  const enabled = rules.filter((rule) => rule.enabled);
  const dead = enabled.filter((rule) => !living.has(rule)).map(deadRule);
  const asking = enabled.filter((rule) => rule.captures);
  const isWritten = flags.evidence !== undefined || options.capture.isEnabled;
  const notes = [...dead.map(deadRuleText), ...(isWritten ? [] : asking.map(captureText))];
  const captures = new Map(asking.map(({ name, captureMs }) => [name, captureMs || null]));
  if (told.length === 0) return { loaded, wasm, policy: null, dead, captures, notes };
  return { loaded, wasm, policy: await admittedPolicy(wasm, flags, options.bytes), dead, captures, notes };
}

function withoutCalls(rules: readonly LoadedRule[], calls: readonly string[]): LoadedRule[] {
  const out = new Set(typesOfCalls(calls));
  return rules.map((rule) => ({ ...rule, events: rule.events.filter((event) => !out.has(event)) }));
}

function captureText({ name }: LoadedRule): string {
  const how = "--evidence DIR, or the option capture.enabled=true, has one written";
  return `the rule "${name}" asks for a capture of the events around it, and none is written: ${how}`;
}

/** `--strict`: a rule that cannot fire is as good as one that cannot be loaded. */
export function refuseDead(dead: readonly DeadRule[], { strict, falcoRules }: FalcoFlags): void {
  if (strict !== true || dead.length === 0) return;
  const reason = dead.map((one) => `"${one.rule}", ${one.reason}`).join("; ");
  throw new VedetteError("VEDETTE_FALCO_DEAD_RULES", { path: falcoRules.join(" "), reason });
}

function selectionsIn({ tag, withoutTag, withoutRule }: FalcoFlags): Selection[] {
  return selectionsOf({ tags: tag, notTags: withoutTag, notRules: withoutRule });
}

/**
 * A file that cannot be read is no matter of Falco's language. Throws VEDETTE_FALCO_UNREADABLE for the first.
 */
export function refuseUnreadable({ results }: Loaded): void {
  for (const { name: path, unreadable: reason } of results)
    if (reason !== null) throw new VedetteError("VEDETTE_FALCO_UNREADABLE", { path, reason });
}

function refuseErrors(loaded: Loaded): void {
  refuseUnreadable(loaded);
  const { results, contents } = loaded;
  const wrong = results.filter((result) => !result.successful);
  if (wrong.length === 0) return;
  const path = wrong.map((result) => result.name).join(" ");
  const reason = wrong.map((result) => result.text(contents).trimEnd()).join("\n");
  throw new VedetteError("VEDETTE_FALCO_RULES", { path, reason });
}
