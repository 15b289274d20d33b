// SPDX-License-Identifier: Apache-2.0
// Runs tests.yaml of a policy and says what differs. Expected alerts are matched one to one, in any order
// within a test; what is not given in one (event, priority, output, fields) may be anything. Each rule needs
// a test in which it speaks, and one in which it sees an event and keeps silent: a rule that always says yes
// is no rule.

import type { ExaminedPolicy, LoadedRule } from "../engine/policy.js";
import { madeUp, type TrialBatch, type TrialCase, type TrialResult } from "../engine/trial.js";
import type { Alert } from "../output/alert.js";
import { resolveParameters } from "../wasm/settings.js";
import { valueText } from "../wire/value.js";
import type { Bundle } from "./bundle.js";
import { ShortEventError, ShortEvents } from "./short-event.js";
import { deniedDifferences, missingDenied } from "./test-denied.js";
import { type ExpectedAlert, type PolicyTest, type PolicyTests, readTests } from "./test-file.js";
import { metricDifferences, missingMetrics } from "./test-metrics.js";
import type { TestRecording } from "./test-recording.js";

/** How one test went. */
export interface TestOutcome {
  readonly name: string;
  /** What differs, a line each; none: passed. */
  readonly differences: readonly string[];
  /** What the policy logged. */
  readonly logs: readonly string[];
}
/** How all tests of a policy went. It passes where nothing differs and nothing is missing. */
export interface TestReport {
  readonly outcomes: readonly TestOutcome[];
  /** Rules without a positive or a negative test, in sentences. */
  readonly missing: readonly string[];
}

/**
 * Runs the tests in the policy's bundle by `run`. `part`: only those with it in their names; then it does not
 * ask which are missing. Throws VEDETTE_POLICY_TESTS when the file is wrong.
 */
export async function runPolicyTests<P extends ExaminedPolicy>(
  policy: P,
  bundle: Bundle,
  run: (cases: readonly TrialCase<P>[]) => Promise<TrialResult[]>,
  part?: string,
): Promise<TestReport> {
  const all = readTests(bundle).tests;
  const isChosen = ({ name }: PolicyTest): boolean => part === undefined || name.includes(part);
  const tests = all.filter(isChosen);
  const made = testCases(policy, bundle).filter((_, i) => isChosen(all[i] as PolicyTest));
  const results = await run(
    made.map(({ policy: one, batches }, i) => ({ policy: one, batches, isMetered: tests[i]?.metrics !== null })),
  );
  const outcomes = tests.map((test, i) => compare(policy, test, results[i] as TrialResult, made[i] as Made<P>));
  return { outcomes, missing: part === undefined ? missingTests(policy, tests) : [] };
}

/** What each test of the policy's bundle lets it judge. Throws VEDETTE_POLICY_TESTS. */
export function testCases<P extends ExaminedPolicy>(policy: P, bundle: Bundle): Made<P>[] {
  const { tests, file } = readTests(bundle);
  return tests.map((test, i) => makeCase(policy, test, i, file));
}

/** A policy with a test's parameters, and the events of that test. */
export interface Made<P> {
  readonly policy: P;
  readonly batches: readonly TrialBatch[];
  readonly eventAt: EventAt;
}
/** The number of the event that happened at a time: how an alert finds its event. */
export type EventAt = (time: bigint) => number;

function makeCase<P extends ExaminedPolicy>(
  policy: P,
  test: PolicyTest,
  index: number,
  file: PolicyTests["file"],
): Made<P> {
  const events = test.recording === null ? shortEvents(test, index, file) : recorded(test.recording);
  for (const { rule } of test.alerts) {
    if (!policy.rules.some((one) => one.name === rule))
      throw file.wrong(["tests", index, "alerts"], `the policy has no rule "${rule}"`);
  }
  for (const { row } of test.denied ?? []) {
    if (!policy.prevent?.some(({ name }) => name === row))
      throw file.wrong(["tests", index, "denied"], `the policy has no row "${row}" in prevent:`);
  }
  const parameters = resolveParameters(
    policy.admitted.metadata,
    { ...policy.parameters, ...test.parameters },
    policy.place,
  );
  return { policy: { ...policy, parameters }, ...events };
}

