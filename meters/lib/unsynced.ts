// SPDX-License-Identifier: Apache-2.0
// What a meter of a protocol could not follow. Each of them counts it here, so all are one metric.
import { counter, Event } from "vedette";
import { programName, Protocol } from "vedette/protocols";

const UNSYNCED = counter({
  name: "vedette.monitor.unsynced",
  unit: "{request}",
  doc: "requests, lookups and handshakes of which nothing is told, because bytes were lost, cut or not seen",
  labels: ["process.executable.name"],
});

/** Counts what this event has made, once its operations are told. */
export function tellUnsynced(e: Event, protocol: Protocol): void {
  if (protocol.unsynced == 0) return;
  UNSYNCED.label(programName(e)).add(protocol.unsynced);
  protocol.unsynced = 0;
}
