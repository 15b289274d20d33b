// SPDX-License-Identifier: Apache-2.0
// Statements that PostgreSQL servers execute, by OpenTelemetry's names. What a statement is and where it ends
// is PostgreSqlServer's to say (rules-wasm/postgresql/server.ts).
import {
  AnyAccept, AnyRead, AnyReceive, AnySend, AnyWrite, Close, counter, Event, EventId, has, histogram, MsgFlag, meter, PostgreSqlServer,
  Sendfile, Shutdown, ShutdownHow,
} from "vedette";

const SERVER = new PostgreSqlServer();
const DURATION = histogram({
  name: "db.server.operation.duration",
  unit: "s",
  doc: "time of statements of PostgreSQL servers, from their request's first byte to their answer's last",
  labels: ["process.executable.name", "db.system.name", "db.operation.name", "db.response.status_code", "error.type"],
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
  SERVER.accepted(e);
}

@meter({ name: "bytes received" })
export function received(e: AnyReceive): void {
  if (has(e.flags, MsgFlag.MSG_PEEK)) return;
  tell(e, e.evt_type == EventId.recvmmsg ? SERVER.messages(e) : SERVER.received(e, e.data));
}

@meter({ name: "bytes read" })
export function read(e: AnyRead): void {
  tell(e, SERVER.received(e, e.data));
}

@meter({ name: "bytes sent" })
export function sent(e: AnySend): void {
  tell(e, e.evt_type == EventId.sendmmsg ? SERVER.messages(e) : SERVER.sent(e, e.data));
}

@meter({ name: "bytes written" })
export function written(e: AnyWrite): void {
  tell(e, SERVER.sent(e, e.data));
}

@meter({ name: "files sent" })
export function fileSent(e: Sendfile): void {
  tell(e, SERVER.sentUnseen(e));
}

@meter({ name: "ends" })
export function ended(e: Shutdown): void {
  if (e.res == 0 && e.how != ShutdownHow.SHUT_RD) tell(e, SERVER.ended(e));
}

@meter({ name: "closes" })
export function closed(e: Close): void {
  tell(e, SERVER.ended(e));
}

function tell(e: Event, finished: i32): void {
  const program = e.proc.exepath.basename;
  for (let i = 0; i < finished; i++) {
    const error = SERVER.error(i);
    DURATION.label(program).label("postgresql").label(SERVER.operation(i)).label(error).label(error).record(SERVER.seconds(i));
  }
  if (SERVER.unsynced == 0) return;
  UNSYNCED.label(program).add(SERVER.unsynced);
  SERVER.unsynced = 0;
}
