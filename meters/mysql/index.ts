// SPDX-License-Identifier: Apache-2.0
// Statements of MySQL and MariaDB, as servers and clients see them, by OpenTelemetry's names. What a
// statement is and where it ends is MySql's to say (rules-wasm/mysql/mysql.ts).
import { AnyTransfer, counter, Event, histogram, meter } from "vedette";
import { MySql } from "vedette/protocols";

const CONNECTIONS = new MySql();
const SERVED = histogram({
  name: "db.server.operation.duration",
  unit: "s",
  doc: "time of statements that MySQL servers execute, from the request's first byte read to the last byte written",
  labels: ["process.executable.name", "db.system.name", "db.operation.name", "db.response.status_code", "error.type"],
  bounds: [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10],
  slots: 500,
});
const ASKED = histogram({
  name: "db.client.operation.duration",
  unit: "s",
  doc: "time of statements of clients of MySQL, from the request's first byte written to the last byte read",
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
    const isOfClient = CONNECTIONS.isOfClient(i), to = isOfClient ? ASKED : SERVED;
    to.label(program).label("mysql").label(CONNECTIONS.operation(i));
    if (isOfClient) to.label(e.fd.sip).label(e.fd.sport);
    for (let label = 0; label < 2; label++) {
      if (CONNECTIONS.error(i) == 0) to.label("");
      else if (CONNECTIONS.isListed(i)) to.label(CONNECTIONS.error(i));
      else to.label("_OTHER");
    }
    to.record(CONNECTIONS.seconds(i));
  }
  if (CONNECTIONS.unsynced == 0) return;
  UNSYNCED.label(program).add(CONNECTIONS.unsynced);
  CONNECTIONS.unsynced = 0;
}
