// SPDX-License-Identifier: Apache-2.0
// What a test of tests.yaml expects of metrics, against what the policy has measured in it. As with alerts,
// the two are matched one to one: what was measured and not expected is a difference, too.
import type { ExaminedPolicy } from "../engine/policy.js";
import type { TrialResult } from "../engine/trial.js";
import { type Metric, type Series, Totals } from "../metric/totals.js";
import type { ExpectedMetric, PolicyTest } from "./test-file.js";

interface Got {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** Null: it is no histogram. */
  readonly count: number | null;
}

/** What differs, a line each; none where the test says nothing of metrics. */
export function metricDifferences(policy: ExaminedPolicy, test: PolicyTest, { measured }: TrialResult): string[] {
  if (test.metrics === null) return [];
  const totals = new Totals();
  const owner = { tenant: null, policy: policy.name, version: policy.version };
  for (const one of measured) totals.add(owner, policy.admitted.metadata.metrics ?? [], one);
  const left = totals.scopes().flatMap(({ metrics }) => metrics.flatMap(seriesOf));
  const differences: string[] = [];
  for (const expected of test.metrics) {
    const found = left.findIndex((got) => isMatch(expected, got));
    if (found >= 0) left.splice(found, 1);
    else differences.push(`- expected: ${JSON.stringify(expected)}`);
  }
  return [...differences, ...left.map((got) => `+ got:      ${described(got)}`)];
}

/** Instruments that no test expects anything of, in sentences. */
export function missingMetrics({ admitted }: ExaminedPolicy, tests: readonly PolicyTest[]): string[] {
  const told = new Set(tests.flatMap(({ metrics }) => (metrics ?? []).map(({ name }) => name)));
  const missing = (admitted.metadata.metrics ?? []).filter(({ name }) => !told.has(name));
  return missing.map(({ name }) => `No test expects anything of the metric "${name}".`);
}

function seriesOf({ instrument, series }: Metric): Got[] {
  return series.map((one) => ({
    name: instrument.name,
    labels: labelsOf(instrument.labels, one),
    value: one.value,
    count: one.buckets.length === 0 ? null : one.buckets.reduce((sum, more) => sum + more, 0),
  }));
}

function labelsOf(names: readonly string[], { labels }: Series): Record<string, string> {
  if (labels === null) return { "otel.metric.overflow": "true" };
  return Object.fromEntries(labels.map((value, i) => [names[i] ?? "", value]));
}

function isMatch(expected: ExpectedMetric, got: Got): boolean {
  return (
    expected.name === got.name &&
    Object.entries(expected.labels ?? {}).every(([name, value]) => got.labels[name] === value) &&
    (expected.value === undefined || Math.abs(expected.value - got.value) <= 1e-9 * Math.abs(expected.value)) &&
    (expected.count === undefined || expected.count === got.count)
  );
}

function described({ name, labels, value, count }: Got): string {
  return JSON.stringify(count === null ? { name, labels, value } : { name, labels, count, value });
}
