// SPDX-License-Identifier: Apache-2.0
// Policies' totals as scopes of an OTLP request in JSON: a policy is a scope, names and units are as they
// were declared. Counters and histograms are cumulative. Exponential histograms keep their 208 buckets.
import { EXPONENTIAL, type Instrument } from "../wasm/instruments.js";
import { boundsOf, type Metric, type Scope, type Series } from "./totals.js";

const CUMULATIVE = 2;

/** Members of `scopeMetrics`. `now` is in ns since the epoch. */
export function otlpScopes(scopes: readonly Scope[], now: bigint): object[] {
  return scopes
    .map(({ owner: { tenant, policy, version }, metrics }) => ({
      scope: { name: policy, version, attributes: tenant === null ? [] : [attribute("vedette.tenant", tenant)] },
      metrics: metrics.filter(({ series }) => series.length > 0).map((metric) => metricOf(metric, now)),
    }))
    .filter(({ metrics }) => metrics.length > 0);
}

function metricOf({ instrument, start, series }: Metric, now: bigint): object {
  const { name, unit, doc: description, kind } = instrument;
  const dataPoints = series.map((one) => ({
    attributes: attributesOf(instrument, one),
    startTimeUnixNano: String(start),
    timeUnixNano: String(now),
    ...pointOf(instrument, one),
  }));
  const title = { name, unit, description };
  switch (kind) {
    case "counter":
      return { ...title, sum: { aggregationTemporality: CUMULATIVE, isMonotonic: true, dataPoints } };
    case "gauge":
      return { ...title, gauge: { dataPoints } };
    case "histogram":
      return { ...title, histogram: { aggregationTemporality: CUMULATIVE, dataPoints } };
    case "exponential":
      return { ...title, exponentialHistogram: { aggregationTemporality: CUMULATIVE, dataPoints } };
  }
}

function pointOf(instrument: Instrument, { value, buckets }: Series): object {
  if (buckets.length === 0) return { asDouble: value };
  const count = String(buckets.reduce((sum, one) => sum + one, 0));
  if (instrument.kind !== "exponential")
    return { count, sum: value, explicitBounds: boundsOf(instrument), bucketCounts: buckets.map(String) };
  const [zero = 0, ...dense] = buckets;
  const from = Math.max(
    0,
    dense.findIndex((one) => one > 0),
  );
  const upTo = dense.findLastIndex((one) => one > 0) + 1;
  return {
    count,
    sum: value,
    scale: EXPONENTIAL.scale,
    zeroCount: String(zero),
    zeroThreshold: boundsOf(instrument)[0],
    positive: { offset: EXPONENTIAL.first + from, bucketCounts: dense.slice(from, upTo).map(String) },
  };
}

function attributesOf({ labels }: Instrument, series: Series): object[] {
  if (series.labels === null) return [{ key: "otel.metric.overflow", value: { boolValue: true } }];
  return series.labels.flatMap((value, i) => (value === "" ? [] : [attribute(labels[i] ?? "", value)]));
}

const attribute = (key: string, stringValue: string): object => ({ key, value: { stringValue } });
