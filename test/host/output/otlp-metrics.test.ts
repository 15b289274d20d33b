// SPDX-License-Identifier: Apache-2.0
// Numbers over OTLP: what they are called, that they are as OTLP's messages have them, and what becomes of
// them where a collector is away.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import protobuf from "protobufjs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { MetricsPush } from "../../../host/output/metrics-push.js";
import { type Family, otlpMetricsRequest } from "../../../host/output/otlp-metrics.js";
import { run, VEDETTE } from "../../e2e/programs.js";
import { until } from "../../until.js";
import { complaint } from "./otlp-receiver.js";

const TIMES = { start: 1n, now: 2n };

function numbers(): { registry: Registry; families: () => Promise<readonly Family[]> } {
  const registry = new Registry();
  const registers = [registry];
  new Counter({ name: "vedette_events_total", help: "events", labelNames: ["container"], registers }).inc(
    { container: 'we"b\n' },
    41,
  );
  new Counter({ name: "vedette_rare_total", help: "never", labelNames: ["code"], registers });
  new Gauge({ name: "vedette_output_queued_bytes", help: "bytes", registers }).set(7);
  const delay = new Histogram({ name: "vedette_batch_delay_seconds", help: "delay", buckets: [0.5, 1, 5], registers });
  for (const seconds of [0.1, 0.2, 0.7, 9]) delay.observe(seconds);
  return { registry, families: () => registry.getMetricsAsJSON() as unknown as Promise<readonly Family[]> };
}

test("counters are cumulative sums, gauges and histograms are what they are, and units stand apart from names", async () => {
  const request = JSON.parse(otlpMetricsRequest(await numbers().families(), TIMES, { "service.name": "vedette" }, "1"));
  const [{ resource, scopeMetrics }] = request.resourceMetrics;
  assert.equal(resource, { attributes: [{ key: "service.name", value: { stringValue: "vedette" } }] });
  const times = { startTimeUnixNano: "1", timeUnixNano: "2" };
  const container = [{ key: "container", value: { stringValue: 'we"b\n' } }];
  assert.equal(scopeMetrics[0].metrics, [
    {
      ...{ name: "vedette.events", unit: "", description: "events" },
      sum: {
        aggregationTemporality: 2,
        isMonotonic: true,
        dataPoints: [{ attributes: container, ...times, asDouble: 41 }],
      },
    },
    {
      ...{ name: "vedette.output.queued", unit: "By", description: "bytes" },
      gauge: { dataPoints: [{ attributes: [], ...times, asDouble: 7 }] },
    },
    {
      ...{ name: "vedette.batch.delay", unit: "s", description: "delay" },
      histogram: {
        aggregationTemporality: 2,
        dataPoints: [
          {
            ...times,
            attributes: [],
            count: "4",
            sum: 10,
            explicitBounds: [0.5, 1, 5],
            bucketCounts: ["2", "1", "0", "1"],
          },
        ],
      },
    },
  ]);
});

/** As OpenTelemetry's metrics.proto (1.x) has them: names and numbers of fields are the specification's. */
const PROTO = `syntax = "proto3";
message Request { repeated ResourceMetrics resource_metrics = 1; }
message ResourceMetrics { Resource resource = 1; repeated ScopeMetrics scope_metrics = 2; string schema_url = 3; }
message Resource { repeated KeyValue attributes = 1; }
message ScopeMetrics { Scope scope = 1; repeated Metric metrics = 2; string schema_url = 3; }
message Scope { string name = 1; string version = 2; }
message KeyValue { string key = 1; AnyValue value = 2; }
message AnyValue { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; } }
message Metric {
  string name = 1; string description = 2; string unit = 3;
  oneof data { Gauge gauge = 5; Sum sum = 7; Histogram histogram = 9; }
}
enum AggregationTemporality { UNSPECIFIED = 0; DELTA = 1; CUMULATIVE = 2; }
message Gauge { repeated NumberDataPoint data_points = 1; }
message Sum {
  repeated NumberDataPoint data_points = 1; AggregationTemporality aggregation_temporality = 2; bool is_monotonic = 3;
}
message Histogram { repeated HistogramDataPoint data_points = 1; AggregationTemporality aggregation_temporality = 2; }
message NumberDataPoint {
  repeated KeyValue attributes = 7; fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3;
  oneof value { double as_double = 4; sfixed64 as_int = 6; }
}
message HistogramDataPoint {
  repeated KeyValue attributes = 9; fixed64 start_time_unix_nano = 2; fixed64 time_unix_nano = 3;
  fixed64 count = 4; double sum = 5; repeated fixed64 bucket_counts = 6; repeated double explicit_bounds = 7;
}`;

