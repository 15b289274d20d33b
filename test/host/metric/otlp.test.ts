// SPDX-License-Identifier: Apache-2.0
// Policies' totals as OTLP has them (opentelemetry-proto, metrics/v1/metrics.proto).
import { test } from "uvu";
import * as assert from "uvu/assert";
import { otlpScopes } from "../../../host/metric/otlp.js";
import { Totals } from "../../../host/metric/totals.js";
import { counter, exponential, gauge, histogram, one, owner } from "./shared.js";

test("a policy is a scope, and each kind of instrument what OTLP calls it", () => {
  const totals = new Totals(() => 5n);
  const labels = ["http.request.method"];
  const instruments = [
    counter("app.a", { unit: "{x}", doc: "d", labels }),
    gauge("app.b"),
    histogram("app.c", [0.5, 1], { unit: "s" }),
    exponential("app.d"),
  ];
  const buckets = new Array<number>(209).fill(0);
  Object.assign(buckets, { 0: 1, 161: 2, 163: 3 });
  totals.add(owner("p", "web", "1.2"), instruments, one(2, ["GET"]));
  totals.add(owner("p", "web", "1.2"), instruments, one(1, null));
  totals.add(owner("p", "web", "1.2"), instruments, one(3, [], [], 1));
  totals.add(owner("p", "web", "1.2"), instruments, one(4, [], [1, 0, 2], 2));
  totals.add(owner("p", "web", "1.2"), instruments, one(9, [], buckets, 3));
  const times = { startTimeUnixNano: "5", timeUnixNano: "9" };
  const text = (key: string, stringValue: string): object => ({ key, value: { stringValue } });
  const overflow = { key: "otel.metric.overflow", value: { boolValue: true } };
  assert.equal(otlpScopes(totals.scopes(), 9n), [
    {
      scope: { name: "p", version: "1.2", attributes: [text("vedette.tenant", "web")] },
      metrics: [
        {
          ...{ name: "app.a", unit: "{x}", description: "d" },
          sum: {
            aggregationTemporality: 2,
            isMonotonic: true,
            dataPoints: [
              { attributes: [text("http.request.method", "GET")], ...times, asDouble: 2 },
              { attributes: [overflow], ...times, asDouble: 1 },
            ],
          },
        },
        {
          ...{ name: "app.b", unit: "1", description: "" },
          gauge: { dataPoints: [{ attributes: [], ...times, asDouble: 3 }] },
        },
        {
          ...{ name: "app.c", unit: "s", description: "" },
          histogram: {
            aggregationTemporality: 2,
            dataPoints: [
              { attributes: [], ...times, count: "3", sum: 4, explicitBounds: [0.5, 1], bucketCounts: ["1", "0", "2"] },
            ],
          },
        },
        {
          ...{ name: "app.d", unit: "1", description: "" },
          exponentialHistogram: {
            aggregationTemporality: 2,
            dataPoints: [
              {
                ...{ attributes: [], ...times, count: "6", sum: 9, scale: 3, zeroCount: "1", zeroThreshold: 2 ** -20 },
                positive: { offset: 0, bucketCounts: ["2", "0", "3"] },
              },
            ],
          },
        },
      ],
    },
  ]);
});

test("what has measured nothing yet is not there: OTLP knows no empty metric", () => {
  const totals = new Totals();
  totals.add(owner("p"), [counter("a")], { measurements: [], refused: 0 });
  assert.equal(otlpScopes(totals.scopes(), 1n), []);
});

test.run();
