// SPDX-License-Identifier: Apache-2.0
// Requests that HTTP/1.1 servers answer, by OpenTelemetry's names. What a request is and where it ends is
// HttpServer's to say (rules-wasm/http/http.ts).
import {
  AnyAccept, AnyRead, AnyReceive, AnySend, AnyWrite, Close, counter, Event, EventId, HttpServer, has, histogram, MsgFlag, meter,
  param, Sendfile, Shutdown, ShutdownHow,
} from "vedette";

const HAS_ROUTES = param.bool("routes");
const SERVER = new HttpServer();
const DURATION = histogram({
  name: "http.server.request.duration",
  unit: "s",
  doc: "time of requests to HTTP/1.1 servers, from their first byte to the answer's last",
  labels: ["process.executable.name", "http.request.method", "http.response.status_code", "http.route", "error.type"],
  bounds: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
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
  tell(e, SERVER.closed(e));
}

function tell(e: Event, finished: i32): void {
  const program = e.proc.exepath.basename;
  for (let i = 0; i < finished; i++) {
    const status = SERVER.status(i);
    DURATION.label(program).label(SERVER.method(i)).label(status);
    if (HAS_ROUTES) DURATION.label(SERVER.route(i));
    else DURATION.label("");
    if (status >= 500) DURATION.label(status);
    else DURATION.label("");
    DURATION.record(SERVER.seconds(i));
  }
  if (SERVER.unsynced == 0) return;
  UNSYNCED.label(program).add(SERVER.unsynced);
  SERVER.unsynced = 0;
}
