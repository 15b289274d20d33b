// SPDX-License-Identifier: Apache-2.0
// Statements of PostgreSQL, as servers and clients see them, by OpenTelemetry's names. What a statement is
// and where it ends is PostgreSql's to say (rules-wasm/postgresql/postgresql.ts).
import { AnyTransfer, counter, Event, histogram, meter } from "vedette";
import { PostgreSql } from "vedette/protocols";

const CONNECTIONS = new PostgreSql();
const SERVED = histogram({
  name: "db.server.operation.duration",
  unit: "s",
  doc: "time of statements that PostgreSQL servers execute, from the request's first byte read to the last byte written",
  labels: ["process.executable.name", "db.system.name", "db.operation.name", "db.response.status_code", "error.type"],
  bounds: [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10],
  slots: 500,
});
const ASKED = histogram({
  name: "db.client.operation.duration",
  unit: "s",
  doc: "time of statements of clients of PostgreSQL, from the request's first byte written to the last byte read",
  labels: [
    "process.executable.name", "db.system.name", "db.operation.name", "server.address", "server.port", "db.response.status_code",
    "error.type",
  ],
  bounds: [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10],
  slots: 500,
});
const UNSYNCED = counter({
  name: "vedette.monitor.unsynced",
  unit: "{request}",
  doc: "requests of which nothing is told, because bytes were lost, cut or not seen",
  labels: ["process.executable.name"],
});

@meter({ name: "connections" })
export function saw(e: AnyTransfer): void {
  tell(e, CONNECTIONS.saw(e));
}

function tell(e: Event, finished: i32): void {
  if (finished == 0 && CONNECTIONS.unsynced == 0) return;
  const program = e.proc.exepath.basename;
  for (let i = 0; i < finished; i++) {
    const operation = CONNECTIONS.operation(i), error = CONNECTIONS.error(i);
    if (CONNECTIONS.isOfClient(i)) {
      ASKED.label(program).label("postgresql").label(operation).label(e.fd.sip).label(e.fd.sport);
      ASKED.label(error).label(error).record(CONNECTIONS.seconds(i));
    } else SERVED.label(program).label("postgresql").label(operation).label(error).label(error).record(CONNECTIONS.seconds(i));
  }
  if (CONNECTIONS.unsynced == 0) return;
  UNSYNCED.label(program).add(CONNECTIONS.unsynced);
  CONNECTIONS.unsynced = 0;
}
