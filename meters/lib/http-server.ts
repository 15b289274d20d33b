// SPDX-License-Identifier: Apache-2.0
// Requests that servers of HTTP/1.1 and HTTP/2 answer, and calls of gRPC, by OpenTelemetry's names. What a
// request is and where it ends is HttpServer's to say (rules-wasm/http/connection.ts).
import { AnyTransfer, Event, gauge, histogram, meter, param } from "vedette";
import { HttpServer, programName, Spans } from "vedette/protocols";
import { tellUnsynced } from "./unsynced";

const HAS_ROUTES = param.bool("routes");
const HAS_SPANS = param.bool("spans");
const SERVER = new HttpServer(4096, 4096, HAS_SPANS);
const SPANS = new Spans();
const DURATION = histogram({
  name: "http.server.request.duration",
  unit: "s",
  doc: "time of requests to HTTP servers, from their first byte to the answer's last",
  labels: ["process.executable.name", "http.request.method", "http.response.status_code", "http.route", "error.type"],
  bounds: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
  slots: 500,
});
const CALLS = histogram({
  name: "rpc.server.call.duration",
  unit: "s",
  doc: "time of calls to gRPC servers, from the request's first byte to the status",
  labels: ["process.executable.name", "rpc.system.name", "rpc.method", "rpc.response.status_code", "error.type"],
  bounds: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
  slots: 500,
});

/** A span in each slot: how long it took, and in labels what it is. host/metric/spans.ts reads them. */
const TRACED = gauge({
  name: "vedette.spans.server",
  unit: "s",
  doc: "requests to HTTP servers that become spans",
  labels: [
    "vedette.span.trace", "vedette.span.parent", "vedette.span.start", "process.executable.name", "http.request.method",
    "http.response.status_code", "http.route",
  ],
  slots: 128,
});
const TRACED_CALLS = gauge({
  name: "vedette.spans.server.grpc",
  unit: "s",
  doc: "calls to gRPC servers that become spans",
  labels: [
    "vedette.span.trace", "vedette.span.parent", "vedette.span.start", "process.executable.name", "rpc.method",
    "rpc.response.status_code",
  ],
  slots: 128,
});

@meter({ name: "HTTP servers" })
export function saw(e: AnyTransfer): void {
  if (SERVER.hasLeft(e)) return;
  tell(e, SERVER.saw(e));
  tellUnsynced(e, SERVER);
}

function tell(e: Event, finished: i32): void {
  for (let i = 0; i < finished; i++) {
    if (SERVER.isCall(i)) {
      if (!CALLS.labelled(SERVER.labels(e, i))) labelCall(e, i);
      CALLS.record(SERVER.seconds(i));
      if (HAS_SPANS && SPANS.ofServer(e, SERVER, i)) tellCallSpan(e, i);
    } else {
      if (!DURATION.labelled(SERVER.labels(e, i))) labelRequest(e, i);
      DURATION.record(SERVER.seconds(i));
      if (HAS_SPANS && SPANS.ofServer(e, SERVER, i)) tellSpan(e, i);
    }
  }
}

function labelRequest(e: Event, i: i32): void {
  const status = SERVER.status(i);
  DURATION.label(programName(e)).label(SERVER.method(i)).label(status);
  if (HAS_ROUTES) DURATION.label(SERVER.route(i));
  else DURATION.label("");
  if (status >= 500) DURATION.label(status);
  else DURATION.label("");
}

function tellSpan(e: Event, i: i32): void {
  TRACED.label(SPANS.trace).label(SPANS.parent).label(SPANS.start).label(programName(e));
  TRACED.label(SERVER.method(i)).label(SERVER.status(i));
  if (HAS_ROUTES) TRACED.label(SERVER.route(i));
  else TRACED.label("");
  TRACED.set(SERVER.seconds(i));
}

function labelCall(e: Event, i: i32): void {
  const method = SERVER.callMethod(i), status = SERVER.callStatus(i);
  CALLS.label(programName(e)).label("grpc");
  if (method.isEmpty) CALLS.label("_OTHER");
  else CALLS.label(method);
  CALLS.label(status).label(SERVER.isCallError(i) ? status : "");
}

function tellCallSpan(e: Event, i: i32): void {
  const method = SERVER.callMethod(i);
  TRACED_CALLS.label(SPANS.trace).label(SPANS.parent).label(SPANS.start).label(programName(e));
  if (method.isEmpty) TRACED_CALLS.label("_OTHER");
  else TRACED_CALLS.label(method);
  TRACED_CALLS.label(SERVER.callStatus(i));
  TRACED_CALLS.set(SERVER.seconds(i));
}
