// SPDX-License-Identifier: Apache-2.0
// Lookups in DNS, as clients and servers see them, by OpenTelemetry's names. What a query is and which answer
// belongs to it is Dns' to say (rules-wasm/dns/dns.ts).
import { AnyTransfer, Event, histogram, HistogramInstrument, meter, param } from "vedette";
import { Dns, programName } from "vedette/protocols";
import { tellUnsynced } from "./unsynced";

const HAS_NAMES = param.bool("names");
const CONNECTIONS = new Dns();
const ASKED = histogram({
  name: "dns.lookup.duration",
  unit: "s",
  doc: "time of queries to DNS servers, from the begin of the send to the return of the receive",
  labels: [
    "process.executable.name", "dns.question.name", "dns.question.type", "dns.response_code", "error.type", "network.transport",
    "server.address", "server.port",
  ],
  bounds: [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
  slots: 500,
});
const SERVED = histogram({
  name: "dns.server.lookup.duration",
  unit: "s",
  doc: "time of queries that DNS servers answer, from the return of the receive to that of the send",
  labels: [
    "process.executable.name", "dns.question.name", "dns.question.type", "dns.response_code", "error.type", "network.transport",
  ],
  bounds: [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
  slots: 500,
});

@meter({ name: "DNS" })
export function saw(e: AnyTransfer): void {
  if (CONNECTIONS.hasLeft(e)) return;
  tell(e, CONNECTIONS.saw(e));
  tellUnsynced(e, CONNECTIONS);
}

function tell(e: Event, finished: i32): void {
  for (let i = 0; i < finished; i++) {
    const isOfClient = CONNECTIONS.isOfClient(i), to = isOfClient ? ASKED : SERVED;
    if (!to.labelled(CONNECTIONS.labels(e, i))) label(e, i, isOfClient, to);
    to.record(CONNECTIONS.seconds(i));
  }
}

function label(e: Event, i: i32, isOfClient: bool, to: HistogramInstrument): void {
  const code = CONNECTIONS.code(i);
  to.label(programName(e));
  if (HAS_NAMES && CONNECTIONS.isNamed(i)) to.label(CONNECTIONS.name(i));
  else to.label("_OTHER");
  to.label(CONNECTIONS.type(i)).label(code).label(CONNECTIONS.isGood(i) ? "" : code).label(CONNECTIONS.isOnTcp(i) ? "tcp" : "udp");
  if (isOfClient) to.label(e.fd.sip).label(e.fd.sport);
}
