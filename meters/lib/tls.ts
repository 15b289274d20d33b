// SPDX-License-Identifier: Apache-2.0
// Handshakes of TLS, as clients and servers see them: what of an encrypted connection is in plaintext. What a
// handshake is and when it is over is Tls' to say (rules-wasm/tls/tls.ts).
import { AnyTransfer, Event, histogram, meter, param } from "vedette";
import { programName, Tls } from "vedette/protocols";
import { tellUnsynced } from "./unsynced";

const HAS_NAMES = param.bool("names");
const CONNECTIONS = new Tls();
const ASKED = histogram({
  name: "tls.client.handshake.duration",
  unit: "s",
  doc: "time of handshakes of TLS clients, from the begin of the hello's write to the write that shows that it is over",
  labels: [
    "process.executable.name", "tls.client.server_name", "tls.protocol.version", "tls.next_protocol", "error.type",
    "server.address", "server.port",
  ],
  bounds: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  slots: 500,
});
const SERVED = histogram({
  name: "tls.server.handshake.duration",
  unit: "s",
  doc: "time of handshakes of TLS servers, from the return of the read with the hello to that which shows that it is over",
  labels: ["process.executable.name", "tls.client.server_name", "tls.protocol.version", "tls.next_protocol", "error.type"],
  bounds: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  slots: 500,
});

@meter({ name: "TLS" })
export function saw(e: AnyTransfer): void {
  if (CONNECTIONS.hasLeft(e)) return;
  if (CONNECTIONS.saw(e) != 0) tell(e);
  tellUnsynced(e, CONNECTIONS);
}

function tell(e: Event): void {
  const to = CONNECTIONS.isOfClient ? ASKED : SERVED;
  if (!to.labelled(CONNECTIONS.labels(e, 0))) label(e);
  to.record(CONNECTIONS.seconds(0));
}

function label(e: Event): void {
  const to = CONNECTIONS.isOfClient ? ASKED : SERVED;
  to.label(programName(e));
  if (HAS_NAMES && CONNECTIONS.isNamed) to.label(CONNECTIONS.name);
  else to.label(CONNECTIONS.isNameless ? "" : "_OTHER");
  to.label(CONNECTIONS.version).label(CONNECTIONS.offered).label(CONNECTIONS.failure);
  if (CONNECTIONS.isOfClient) to.label(e.fd.sip).label(e.fd.sport);
}
