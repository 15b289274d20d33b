// SPDX-License-Identifier: Apache-2.0
// Statements of PostgreSQL, as servers and clients see them, by OpenTelemetry's names. What a statement is
// and where it ends is PostgreSql's to say (rules-wasm/postgresql/postgresql.ts).
import { AnyTransfer, Event, meter } from "vedette";
import { PostgreSql } from "vedette/protocols";
import { durationOf, labelOperation } from "./database";
import { tellUnsynced } from "./unsynced";

const CONNECTIONS = new PostgreSql();

@meter({ name: "PostgreSQL" })
export function saw(e: AnyTransfer): void {
  if (CONNECTIONS.hasLeft(e)) return;
  tell(e, CONNECTIONS.saw(e));
  tellUnsynced(e, CONNECTIONS);
}

function tell(e: Event, finished: i32): void {
  for (let i = 0; i < finished; i++) {
    const isOfClient = CONNECTIONS.isOfClient(i), to = durationOf(isOfClient);
    if (!to.labelled(CONNECTIONS.labels(e, i))) {
      const error = CONNECTIONS.error(i);
      labelOperation(e, isOfClient, "postgresql", CONNECTIONS.operation(i));
      to.label("").label(error).label(error);
    }
    to.record(CONNECTIONS.seconds(i));
  }
}