test("the request is what OTLP's messages have, strictly: no other fields, 64 bits as texts", async () => {
  const type = protobuf.parse(PROTO, { keepCase: false }).root.lookupType("Request");
  const request = JSON.parse(otlpMetricsRequest(await numbers().families(), TIMES, { "host.name": "h" }, "1"));
  assert.is(complaint(request, type), null);
  const read = type.toObject(type.decode(type.encode(type.fromObject(request)).finish()), { longs: String });
  assert.equal(read.resourceMetrics[0].scopeMetrics[0].metrics.length, 3);
  request.resourceMetrics[0].scopeMetrics[0].metrics[0].sum.data_points = [];
  assert.match(complaint(request, type) ?? "", "has no field data_points");
});

test("a collector that is away is told of once, and the next request has everything", async () => {
  const seen: string[] = [];
  let status = 503;
  let body = "{}";
  const server = createServer((request, response) => {
    seen.push(request.url ?? "");
    request.resume().on("end", () => response.writeHead(status).end(body));
  }).listen(0, "127.0.0.1");
  await new Promise((done) => server.once("listening", done));
  const url = `http://u:secret@127.0.0.1:${(server.address() as AddressInfo).port}/v1/metrics`;
  const faults: string[] = [];
  const settings = { url, userAgent: "vedette", everyMs: 10 };
  const push = new MetricsPush({
    ...{ settings, families: numbers().families, attributes: {}, version: "1" },
    onFault: (error) => void faults.push(`${error.message} [${error.code}]`),
  });
  await until("it was asked several times", () => seen.length > 3);
  assert.equal(faults.length, 1, faults.join("; "));
  assert.match(faults[0]!, /it answers 503.*\[VEDETTE_OTLP_METRICS\]$/);
  assert.not.match(faults[0]!, "secret");
  status = 200;
  const before = seen.length;
  await until("it is taken", () => seen.length > before + 2);
  status = 503;
  await until("it fails again, and that is told", () => faults.length === 2);
  status = 200;
  const again = seen.length;
  await until("it is taken again", () => seen.length > again + 2);
  body = '{"partialSuccess":{"rejectedDataPoints":"3","errorMessage":"too old"}}';
  await until("a part is thrown away, and that is told", () => faults.length === 3);
  assert.match(faults[2]!, /it rejects 3 numbers: too old/);
  await push.close();
  await new Promise((done) => server.close(done).closeAllConnections());
});

test("`vedette run` sends its numbers at the end, to the collector of its log", async () => {
  const bodies: { path: string; text: string }[] = [];
  const server = createServer((request, response) => {
    let text = "";
    request.on("data", (part: Buffer) => {
      text += part.toString();
    });
    request.on("end", () => {
      bodies.push({ path: request.url ?? "", text });
      response.end("{}");
    });
  }).listen(0, "127.0.0.1");
  await new Promise((done) => server.once("listening", done));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const keys = { TYPE: "otlp", URL: url, METRICS: "true", COMPRESS: "false" };
  const env = Object.fromEntries(Object.entries(keys).map(([key, value]) => [`VEDETTE_OUTPUTS_C_${key}`, value]));
  const { status, stderr } = await run([...VEDETTE, "run", "--", "cat", "/etc/shadow"], { env });
  await new Promise((done) => server.close(done).closeAllConnections());
  assert.is(status, 0, stderr);
  const last = JSON.parse(bodies.filter(({ path }) => path === "/v1/metrics").at(-1)!.text);
  const { metrics } = last.resourceMetrics[0].scopeMetrics[0];
  const alerts = metrics.find(({ name }: { name: string }) => name === "vedette.alerts").sum.dataPoints;
  const count = alerts.reduce((all: number, { asDouble }: { asDouble: number }) => all + asDouble, 0);
  assert.ok(count > 0, "the alert is counted");
});

test.run();
