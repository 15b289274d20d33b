// SPDX-License-Identifier: Apache-2.0
// Requests to Redis, as servers and clients see them, by OpenTelemetry's names. What a request is and where
// it ends is Redis's to say (rules-wasm/redis/redis.ts).
import {
  AnyAccept, AnyRead, AnyReceive, AnySend, AnyWrite, Close, Connect, counter, Event, EventId, has, histogram, meter, MsgFlag,
  Redis, Sendfile, Shutdown, ShutdownHow,
} from "vedette";

const CONNECTIONS = new Redis();
const SERVED = histogram({
  name: "db.server.operation.duration",
  unit: "s",
  doc: "time of requests that Redis servers answer, from the first byte read to the last byte written",
  labels: ["process.executable.name", "db.system.name", "db.operation.name", "db.response.status_code", "error.type"],
  bounds: [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10],
  slots: 500,
});
const ASKED = histogram({
  name: "db.client.operation.duration",
  unit: "s",
  doc: "time of requests to Redis, from the first byte written to the last byte read",
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
export function accepted(e: AnyAccept): void {
  CONNECTIONS.accepted(e);
}

@meter({ name: "connections made" })
export function connected(e: Connect): void {
  CONNECTIONS.connected(e);
}

@meter({ name: "bytes received" })
export function received(e: AnyReceive): void {
  if (has(e.flags, MsgFlag.MSG_PEEK)) return;
  tell(e, e.evt_type == EventId.recvmmsg ? CONNECTIONS.messages(e) : CONNECTIONS.received(e, e.data));
}

@meter({ name: "bytes read" })
export function read(e: AnyRead): void {
  tell(e, CONNECTIONS.received(e, e.data));
}

@meter({ name: "bytes sent" })
export function sent(e: AnySend): void {
  tell(e, e.evt_type == EventId.sendmmsg ? CONNECTIONS.messages(e) : CONNECTIONS.sent(e, e.data));
}

@meter({ name: "bytes written" })
export function written(e: AnyWrite): void {
  tell(e, CONNECTIONS.sent(e, e.data));
}

@meter({ name: "files sent" })
export function fileSent(e: Sendfile): void {
  tell(e, CONNECTIONS.sentUnseen(e));
}

@meter({ name: "ends" })
export function ended(e: Shutdown): void {
  if (e.res == 0 && e.how != ShutdownHow.SHUT_RD) tell(e, CONNECTIONS.ended(e));
}

@meter({ name: "closes" })
export function closed(e: Close): void {
  tell(e, CONNECTIONS.closed(e));
}

function tell(e: Event, finished: i32): void {
  const program = e.proc.exepath.basename;
  for (let i = 0; i < finished; i++) {
    const operation = CONNECTIONS.command(i), error = CONNECTIONS.error(i);
    if (CONNECTIONS.isOfClient(i)) {
      ASKED.label(program).label("redis").label(operation).label(e.fd.sip).label(e.fd.sport);
      ASKED.label(error).label(error).record(CONNECTIONS.seconds(i));
    } else SERVED.label(program).label("redis").label(operation).label(error).label(error).record(CONNECTIONS.seconds(i));
  }
  if (CONNECTIONS.unsynced == 0) return;
  UNSYNCED.label(program).add(CONNECTIONS.unsynced);
  CONNECTIONS.unsynced = 0;
}
