// SPDX-License-Identifier: Apache-2.0
// Requests to Kafka, as brokers and clients see them, by OpenTelemetry's names. What a request is and which
// answer is its own is Kafka's to say (rules-wasm/kafka/kafka.ts).
import { AnyTransfer, Event, histogram, HistogramInstrument, meter } from "vedette";
import { Kafka, programName } from "vedette/protocols";
import { tellUnsynced } from "./unsynced";

const CONNECTIONS = new Kafka();
const SERVED = histogram({
  name: "messaging.server.operation.duration",
  unit: "s",
  doc: "time of requests that brokers answer, from the request's first byte read to the answer's last byte written",
  labels: ["process.executable.name", "messaging.system", "messaging.operation.name", "error.type"],
  bounds: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
  slots: 500,
});
const ASKED = histogram({
  name: "messaging.client.operation.duration",
  unit: "s",
  doc: "time of requests to brokers, from the request's first byte written to the answer's last byte read",
  labels: ["process.executable.name", "messaging.system", "messaging.operation.name", "server.address", "server.port", "error.type"],
  bounds: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
  slots: 500,
});

@meter({ name: "Kafka" })
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
  const error = CONNECTIONS.error(i);
  to.label(programName(e)).label("kafka").label(CONNECTIONS.operation(i));
  if (isOfClient) to.label(e.fd.sip).label(e.fd.sport);
  if (error == 0) to.label("");
  else if (CONNECTIONS.isListed(i)) to.label(error);
  else to.label("_OTHER");
}
