// SPDX-License-Identifier: Apache-2.0
// Spans, as meters give them: a gauge of one of these names, whose value is how long the request took and
// whose labels say the rest (meters/lib). Nothing of it is a number for Prometheus. Only the operator's own
// policies make spans, and what does not read as one is none: a policy's words are not believed.
import { createHash } from "node:crypto";
import type { Instrument } from "../wasm/instruments.js";
import type { Measured, Measurement } from "../wasm/metrics-region.js";

/** A request, or a call of gRPC, as OTLP has it. Times are in ns since the epoch. */
export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty: nobody said who asked. */
  readonly parentSpanId: string;
  readonly kind: SpanKind;
  readonly name: string;
  readonly start: bigint;
  readonly end: bigint;
  readonly isError: boolean;
  readonly attributes: Readonly<Record<string, string>>;
}

/** SPAN_KIND_SERVER and SPAN_KIND_CLIENT. */
export type SpanKind = 2 | 3;

const KINDS: Readonly<Record<string, SpanKind>> = {
  "vedette.spans.server": 2,
  "vedette.spans.client": 3,
  "vedette.spans.server.grpc": 2,
  "vedette.spans.client.grpc": 3,
};
const CLIENT: SpanKind = 3;
const OF_GRPC = ".grpc";
/** From which status on a request is an error, by OpenTelemetry. */
const ERROR_FROM: Readonly<Record<SpanKind, number>> = { 2: 500, 3: 400 };
/** Which statuses of calls are errors of a server, by OpenTelemetry. To a client all but OK are. */
const ERRORS_OF_SERVER = new Set([
  "UNKNOWN",
  "DEADLINE_EXCEEDED",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
]);
/** STATUS_CODE_ERROR. */
const ERROR = 2;
const OWN = "vedette.span.";
const TRACE = /^(?!0{32})[0-9a-f]{32}$/;
const PARENT = /^([0-9a-f]{16})?$/;
/** When it began, and which one of those it is. */
const START = /^(\d{1,19})(?:\.\d{1,20}){0,2}$/;
const NS = 1e9;
const DAY_S = 86_400;

/** Whether its numbers are spans. */
export const isOfSpans = ({ name }: Instrument): boolean => Object.hasOwn(KINDS, name);

/** Takes spans out of what a policy has measured. What is left is for the totals. */
export function takeSpans(
  { measurements, refused }: Measured,
  instruments: readonly Instrument[],
): { readonly spans: readonly Span[]; readonly rest: Measured } {
  const isSpan = ({ instrument }: Measurement): boolean => {
    const is = instruments[instrument];
    return is !== undefined && isOfSpans(is);
  };
  const ours = measurements.filter(isSpan);
  const spans = ours.map((one) => spanOf(one, instruments[one.instrument] as Instrument)).filter((one) => one !== null);
  const more = refused + ours.length - spans.length;
  return { spans, rest: { measurements: measurements.filter((one) => !isSpan(one)), refused: more } };
}

/** Null: it is none, or it found no slot. */
function spanOf({ labels, value }: Measurement, { name: kindName, labels: names }: Instrument): Span | null {
  const kind = KINDS[kindName];
  if (labels === null || kind === undefined) return null;
  const said = new Map(names.map((label, i) => [label, labels[i] ?? ""]));
  const of = (label: string): string => said.get(label) ?? "";
  const [traceId, parentSpanId, from] = [of(`${OWN}trace`), of(`${OWN}parent`), of(`${OWN}start`)];
  const begun = START.exec(from)?.[1];
  const isRead = TRACE.test(traceId) && PARENT.test(parentSpanId) && value >= 0 && value < DAY_S;
  if (!isRead || begun === undefined) return null;
  const start = BigInt(begun);
  const given = Object.fromEntries([...said].filter(([label, text]) => text !== "" && !label.startsWith(OWN)));
  const { attributes, isError, name } = kindName.endsWith(OF_GRPC)
    ? ofCall(given, kind, of("rpc.method"), of("rpc.response.status_code"))
    : ofRequest(given, kind, of("http.request.method"), of("http.route"));
  return {
    ...{ traceId, parentSpanId, kind, attributes, isError, start, name },
    spanId: idOf([traceId, parentSpanId, String(kind), from, ...labels]),
    end: start + BigInt(Math.round(value * NS)),
  };
}

type Said = Pick<Span, "attributes" | "isError" | "name">;

function ofRequest(attributes: Span["attributes"], kind: SpanKind, method: string, route: string): Said {
  const isError = Number(attributes["http.response.status_code"]) >= ERROR_FROM[kind];
  return { attributes, isError, name: [method, route].filter((word) => word !== "").join(" ") };
}

/** The name of a method that is not known is the system's. */
function ofCall(given: Span["attributes"], kind: SpanKind, method: string, status: string): Said {
  const isError = kind === CLIENT ? status !== "OK" : ERRORS_OF_SERVER.has(status);
  return { attributes: { "rpc.system.name": "grpc", ...given }, isError, name: method === "_OTHER" ? "grpc" : method };
}

/** The same for the same request: a replay gives no new one. */
function idOf(words: readonly string[]): string {
  const id = createHash("sha256").update(JSON.stringify(words)).digest("hex").slice(0, 16);
  return id === "0".repeat(16) ? "1".padStart(16, "0") : id;
}

/** As OTLP's JSON has it: ids are hexadecimal, 64 bits are texts, enums are numbers. */
export function otlpSpan({ traceId, spanId, parentSpanId, kind, name, start, end, isError, attributes }: Span): object {
  return {
    ...{ traceId, spanId, kind, name },
    ...(parentSpanId === "" ? {} : { parentSpanId }),
    startTimeUnixNano: String(start),
    endTimeUnixNano: String(end),
    attributes: Object.entries(attributes).map(([key, value]) => ({ key, value: attributeValue(key, value) })),
    ...(isError ? { status: { code: ERROR } } : {}),
  };
}

/** OpenTelemetry has these as numbers. */
const attributeValue = (key: string, value: string): object =>
  key === "http.response.status_code" || key === "server.port" ? { intValue: value } : { stringValue: value };
