// SPDX-License-Identifier: Apache-2.0
// What `vedette policy explain` explains: Falco's rules by their conditions, and the rules of policies by
// their code. Both say the same of an event: which terms, answered the other way, change the verdict.

import { VedetteError } from "../errors.js";
import { enabledRules, type FalcoFlags, type FalcoOptions, RuleTerms } from "../falco/falco.js";
import { openBundle } from "../policy/bundle.js";
import { PolicyCompiler, SOURCE_FILE } from "../policy/compile.js";
import { foldersOf, type LoadedRule, loadPolicy, PACK_NAME } from "../policy/load.js";
import type { Decisive, Subject, ToldTerm, ToldVerdict } from "../policy/nearest.js";
import { waysOf } from "../policy/trace.js";
import type { Batch } from "../wire/batch.js";
import { fieldValue } from "../wire/fields.js";
import { warn } from "./failure.js";

/** What the command line says of rules, and which of them are asked about. */
export interface ExplainFlags extends FalcoFlags {
  /** Folders of policies; none, and no rules of Falco's: the pack, as `run` takes it. */
  readonly policy: readonly string[];
  /** Whether somebody typed these folders: then each of them is to be explained. */
  readonly isChosen: boolean;
  /** Whole names; none: all rules. */
  readonly rule: readonly string[];
  readonly filter?: string;
  readonly json?: boolean;
}

/** An error of the command line. */
export const usage = (problem: string): VedetteError =>
  new VedetteError("VEDETTE_USAGE", { problem, command: "policy explain" });

/** Falco's rules that are asked about; `types`: of the events that will be. */
export async function falcoSubjects(
  flags: ExplainFlags,
  options: FalcoOptions,
  types: readonly string[],
  names: Set<string> = new Set(),
): Promise<Subject[]> {
  if (flags.falcoRules.length === 0) return [];
  const { statics } = options;
  const subjects: Subject[] = [];
  for (const rule of enabledRules(flags, options)) {
    names.add(rule.name);
    if (!isAsked(flags, rule.name)) continue;
    const terms = await RuleTerms.of(rule, { statics, types, isFalcoExact: flags.falcoExact ?? false });
    subjects.push({
      rule: rule.name,
      types: new Set([...rule.events, ...types]),
      look: (batch) => terms.look(batch),
      verdict: (batch, at) => falcoVerdict(terms, statics, batch, at),
    });
  }
  return subjects;
}

function falcoVerdict(terms: RuleTerms, statics: ReadonlyMap<string, string>, batch: Batch, at: number): ToldVerdict {
  const value = (field: string): string | null => {
    const found = statics.get(field) ?? fieldValue(field)?.(batch, at) ?? null;
    if (found === null) return null;
    return typeof found === "string" ? JSON.stringify(found) : Array.isArray(found) ? found.join(" ") : String(found);
  };
  const decisive = (): Decisive => {
    const { decisive: all } = terms.verdict(at);
    const told = (): ToldTerm[] =>
      all.map(({ term, isTrue: is }) => {
        return { term: term.text, is, values: Object.fromEntries(term.fields.map((field) => [field, value(field)])) };
      });
    return { kind: JSON.stringify(all), told };
  };
  return { isMatch: terms.isMatch(at), distance: terms.distance(at), decisive };
}

/**
 * Rules of policies that are asked about. They are explained from their sources, and a policy without such a
 * rule is not compiled for that. `types`: of the events that will be asked about; none: nobody knows. `names`
 * gets those of all rules that are switched on.
 */
export async function policySubjects(
  flags: ExplainFlags,
  types: readonly string[],
  names: Set<string> = new Set(),
): Promise<Subject[]> {
  const compiler = new PolicyCompiler();
  try {
    const subjects: Subject[] = [];
    for (const folder of policyFolders(flags)) {
      const bundle = openBundle(folder);
      const { rules } = await loadPolicy(bundle, { compiler });
      for (const { name, enabled } of rules) if (enabled) names.add(name);
      if (!rules.some((rule) => isAskedOf(flags, types, rule))) continue;
      if (!bundle.has(SOURCE_FILE)) {
        const problem = `${folder} has no ${SOURCE_FILE}; its rules cannot be explained.`;
        if (flags.isChosen || flags.rule.length > 0) throw usage(problem);
        warn(`vedette: ${problem}`);
        continue;
      }
      const ways = await waysOf(bundle, compiler);
      for (const [i, rule] of ways.policy.rules.entries())
        if (isAskedOf(flags, types, rule)) subjects.push(ways.subject(i));
    }
    return subjects;
  } finally {
    compiler.close();
  }
}

/**
 * Those that `run` would judge by, but for tenants': the console explains their code, in a process in the
 * jail.
 */
function policyFolders({ policy, falcoRules }: ExplainFlags): string[] {
  return foldersOf(policy.length > 0 || falcoRules.length > 0 ? policy : [PACK_NAME]);
}

/** Where nobody chose policies or rules, those are left out that no event has a type for. */
function isAskedOf(flags: ExplainFlags, types: readonly string[], { name, enabled, events }: LoadedRule): boolean {
  const isChosen = flags.isChosen || flags.rule.length > 0 || types.length === 0;
  return enabled && isAsked(flags, name) && (isChosen || events.some((event) => types.includes(event)));
}

const isAsked = ({ rule }: ExplainFlags, name: string): boolean => rule.length === 0 || rule.includes(name);