function shortEvents(test: PolicyTest, index: number, file: PolicyTests["file"]): Omit<Made<never>, "policy"> {
  const events = new ShortEvents();
  const times = test.events.map(({ type, written }, k) => {
    try {
      return events.add(type, written);
    } catch (error) {
      if (!(error instanceof ShortEventError)) throw error;
      throw file.wrong(["tests", index, "events", k, type, error.key], error.message);
    }
  });
  const batch = { ...madeUp(events.bytes()), container: test.container };
  return { batches: [batch], eventAt: (time) => times.indexOf(time) + 1 };
}

function recorded({ batches, numbers }: TestRecording): Omit<Made<never>, "policy"> {
  return { batches, eventAt: (time) => numbers.get(time) ?? 0 };
}

function compare(
  policy: ExaminedPolicy,
  test: PolicyTest,
  result: TrialResult,
  { batches, eventAt }: Omit<Made<ExaminedPolicy>, "policy">,
): TestOutcome {
  const differences: string[] = [];
  if (result.fault !== null) differences.push(result.fault);
  const left = [...result.alerts];
  for (const expected of test.alerts) {
    const found = left.findIndex((alert) => mismatch(expected, alert, eventAt) === null);
    if (found >= 0) left.splice(found, 1);
    else differences.push(`- expected: ${describeExpected(expected)}${near(expected, left, eventAt)}`);
  }
  for (const alert of left)
    differences.push(`+ got:      ${alert.rule} at event ${eventAt(alert.time)}: ${alert.output}`);
  differences.push(...metricDifferences(policy, test, result));
  differences.push(...deniedDifferences(policy, test, batches, eventAt));
  return { name: test.name, differences, logs: result.logs };
}

/** Why the alert is not the expected one, or null. */
function mismatch(expected: ExpectedAlert, alert: Alert, eventAt: EventAt): string | null {
  if (alert.rule !== expected.rule) return `its rule is ${alert.rule}`;
  if (expected.event !== undefined && eventAt(alert.time) !== expected.event)
    return `it is at event ${eventAt(alert.time)}`;
  if (expected.priority !== undefined && alert.priority !== expected.priority)
    return `its priority is ${alert.priority}`;
  if (expected.output !== undefined && !alert.output.includes(expected.output))
    return `its output is "${alert.output}"`;
  const fields = new Map(alert.outputFields);
  for (const [name, value] of Object.entries(expected.fields ?? {})) {
    const got = fields.get(name);
    if (got === undefined) return `${name} is not in its output`;
    if (valueText(got) !== (value === null ? "<NA>" : String(value))) return `${name} is ${valueText(got)}`;
  }
  return null;
}

/** An alert of the same rule that missed by a detail, so that the author sees which. */
function near(expected: ExpectedAlert, left: readonly Alert[], eventAt: EventAt): string {
  const alert = left.find((one) => one.rule === expected.rule);
  return alert === undefined ? "" : ` (${mismatch(expected, alert, eventAt)})`;
}

function describeExpected({ rule, event, priority, output, fields }: ExpectedAlert): string {
  const details = [
    event === undefined ? "" : `at event ${event}`,
    priority ?? "",
    output === undefined ? "" : `"${output}"`,
    fields === undefined ? "" : JSON.stringify(fields),
  ];
  return [rule, ...details.filter((detail) => detail !== "")].join(" ");
}

/** Rules and rows without a positive or a negative test, and instruments without any, in sentences. */
export function missingTests(policy: ExaminedPolicy, tests: readonly PolicyTest[]): string[] {
  return [...missingOfRules(policy, tests), ...missingMetrics(policy, tests), ...missingDenied(policy, tests)];
}

function missingOfRules(policy: ExaminedPolicy, tests: readonly PolicyTest[]): string[] {
  return policy.rules.flatMap((rule) => {
    const seeing = tests.filter((test) => eventsFor(rule, test) > 0);
    const speaks = tests.some((test) => test.alerts.some((alert) => alert.rule === rule.name));
    const isSilent = seeing.some((test) => {
      const said = test.alerts.filter((alert) => alert.rule === rule.name).length;
      return said < eventsFor(rule, test);
    });
    return [
      ...(speaks ? [] : [`No test has an alert of "${rule.name}".`]),
      ...(isSilent ? [] : [`No test has an event that "${rule.name}" should pass over.`]),
    ];
  });
}

/** How many events of a test the rule sees. */
function eventsFor({ events }: LoadedRule, { events: written, recording }: PolicyTest): number {
  if (recording === null) return written.filter(({ type }) => events.includes(type)).length;
  return events.reduce((sum, type) => sum + (recording.types.get(type) ?? 0), 0);
}
