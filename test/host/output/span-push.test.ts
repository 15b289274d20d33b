// SPDX-License-Identifier: Apache-2.0
// Spans over OTLP: that they are as OTLP's messages have them, and what becomes of them where a collector is
// away, refuses them or takes a part.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import protobuf from "protobufjs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { otlpSpan, type Span } from "../../../host/metric/spans.js";
import { otlpSpansRequest, SpanPush, WAITING_MAX } from "../../../host/output/span-push.js";
import { until } from "../../until.js";
import { complaint } from "./otlp-receiver.js";

const span = (number: number, more: Partial<Span> = {}): Span => ({
  traceId: number.toString(16).padStart(32, "a"),
  spanId: number.toString(16).padStart(16, "b"),
  parentSpanId: "",
  kind: 2,
  name: "GET /users/{id}",
  start: 1_700_000_000_000_000_001n,
  end: 1_700_000_000_020_000_001n,
  isError: false,
  attributes: { "http.request.method": "GET", "http.response.status_code": "200" },
  ...more,
});

/** As OpenTelemetry's trace.proto (1.x) has them: names and numbers of fields are the specification's. */
const PROTO = `syntax = "proto3";
message Request { repeated ResourceSpans resource_spans = 1; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; string schema_url = 3; }
message Resource { repeated KeyValue attributes = 1; }
message ScopeSpans { Scope scope = 1; repeated Span spans = 2; string schema_url = 3; }
message Scope { string name = 1; string version = 2; }
message KeyValue { string key = 1; AnyValue value = 2; }
message AnyValue { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; } }
enum SpanKind { UNSPECIFIED = 0; INTERNAL = 1; SERVER = 2; CLIENT = 3; PRODUCER = 4; CONSUMER = 5; }
message Span {
  bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4; fixed32 flags = 16;
  string name = 5; SpanKind kind = 6; fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8;
  repeated KeyValue attributes = 9; Status status = 15;
}
enum StatusCode { UNSET = 0; OK = 1; ERROR = 2; }
message Status { string message = 2; StatusCode code = 3; }`;
const TYPE = protobuf.parse(PROTO, { keepCase: false }).root.lookupType("Request");

/** OTLP's JSON has ids in hexadecimal digits, where protobuf's has base64. */
const withBytes = (text: string): object =>
  JSON.parse(text, (key, value) => (/Id$/.test(key) ? Buffer.from(value, "hex").toString("base64") : value));

test("the request is what OTLP's messages have, strictly, and protobuf reads from it what was meant", () => {
  const failed = span(2, {
    kind: 3,
    parentSpanId: "b7ad6b7169203331",
    isError: true,
    attributes: { "server.port": "80" },
  });
  const text = otlpSpansRequest([span(1), failed].map(otlpSpan), { "service.name": "vedette" }, "1");
  assert.is(complaint(JSON.parse(text), TYPE), null);
  const read = TYPE.toObject(TYPE.decode(TYPE.encode(TYPE.fromObject(withBytes(text))).finish()), {
    longs: String,
    bytes: String,
  });
  const hex = (base64: string): string => Buffer.from(base64, "base64").toString("hex");
  const spans = read.resourceSpans[0].scopeSpans[0].spans;
  assert.equal(
    spans.map((one: { traceId: string; spanId: string; parentSpanId?: string }) => [
      hex(one.traceId),
      hex(one.spanId),
      hex(one.parentSpanId ?? ""),
    ]),
    [
      [span(1).traceId, span(1).spanId, ""],
      [failed.traceId, failed.spanId, failed.parentSpanId],
    ],
  );
  const [first, second] = spans;
  assert.equal([first.kind, second.kind, first.status, second.status], [2, 3, undefined, { code: 2 }]);
  assert.equal([first.startTimeUnixNano, first.endTimeUnixNano], ["1700000000000000001", "1700000000020000001"]);
  assert.equal(first.attributes[1], { key: "http.response.status_code", value: { intValue: "200" } });
});

async function collector(answer: () => { status: number; body?: string }) {
  const bodies: string[] = [];
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const part of request) text += part;
    const { status, body = "{}" } = answer();
    if (status === 200) bodies.push(text);
    response.writeHead(status).end(body);
  }).listen(0, "127.0.0.1");
  await new Promise((done) => server.once("listening", done));
  const url = `http://u:secret@127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`;
  const names = () =>
    bodies.flatMap((text) => JSON.parse(text).resourceSpans[0].scopeSpans[0].spans.map((one: Span) => one.spanId));
  return { url, names, close: () => new Promise((done) => server.close(done).closeAllConnections()) };
}

function pushTo(url: string) {
  const faults: string[] = [];
  const push = new SpanPush({
    ...{ settings: { url, userAgent: "vedette" }, attributes: {}, version: "1", everyMs: 10 },
    onFault: (error) => void faults.push(`${error.message} [${error.code}]`),
  });
  return { push, faults };
}

test("spans wait for a collector that is away, which is told of once, and each comes once", async () => {
  let status = 503;
  const there = await collector(() => ({ status }));
  const { push, faults } = pushTo(there.url);
  push.add([span(1), span(2)].map(otlpSpan));
  await until("it is told", () => faults.length === 1);
  assert.match(faults[0]!, /^Spans cannot be sent to .*it answers 503.*\[VEDETTE_OTLP_TRACES\]$/);
  assert.not.match(faults[0]!, "secret");
  status = 200;
  push.add([otlpSpan(span(3))]);
  await until("all came", () => push.sent === 3);
  assert.equal(
    there.names(),
    [span(1), span(2), span(3)].map(({ spanId }) => spanId),
  );
  push.add([otlpSpan(span(4))]);
  await push.close();
  assert.equal([push.sent, push.dropped, there.names().length, faults.length], [4, 0, 4, 1]);
  await there.close();
});

test("what finds no room, is refused for good or thrown away is counted", async () => {
  let reply: { status: number; body?: string } = { status: 503 };
  const there = await collector(() => reply);
  const { push, faults } = pushTo(there.url);
  push.add(Array.from({ length: WAITING_MAX + 7 }, (_, i) => otlpSpan(span(i))));
  assert.is(push.dropped, 7);
  reply = { status: 400 };
  await until("all are refused", () => push.dropped === WAITING_MAX + 7);
  reply = { status: 200, body: '{"partialSuccess":{"rejectedSpans":"1","errorMessage":"too old"}}' };
  push.add([span(1), span(2)].map(otlpSpan));
  await until("one of two is taken", () => push.sent === 1);
  assert.is(push.dropped, WAITING_MAX + 8);
  assert.ok(faults.length >= 1, faults.join("; "));
  await push.close();
  await there.close();
});

test.run();
