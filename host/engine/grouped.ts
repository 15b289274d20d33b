// SPDX-License-Identifier: Apache-2.0
// What a rule says of how its alerts are grouped: its own key for repeats, taken from the event while the
// batch is open, and its threshold, window and runbook, which are data.
import { cutText } from "../finding/finding.js";
import type { AlertGrouping } from "../output/alert.js";
import { compileFormat, type Format } from "../output/format.js";
import type { RuleMetadata } from "../wasm/metadata.js";
import type { Batch } from "../wire/batch.js";

/** Bytes of a key, and how many a cell may say. */
export const DEDUP_MAX = 512;
const SECOND_NS = 1_000_000_000n;

/** Of each rule of a policy, by its number. */
export class GroupedRules {
  readonly #rules: readonly RuleMetadata[];
  readonly #keys: readonly (Format | null)[];

  /** Throws VEDETTE_OUTPUT_FIELD for a field that there is not. */
  constructor(rules: readonly RuleMetadata[]) {
    this.#rules = rules;
    this.#keys = rules.map(dedupFormat);
  }

  /** Of an alert about the record at `at`; undefined: the rule says nothing. */
  of(rule: number, batch: Batch, at: number): AlertGrouping | undefined {
    const is = this.#rules[rule];
    if (is?.grouping === undefined) return undefined;
    const key = this.#keys[rule] ?? null;
    return groupingOf(is, key === null ? null : cutText(key(batch, at).text, DEDUP_MAX));
  }
}

/** What makes the key; null: the rule has none of its own. */
export function dedupFormat({ grouping }: RuleMetadata): Format | null {
  return grouping?.dedup === undefined ? null : compileFormat(grouping.dedup.map((field) => `%${field}`).join(" "));
}

/** With a key that somebody has taken. */
export function groupingOf({ grouping }: RuleMetadata, dedup: string | null): AlertGrouping | undefined {
  if (grouping === undefined) return undefined;
  const { threshold = 1, window, runbook = null } = grouping;
  return { dedup, threshold, windowNs: window === undefined ? null : BigInt(window) * SECOND_NS, runbook };
}
