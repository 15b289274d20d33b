// SPDX-License-Identifier: Apache-2.0
// Commands of MongoDB, as servers and clients see them, by OpenTelemetry's names. What a command is and which
// reply is its own is MongoDb's to say (rules-wasm/mongodb/mongodb.ts).
import { AnyTransfer, Event, meter } from "vedette";
import { MongoDb } from "vedette/protocols";
import { durationOf, labelErrorNumber, labelOperation } from "./database";
import { tellUnsynced } from "./unsynced";

const CONNECTIONS = new MongoDb();

@meter({ name: "MongoDB" })
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
  labelOperation(e, isOfClient, "mongodb", CONNECTIONS.operation(i));
  if (CONNECTIONS.isNamed(i)) to.label(CONNECTIONS.collection(i));
  else to.label(CONNECTIONS.hasCollection(i) ? "_OTHER" : "");
  labelErrorNumber(to, CONNECTIONS.error(i), CONNECTIONS.isListed(i));
}
