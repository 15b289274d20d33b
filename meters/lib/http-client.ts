// SPDX-License-Identifier: Apache-2.0
// Requests that clients of HTTP/1.1 and HTTP/2 make, and calls of gRPC, by OpenTelemetry's names. What a
// request is and where it ends is HttpClient's to say (rules-wasm/http/connection.ts).
import { AnyTransfer, Event, gauge, histogram, meter, param } from "vedette";
import { HttpClient, programName, Spans } from "vedette/protocols";
import { tellUnsynced } from "./unsynced";

const HAS_SPANS = param.bool("spans");
const CLIENT = new HttpClient(4096, 4096, HAS_SPANS);
const SPANS = new Spans();
const DURATION = histogram({
  name: "http.client.request.duration",
  unit: "s",
  doc: "time of requests of HTTP clients, from the begin of their first write to the answer's last byte",
  labels: [
    "process.executable.name", "http.request.method", "http.response.status_code", "server.address", "server.port", "error.type",
  ],
  bounds: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
  slots: 500,
});
const CALLS = histogram({
  name: "rpc.client.call.duration",
  unit: "s",
  doc: "time of calls of gRPC clients, from the begin of their first write to the status",
  labels: [
    "process.executable.name", "rpc.system.name", "rpc.method", "rpc.response.status_code", "server.address", "server.port",
    "error.type",
  ],
  bounds: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
  slots: 500,
});

/** A span in each slot: how long it took, and in labels what it is. host/metric/spans.ts reads them. */
const TRACED = gauge({
  name: "vedette.spans.client",
  unit: "s",
  doc: "requests of HTTP clients that become spans",
  labels: [
    "vedette.span.trace", "vedette.span.parent", "vedette.span.start", "process.executable.name", "http.request.method",
    "http.response.status_code", "server.address", "server.port",
  ],
  slots: 128,
});
const TRACED_CALLS = gauge({
  name: "vedette.spans.client.grpc",
  unit: "s",
  doc: "calls of gRPC clients that become spans",
  labels: [
    "vedette.span.trace", "vedette.span.parent", "vedette.span.start", "process.executable.name", "rpc.method",
    "rpc.response.status_code", "server.address", "server.port",
  ],
  slots: 128,
});

@meter({ name: "HTTP clients" })
export function saw(e: AnyTransfer): void {
  if (CLIENT.hasLeft(e)) return;
  tell(e, CLIENT.saw(e));
  tellUnsynced(e, CLIENT);
}

function tell(e: Event, finished: i32): void {
  for (let i = 0; i < finished; i++) {
    if (CLIENT.isCall(i)) {
      if (!CALLS.labelled(CLIENT.labels(e, i))) labelCall(e, i);
      CALLS.record(CLIENT.seconds(i));
      if (HAS_SPANS && SPANS.ofClient(e, CLIENT, i)) tellCallSpan(e, i);
    } else {
      if (!DURATION.labelled(CLIENT.labels(e, i))) labelRequest(e, i);
      DURATION.record(CLIENT.seconds(i));
      if (HAS_SPANS && SPANS.ofClient(e, CLIENT, i)) tellSpan(e, i);
    }
  }
}

function labelRequest(e: Event, i: i32): void {
  const status = CLIENT.status(i);
  DURATION.label(programName(e)).label(CLIENT.method(i)).label(status).label(e.fd.sip).label(e.fd.sport);
  if (status >= 400) DURATION.label(status);
  else DURATION.label("");
}

function tellSpan(e: Event, i: i32): void {
  TRACED.label(SPANS.trace).label(SPANS.parent).label(SPANS.start).label(programName(e));
  TRACED.label(CLIENT.method(i)).label(CLIENT.status(i)).label(e.fd.sip).label(e.fd.sport);
  TRACED.set(CLIENT.seconds(i));
}

function labelCall(e: Event, i: i32): void {
  const method = CLIENT.callMethod(i), status = CLIENT.callStatus(i);
  CALLS.label(programName(e)).label("grpc");
  if (method.isEmpty) CALLS.label("_OTHER");
  else CALLS.label(method);
  CALLS.label(status).label(e.fd.sip).label(e.fd.sport).label(CLIENT.isCallError(i) ? status : "");
}

function tellCallSpan(e: Event, i: i32): void {
  const method = CLIENT.callMethod(i);
  TRACED_CALLS.label(SPANS.trace).label(SPANS.parent).label(SPANS.start).label(programName(e));
  if (method.isEmpty) TRACED_CALLS.label("_OTHER");
  else TRACED_CALLS.label(method);
  TRACED_CALLS.label(CLIENT.callStatus(i)).label(e.fd.sip).label(e.fd.sport);
  TRACED_CALLS.set(CLIENT.seconds(i));
}
