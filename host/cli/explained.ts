// SPDX-License-Identifier: Apache-2.0
// What `vedette policy explain` explains: Falco's rules by their conditions, and the rules of policies by
// their code. Both say the same of an event: which terms, answered the other way, change the verdict.

import { VedetteError } from "../errors.js";
import { enabledRules, type FalcoFlags, type FalcoOptions, RuleTerms } from "../falco/falco.js";
import { openBundle } from "../policy/bundle.js";
import { PolicyCompiler, SOURCE_FILE } from "../policy/compile.js";
import { foldersOf } from "../policy/load.js";
import { PolicyWays } from "../policy/ways.js";
import type { Batch } from "../wire/batch.js";
import { fieldValue } from "../wire/fields.js";

/** What the command line says of rules, and which of them are asked about. */
export interface ExplainFlags extends FalcoFlags {
  /** Folders of policies. */
  readonly policy: readonly string[];
  /** Whole names; none: all rules. */
  readonly rule: readonly string[];
  readonly filter?: string;
  readonly json?: boolean;
}

/** A term, its answer, and what it looked at. */
export interface ToldTerm {
  readonly term: string;
  readonly is: boolean;
  readonly values: Readonly<Record<string, string | null>>;
  /** File and line, of code. */
  readonly at?: string;
}

/** What is said of one rule and one event. */
export interface ToldVerdict {
  readonly isMatch: boolean;
  /** How many terms would have to be answered otherwise. */
  readonly distance: number;
  readonly decisive: () => Decisive;
}

/** Terms that, answered the other way, change a verdict. */
export interface Decisive {
  /** Of events with the same terms. */
  readonly kind: string;
  readonly told: () => ToldTerm[];
}

/** One rule, and what it says of events. */
export interface Subject {
  readonly rule: string;
  /** Names of the types that it is asked about. */
  readonly types: ReadonlySet<string>;
  /** Judges a batch; verdicts are then of its records. */
  look(batch: Batch): void;
  /** Null: nothing is known of that one. */
  verdict(batch: Batch, at: number): ToldVerdict | null;
}

/** An error of the command line. */
export const usage = (problem: string): VedetteError =>
  new VedetteError("VEDETTE_USAGE", { problem, command: "policy explain" });

/** Falco's rules that are asked about; `types`: of the events that will be. */
export async function falcoSubjects(
  flags: ExplainFlags,
  options: FalcoOptions,
  types: readonly string[],
): Promise<Subject[]> {
  if (flags.falcoRules.length === 0) return [];
  const { statics } = options;
  const subjects: Subject[] = [];
  for (const rule of enabledRules(flags, options).filter(({ name }) => isAsked(flags, name))) {
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

/** Rules of policies that are asked about. They are explained from their sources. */
export async function policySubjects(flags: ExplainFlags): Promise<Subject[]> {
  if (flags.policy.length === 0) return [];
  const compiler = new PolicyCompiler();
  try {
    const subjects: Subject[] = [];
    for (const folder of foldersOf(flags.policy)) {
      const bundle = openBundle(folder);
      if (!bundle.has(SOURCE_FILE)) throw usage(`${folder} has no ${SOURCE_FILE}; its rules cannot be explained.`);
      const ways = await PolicyWays.of(bundle, compiler);
      for (const [i, rule] of ways.policy.rules.entries())
        if (rule.enabled && isAsked(flags, rule.name)) subjects.push(wayOf(ways, i));
    }
    return subjects;
  } finally {
    compiler.close();
  }
}

function wayOf(ways: PolicyWays, index: number): Subject {
  const rule = ways.policy.rules[index]!;
  return {
    rule: rule.name,
    types: new Set(rule.events),
    look: (batch) => ways.look(batch),
    verdict: (_, at) => {
      const verdict = ways.verdict(index, at);
      if (verdict === null) return null;
      const { isMatch, decisive, isEnd } = verdict;
      const kind = JSON.stringify(decisive.map(({ text, is, at: place }) => [text, is, place]));
      const told = (): ToldTerm[] => decisive.map(({ text, ...rest }) => ({ term: text, ...rest }));
      const distance = isEnd ? Number.MAX_VALUE : decisive.length;
      return { isMatch, distance, decisive: () => ({ kind, told }) };
    },
  };
}

const isAsked = ({ rule }: ExplainFlags, name: string): boolean => rule.length === 0 || rule.includes(name);
