// SPDX-License-Identifier: Apache-2.0
// The numbers of /metrics as a request of OTLP in JSON: counters are cumulative sums, gauges and histograms
// are what they are in both. A name loses what OTLP says elsewhere, by OpenTelemetry's rules for Prometheus:
// `vedette_output_queued_bytes` is `vedette.output.queued` in By, `vedette_events_total` is `vedette.events`.

/** A metric as prom-client gives it. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly values: readonly FamilyValue[];
}

/** One number of it. `metricName`: of a histogram's bucket, sum or count. */
export interface FamilyValue {
  readonly labels: Readonly<Record<string, string | number | undefined>>;
  readonly value: number;
  readonly metricName?: string;
}

/** Times are in ns since the epoch. */
export interface MetricTimes {
  /** Since when the counters count. */
  readonly start: bigint;
  readonly now: bigint;
}

const CUMULATIVE = 2;
/** What OpenTelemetry calls attributes that Prometheus knows as labels. */
const ATTRIBUTES: Readonly<Record<string, string>> = {
  cpu_mode: "cpu.mode",
  disk_io_direction: "disk.io.direction",
  server_port: "server.port",
};
const UNITS: readonly (readonly [ending: string, unit: string])[] = [
  ["_seconds", "s"],
  ["_bytes", "By"],
];

/**
 * The whole request. `attributes`: of the resource, by their names in semantic conventions. `scopes`: members
 * of `scopeMetrics` beside the host's own.
 */
export function otlpMetricsRequest(
  families: readonly Family[],
  times: MetricTimes,
  attributes: Readonly<Record<string, string>>,
  version: string,
  scopes: readonly object[] = [],
): string {
  const metrics = families.flatMap((family) => {
    const data = dataOf(family, times);
    return data === null ? [] : [{ ...titleOf(family), description: family.help, ...data }];
  });
  const resource = { attributes: attributesOf(attributes) };
  return JSON.stringify({
    resourceMetrics: [{ resource, scopeMetrics: [{ scope: { name: "vedette", version }, metrics }, ...scopes] }],
  });
}

function titleOf({ name, type }: Family): { name: string; unit: string } {
  const whole = type === "counter" ? name.replace(/_total$/, "") : name;
  const [ending = "", unit = ""] = UNITS.find(([one]) => whole.endsWith(one)) ?? [];
  return { name: whole.slice(0, whole.length - ending.length).replaceAll("_", "."), unit };
}

/** Null: it has no number yet, and OTLP knows no empty metric. */
function dataOf({ name, type, values }: Family, { start, now }: MetricTimes): object | null {
  const times = { startTimeUnixNano: String(start), timeUnixNano: String(now) };
  const points = (): object[] =>
    values
      .filter(({ value }) => Number.isFinite(value))
      .map(({ labels, value }) => ({ attributes: attributesOf(labels), ...times, asDouble: value }));
  switch (type) {
    case "counter": {
      const dataPoints = points();
      return dataPoints.length === 0
        ? null
        : { sum: { aggregationTemporality: CUMULATIVE, isMonotonic: true, dataPoints } };
    }
    case "gauge": {
      const dataPoints = points();
      return dataPoints.length === 0 ? null : { gauge: { dataPoints } };
    }
    case "histogram": {
      const dataPoints = histogramPoints(name, values).map((point) => ({ ...times, ...point }));
      return dataPoints.length === 0 ? null : { histogram: { aggregationTemporality: CUMULATIVE, dataPoints } };
    }
    default:
      return null;
  }
}

/** Prometheus counts what is at most `le`; OTLP what lies between two bounds. */
function histogramPoints(name: string, values: readonly FamilyValue[]): object[] {
  const byLabels = new Map<
    string,
    { labels: FamilyValue["labels"]; buckets: [number, number][]; sum: number; count: number }
  >();
  for (const {
    labels: { le, ...labels },
    metricName,
    value,
  } of values) {
    const key = JSON.stringify(labels);
    const point = byLabels.get(key) ?? { labels, buckets: [], sum: 0, count: 0 };
    byLabels.set(key, point);
    if (metricName === `${name}_sum`) point.sum = value;
    else if (metricName === `${name}_count`) point.count = value;
    else if (le !== undefined) point.buckets.push([le === "+Inf" ? Number.POSITIVE_INFINITY : Number(le), value]);
  }
  return [...byLabels.values()].map(({ labels, buckets, sum, count }) => {
    const sorted = buckets.sort(([a], [b]) => a - b);
    return {
      attributes: attributesOf(labels),
      count: String(count),
      sum,
      explicitBounds: sorted.map(([bound]) => bound).filter(Number.isFinite),
      bucketCounts: sorted.map(([, upTo], i) => String(upTo - (sorted[i - 1]?.[1] ?? 0))),
    };
  });
}

function attributesOf(labels: Readonly<Record<string, string | number | undefined>>): object[] {
  return Object.entries(labels).flatMap(([key, value]) =>
    value === undefined ? [] : [{ key: ATTRIBUTES[key] ?? key, value: { stringValue: String(value) } }],
  );
}
