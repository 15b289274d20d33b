// SPDX-License-Identifier: Apache-2.0
// Operations of databases, by the two metrics that OpenTelemetry has for all of them.
import { Event, histogram, HistogramInstrument } from "vedette";
import { programName } from "vedette/protocols";

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

/** What an operation is recorded in. */
export function durationOf(isOfClient: bool): HistogramInstrument {
  return isOfClient ? ASKED : SERVED;
}

/** Gives all labels but the last three: the collection, which may be empty, and the error twice. */
export function labelOperation(e: Event, isOfClient: bool, system: string, operation: string): void {
  const to = durationOf(isOfClient);
  to.label(programName(e)).label(system).label(operation);
  if (isOfClient) to.label(e.fd.sip).label(e.fd.sport);
}

/** Gives the last two labels, the error twice. 0: there was none; one that is not listed is `_OTHER`. */
export function labelErrorNumber(to: HistogramInstrument, error: u32, isListed: bool): void {
  for (let label = 0; label < 2; label++) {
    if (error == 0) to.label("");
    else if (isListed) to.label(error);
    else to.label("_OTHER");
  }
}
