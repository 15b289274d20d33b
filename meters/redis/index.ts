// SPDX-License-Identifier: Apache-2.0
// Requests to Redis, as servers and clients see them, by OpenTelemetry's names. What a request is and where
// it ends is Redis's to say (rules-wasm/redis/redis.ts).
import { AnyTransfer, Event, meter } from "vedette";
import { Redis } from "vedette/protocols";
import { durationOf } from "../lib/database";
import { tellUnsynced } from "../lib/unsynced";

const CONNECTIONS = new Redis();

@meter({ name: "connections" })
export function saw(e: AnyTransfer): void {
  tell(e, CONNECTIONS.saw(e));
  tellUnsynced(e, CONNECTIONS);
}

function tell(e: Event, finished: i32): void {
  if (finished == 0) return;
  const program = e.proc.exepath.basename;
  for (let i = 0; i < finished; i++) {
    const error = CONNECTIONS.error(i);
    const to = durationOf(e, CONNECTIONS.isOfClient(i), program, "redis", CONNECTIONS.command(i));
    to.label(error).label(error).record(CONNECTIONS.seconds(i));
  }
}
