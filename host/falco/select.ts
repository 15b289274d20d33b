// SPDX-License-Identifier: Apache-2.0
// Which of the loaded rules run: selections in order, each switching on or off what it names, and the least
// priority. A rule's own `enabled` is where it begins.
import { PRIORITIES, type Priority } from "../finding/priority.js";
import type { LoadedRule } from "./load.js";

/** A rule's name with `*` for any text, or a tag. With neither it is every rule. */
export interface Selection {
  readonly isEnabled: boolean;
  readonly rule?: string;
  readonly tag?: string;
}

/**
 * Drops rules less urgent than `least`. The last selection that applies to a rule decides whether it is
 * enabled.
 */
export function selectRules(
  rules: readonly LoadedRule[],
  selections: readonly Selection[],
  least: Priority,
): LoadedRule[] {
  const isUrgent = (rule: LoadedRule) => rankOf(rule.priority) <= rankOf(least);
  return rules.filter(isUrgent).map((rule) => {
    const last = selections.filter((selection) => applies(selection, rule)).at(-1);
    return last ? { ...rule, enabled: last.isEnabled } : rule;
  });
}

/** `-t`: only rules with one of the tags. `-T` and `-D` switch off: by tag, and by a part of the name. */
export function selectionsOf(flags: {
  tags: readonly string[];
  notTags: readonly string[];
  notRules: readonly string[];
}): Selection[] {
  return [
    ...(flags.tags.length > 0 ? [{ isEnabled: false }] : []),
    ...flags.tags.map((tag) => ({ isEnabled: true, tag })),
    ...flags.notTags.map((tag) => ({ isEnabled: false, tag })),
    ...flags.notRules.map((part) => ({ isEnabled: false, rule: `*${part}*` })),
  ];
}

function applies({ rule: name, tag }: Selection, rule: LoadedRule): boolean {
  return (name === undefined || isLike(rule.name, name)) && (tag === undefined || rule.tags.includes(tag));
}

function isLike(text: string, glob: string): boolean {
  const parts = glob.split("*").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`, "s").test(text);
}

function rankOf(priority: Priority): number {
  return PRIORITIES.indexOf(priority);
}
