// SPDX-License-Identifier: Apache-2.0
// A rule of Falco's as a policy of ours: which rule of the files is meant, its source, and events for its
// tests. What cannot be told is refused with its place, and nothing is made of the rest.
import { VedetteError } from "../../errors.js";
import { openBatch } from "../../wire/batch.js";
import type { LoadedRule } from "../load.js";
import { loadedRules } from "../policy.js";
import { withinStack } from "../stack-bound.js";
import { RuleTerms } from "../terms.js";
import { type Example, examplesOf, silentExamplesOf } from "./examples.js";
import { policySource, UntoldError } from "./source.js";

export type { Example };

/** What a rule became. */
export interface ToldRule {
  readonly name: string;
  readonly desc: string;
  readonly source: string;
  /** Null: none was found. */
  readonly firing: Example | null;
  readonly silent: Example | null;
}

/** Writes events in the short form as a batch; null for one that cannot be written. */
export type WriteEvent = (example: Example) => Uint8Array | null;

const NAMES_SHOWN = 5;

/**
 * The rule of that name; null: the only one of the files. Throws VEDETTE_FALCO_* where the files cannot be
 * loaded, VEDETTE_POLICY_FROM_RULE and VEDETTE_POLICY_FROM.
 */
export async function tellRule(paths: readonly string[], name: string | null, write: WriteEvent): Promise<ToldRule> {
  const { rules, words } = loadedRules(paths);
  const rule = chosen(rules, paths, name);
  const { path, line } = words.places.get(rule.name) ?? { path: paths.join(" "), line: 1 };
  try {
    const { text: source } = withinStack(() => policySource(rule, words));
    return { name: rule.name, desc: rule.desc, source, ...(await eventsFor(rule, write)) };
  } catch (error) {
    if (!(error instanceof UntoldError)) throw error;
    throw new VedetteError(
      "VEDETTE_POLICY_FROM",
      { path, line, rule: rule.name, reason: error.message },
      { cause: error },
    );
  }
}

function chosen(rules: readonly LoadedRule[], paths: readonly string[], name: string | null): LoadedRule {
  const found = name === null ? rules : rules.filter((rule) => rule.name === name);
  const [rule] = found;
  if (rule !== undefined && found.length === 1) return rule;
  const names = rules.map((one) => `"${one.name}"`);
  const shown = names.length > NAMES_SHOWN ? [...names.slice(0, NAMES_SHOWN), "..."] : names;
  const reason =
    rules.length === 0
      ? "they have no rule of system calls"
      : `${name === null ? "they have" : `they have no "${name}", but`} ${shown.join(", ")}`;
  throw new VedetteError("VEDETTE_POLICY_FROM_RULE", { path: paths.join(" "), reason });
}

/** Events that the engine itself says the rule fires for, or passes over. */
async function eventsFor(rule: LoadedRule, write: WriteEvent): Promise<Pick<ToldRule, "firing" | "silent">> {
  const terms = await RuleTerms.of({ ...rule, enabled: true });
  const first = (examples: readonly Example[], wanted: boolean): Example | null =>
    examples.find((example) => {
      const bytes = write(example);
      if (bytes === null) return false;
      const batch = openBatch(bytes);
      terms.look(batch);
      return terms.isMatch(batch.offsets[0] as number) === wanted;
    }) ?? null;
  return { firing: first(examplesOf(rule), true), silent: first(silentExamplesOf(rule), false) };
}
