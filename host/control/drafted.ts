// SPDX-License-Identifier: Apache-2.0
// What is told of a draft of a policy: its errors with their lines, its tests, and its alerts beside those of
// the version that is loaded. Two alerts are the same where rule and time are; what each of the two raises
// alone comes first. The author of the draft may be a tenant, so all of it is bounded.
import type { VedetteError } from "../errors.js";
import { SourceError } from "../policy/compile.js";
import type { Asked } from "../policy/service.js";
import type { RecentBatches } from "./recent.js";
import type { PolicyDrafted } from "./shapes.js";

const PROBLEMS_MAX = 50;
/** Differences of one test, and lines of its log. */
const LINES_MAX = 10;
const LINE_MAX = 1_000;
/** Of each kind: raised by the draft alone, by what is loaded alone, by both. */
const SAMPLES_MAX = 10;
const RULES_MAX = 200;

type Tried = Exclude<Awaited<NonNullable<ReturnType<Asked["tryDraft"]>>>, string | null>;
type Result = NonNullable<Tried["draft"]>;
type Sample = PolicyDrafted["samples"][number];

/** As the API answers it. */
export function draftedOf(tried: Tried, { events, from, to }: RecentBatches): PolicyDrafted {
  const { errors, warnings, draft, loaded } = tried;
  const problems = [...errors.map((one) => problemOf(one, true)), ...warnings.map((one) => problemOf(one, false))];
  return {
    problems: problems.slice(0, PROBLEMS_MAX),
    tests: testsOf(tried.tests),
    ...{ events, from: from === null ? null : String(from), to: to === null ? null : String(to) },
    ...{ draft: sideOf(draft), loaded: sideOf(loaded), rules: rulesOf(draft, loaded) },
    samples: draft === null || loaded === null ? [] : samplesOf(draft, loaded),
  };
}

function problemOf(error: VedetteError, isError: boolean): PolicyDrafted["problems"][number] {
  const { code, hint } = error;
  if (!(error instanceof SourceError))
    return { file: null, line: null, column: null, isError, text: cut(error.message), code, hint: cut(hint) };
  const { file, line, column, reason } = error;
  return { file: cut(file), line, column, isError, text: cut(reason), code, hint: cut(hint) };
}

function testsOf(tests: Tried["tests"]): PolicyDrafted["tests"] {
  if (tests === null) return null;
  if (typeof tests === "string") return { passed: 0, failed: 0, problem: cut(tests), failures: [], missing: [] };
  const { passed, failed, failures, missing } = tests;
  return {
    ...{ passed, failed, problem: null },
    failures: failures.map(({ name, differences, logs }) => {
      return { name: cut(name), differences: lines(differences), logs: lines(logs) };
    }),
    missing: missing.map(cut),
  };
}

function sideOf(result: Result | null): PolicyDrafted["draft"] {
  if (result === null) return null;
  const { alerts, more = 0, fault, logs } = result;
  return { alerts: alerts.length, left_out: more, fault: fault === null ? null : cut(fault), logs: lines(logs) };
}

function rulesOf(draft: Result | null, loaded: Result | null): PolicyDrafted["rules"] {
  const rules = new Map<string, { rule: string; priority: string; draft: number; loaded: number }>();
  const add = (of: "draft" | "loaded", alerts: Result["alerts"] = []): void => {
    for (const { rule, priority } of alerts) {
      const row = rules.get(rule) ?? { rule, priority, draft: 0, loaded: 0 };
      row[of]++;
      rules.set(rule, row);
    }
  };
  add("draft", draft?.alerts);
  add("loaded", loaded?.alerts);
  return [...rules.values()].slice(0, RULES_MAX).map((row) => ({ ...row, rule: cut(row.rule) }));
}

function samplesOf(draft: Result, loaded: Result): Sample[] {
  const last = lastCompared([draft, loaded]);
  const isIn = ({ time }: Result["alerts"][number]): boolean => last === null || time < last;
  const keyOf = ({ rule, time }: Result["alerts"][number]): string => `${time} ${rule}`;
  const counts = new Map<string, number>();
  for (const alert of loaded.alerts) counts.set(keyOf(alert), (counts.get(keyOf(alert)) ?? 0) + 1);
  const both: Sample[] = [];
  const own: Sample[] = [];
  for (const alert of draft.alerts.filter(isIn)) {
    const left = counts.get(keyOf(alert)) ?? 0;
    counts.set(keyOf(alert), left - 1);
    if (left > 0) both.push(sampleOf(alert, "both"));
    else own.push(sampleOf(alert, "draft"));
  }
  const others = loaded.alerts.filter((alert) => {
    const left = counts.get(keyOf(alert)) ?? 0;
    counts.set(keyOf(alert), left - 1);
    return left > 0 && isIn(alert);
  });
  const rest = others.map((alert) => sampleOf(alert, "loaded"));
  return [own, rest, both].flatMap((some) => some.slice(0, SAMPLES_MAX));
}

/** Before then both have told all of their alerts, in the order of their times; null: to the end. */
function lastCompared(results: readonly Result[]): bigint | null {
  const lasts = results.flatMap(({ alerts, more = 0 }) => (more > 0 ? [alerts.at(-1)?.time ?? 0n] : []));
  return lasts.sort((a, b) => (a < b ? -1 : 1))[0] ?? null;
}

function sampleOf({ time, rule, priority, output }: Result["alerts"][number], by: Sample["by"]): Sample {
  return { time: String(time), rule: cut(rule), priority, output: cut(output), by };
}

const cut = (text: string): string => text.slice(0, LINE_MAX);
const lines = (all: readonly string[]): string[] => all.slice(0, LINES_MAX).map(cut);
