// SPDX-License-Identifier: Apache-2.0
// Commands of MongoDB, as servers and clients see them, by OpenTelemetry's names. What a command is and which
// reply is its own is MongoDb's to say (rules-wasm/mongodb/mongodb.ts).
import { AnyTransfer, Event, histogram, HistogramInstrument, meter } from "vedette";
import { MongoDb, programName } from "vedette/protocols";
import { tellUnsynced } from "../lib/unsynced";

const CONNECTIONS = new MongoDb();
const SERVED = histogram({
  name: "db.server.operation.duration",
  unit: "s",
  doc: "time of operations that database servers execute, from the request's first byte read to the last byte written",
  labels: [
    "process.executable.name", "db.system.name", "db.operation.name", "db.collection.name", "db.response.status_code", "error.type",
  ],
  bounds: [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10],
  slots: 500,
});
const ASKED = histogram({
  name: "db.client.operation.duration",
  unit: "s",
  doc: "time of operations of clients of databases, from the request's first byte written to the last byte read",
  labels: [
    "process.executable.name", "db.system.name", "db.operation.name", "server.address", "server.port", "db.collection.name",
    "db.response.status_code", "error.type",
  ],
  bounds: [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10],
  slots: 500,
});

@meter({ name: "connections" })
export function saw(e: AnyTransfer): void {
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
  to.label(programName(e)).label("mongodb").label(CONNECTIONS.operation(i));
  if (isOfClient) to.label(e.fd.sip).label(e.fd.sport);
  if (CONNECTIONS.isNamed(i)) to.label(CONNECTIONS.collection(i));
  else to.label(CONNECTIONS.hasCollection(i) ? "_OTHER" : "");
  for (let label = 0; label < 2; label++) {
    if (CONNECTIONS.error(i) == 0) to.label("");
    else if (CONNECTIONS.isListed(i)) to.label(CONNECTIONS.error(i));
    else to.label("_OTHER");
  }
}
