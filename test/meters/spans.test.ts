// SPDX-License-Identifier: Apache-2.0
// Which requests become spans (H94): whoever asks for spans without end gets its share, and others get
// theirs; what is no traceparent is none; and nothing of a head leaves but that.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { LoadedPolicy } from "../../host/engine/policy.js";
import { type Span, takeSpans } from "../../host/metric/spans.js";
import { cleanUp } from "../rules-wasm/shared.js";
import { meterNamed, Meter as OneMeter, type Step } from "./conversation.js";

const plain = await meterNamed("http-server");
const POLICY: LoadedPolicy = { ...plain, parameters: { ...plain.parameters, spans: true } };
const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PARENT = "b7ad6b7169203331";
const INSTRUMENTS = plain.admitted.metadata.metrics ?? [];

class Meter extends OneMeter {
  constructor(policy = POLICY) {
    super(policy, "/usr/sbin/nginx");
  }

  /** What became spans, as the host takes them. */
  get spans(): readonly Span[] {
    const instrument = INSTRUMENTS.findIndex(({ name }) => name === "vedette.spans.server");
    const measurements = this.series("vedette.spans.server").map((one) => ({ ...one, instrument }));
    return takeSpans({ measurements, refused: 0 }, INSTRUMENTS).spans;
  }
}

const request = (field: string, path = "/a"): string => `GET ${path} HTTP/1.1\r\n${field}Host: a\r\n\r\n`;
const traceparent = (flags = "01", trace = TRACE): string => `traceparent: 00-${trace}-${PARENT}-${flags}\r\n`;
const answer = (status: number): string => `HTTP/1.1 ${status} X\r\nContent-Length: 0\r\n\r\n`;
const ask = (field: string, status = 200): Step[] => [
  [">", request(field)],
  ["<", answer(status)],
];
const times = (count: number, steps: (i: number) => readonly Step[]): Step[] =>
  Array.from({ length: count }, (_, i) => steps(i)).flat();
const numbered = (i: number): string => (i + 1).toString(16).padStart(32, "0");
const BEGIN: Step = ["accept", ""];

test("a span has the trace and the parent that the head says, and a name without values", () => {
  const meter = new Meter().judge([
    BEGIN,
    [">", request(traceparent("01"), "/users/4711?token=s3cret"), "10ms"],
    ["<", answer(503), "30ms"],
  ]);
  const [span, ...others] = meter.spans;
  assert.equal(others, []);
  const { traceId, parentSpanId, kind, name, isError, start, end } = span!;
  assert.equal([traceId, parentSpanId, kind, isError], [TRACE, PARENT, 2, true]);
  assert.is(end - start, 20_000_000n);
  assert.ok(["GET", "GET /users/{id}"].includes(name), name);
  const all = JSON.stringify({ ...span, start: "", end: "" });
  assert.not.match(all, /s3cret|4711/);
  assert.match(span!.spanId, /^[0-9a-f]{16}$/);
});

test("requests that begin and end together are a span each, and nobody's own trace is another's", () => {
  const together = (field: string): readonly Span[] =>
    new Meter().judge([BEGIN, [">", request(field).repeat(3)], ["<", answer(503).repeat(3)]]).spans;
  const alone = together("");
  assert.is(new Set(alone.map(({ traceId }) => traceId)).size, 3);
  const asked = together(traceparent());
  assert.is(new Set(asked.map(({ spanId }) => spanId)).size, 3);
  assert.equal(
    [...new Set(asked.map(({ traceId, parentSpanId }) => `${traceId} ${parentSpanId}`))],
    [`${TRACE} ${PARENT}`],
  );
});

test("off means off", () => {
  assert.equal(new Meter(plain).judge([BEGIN, ...times(300, () => ask(traceparent(), 503))]).spans, []);
});

test("H94: a forged traceparent gets its share of a second, and failures and others have theirs", () => {
  const meter = new Meter().judge([BEGIN, ...times(200, (i) => ask(traceparent("01", numbered(i))))]);
  const told = (): { asked: number; failed: number; taken: number } => {
    const spans = meter.spans;
    const failed = spans.filter(({ isError }) => isError).length;
    const asked = spans.filter(({ isError, parentSpanId }) => !isError && parentSpanId !== "").length;
    return { asked, failed, taken: spans.length - failed - asked };
  };
  assert.equal(told(), { asked: 20, failed: 0, taken: 0 });
  meter.judge(times(300, () => ask(""))); // each batch begins at the same second, and none ends it
  assert.equal(told(), { asked: 20, failed: 0, taken: 3 });
  meter.judge(times(200, () => ask("", 500)));
  assert.equal(told(), { asked: 20, failed: 15 + 2, taken: 3 }); // two of them as one in a hundred
});

test("H94: what is no traceparent, or contradicts another, gives no trace and no parent", () => {
  const hostile = [
    `traceparent: 00-${TRACE}-${PARENT}\r\n`,
    `traceparent: 01-${TRACE}-${PARENT}-01\r\n`,
    `traceparent: 00-${"0".repeat(32)}-${PARENT}-01\r\n`,
    `traceparent: 00-${TRACE}-${"0".repeat(16)}-01\r\n`,
    `traceparent: 00-${TRACE.toUpperCase()}-${PARENT}-01\r\n`,
    `traceparent: 00-${TRACE.replace("f", "g")}-${PARENT}-01\r\n`,
    `traceparent: 00-${TRACE}-${PARENT}-01-more\r\n`,
    `traceparent: 00_${TRACE}_${PARENT}_01\r\n`,
    `traceparent:${" ".repeat(1_000)}\r\n`,
    `traceparent2: 00-${TRACE}-${PARENT}-01\r\n`,
    `x: traceparent: 00-${TRACE}-${PARENT}-01\r\n`,
    traceparent() + traceparent("01", numbered(1)),
  ];
  for (const field of hostile) {
    const { spans } = new Meter().judge([BEGIN, ...ask(field, 500)]);
    assert.equal(
      spans.map(({ parentSpanId }) => parentSpanId),
      [""],
      field,
    );
    assert.not.equal(spans[0]!.traceId, TRACE, field);
  }
});

test("H94: what a policy gives as a span and is none is counted, and is no number either", () => {
  const at = INSTRUMENTS.findIndex(({ name }) => name === "vedette.spans.server");
  const good = [TRACE, PARENT, "1", "nginx", "GET", "200", "/a"];
  const bad: [labels: string[] | null, value: number][] = [
    [null, 1],
    [["x", ...good.slice(1)], 1],
    [["0".repeat(32), ...good.slice(1)], 1],
    [[TRACE, "x", ...good.slice(2)], 1],
    [[TRACE, PARENT, "-1", ...good.slice(3)], 1],
    [[TRACE, PARENT, "1.", ...good.slice(3)], 1],
    [[TRACE, PARENT, "1.2.3.4", ...good.slice(3)], 1],
    [good, -1],
    [good, 1e9],
    [[], 1],
  ];
  const measurements = [[good, 1] as const, ...bad].map(([labels, value]) => ({
    instrument: at,
    labels,
    value,
    buckets: [],
  }));
  const { spans, rest } = takeSpans({ measurements, refused: 2 }, INSTRUMENTS);
  assert.equal(
    spans.map(({ traceId }) => traceId),
    [TRACE],
  );
  assert.equal(rest, { measurements: [], refused: 2 + bad.length });
});

test.after(cleanUp);
test.run();
