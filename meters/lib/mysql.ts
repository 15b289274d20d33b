// SPDX-License-Identifier: Apache-2.0
// Statements of MySQL and MariaDB, as servers and clients see them, by OpenTelemetry's names. What a
// statement is and where it ends is MySql's to say (rules-wasm/mysql/mysql.ts).
import { AnyTransfer, Event, meter } from "vedette";
import { MySql } from "vedette/protocols";
import { durationOf, labelErrorNumber, labelOperation } from "./database";
import { tellUnsynced } from "./unsynced";

const CONNECTIONS = new MySql();

@meter({ name: "MySQL" })
export function saw(e: AnyTransfer): void {
  if (CONNECTIONS.hasLeft(e)) return;
  tell(e, CONNECTIONS.saw(e));
  tellUnsynced(e, CONNECTIONS);
}

function tell(e: Event, finished: i32): void {
  for (let i = 0; i < finished; i++) {
    const to = durationOf(CONNECTIONS.isOfClient(i));
    if (!to.labelled(CONNECTIONS.labels(e, i))) label(e, i);
    to.record(CONNECTIONS.seconds(i));
  }
}

function label(e: Event, i: i32): void {
  const isOfClient = CONNECTIONS.isOfClient(i), to = durationOf(isOfClient);
  labelOperation(e, isOfClient, "mysql", CONNECTIONS.operation(i));
  to.label("");
  labelErrorNumber(to, CONNECTIONS.error(i), CONNECTIONS.isListed(i));
}
