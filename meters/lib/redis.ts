// SPDX-License-Identifier: Apache-2.0
// Requests to Redis, as servers and clients see them, by OpenTelemetry's names. What a request is and where
// it ends is Redis's to say (rules-wasm/redis/redis.ts).
import { AnyTransfer, Event, meter } from "vedette";
import { Redis } from "vedette/protocols";
import { durationOf, labelOperation } from "./database";
import { tellUnsynced } from "./unsynced";

const CONNECTIONS = new Redis();

@meter({ name: "Redis" })
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
      labelOperation(e, isOfClient, "redis", CONNECTIONS.command(i));
      to.label("").label(error).label(error);
    }
    to.record(CONNECTIONS.seconds(i));
  }
}
