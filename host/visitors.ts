// SPDX-License-Identifier: Apache-2.0
// Bounds on the connections to a server of ours. A visitor can say nothing, read nothing, or send a byte now
// and then. So a connection lives for a fixed time, whatever happens on it. When there are too many, the
// oldest gives way. An honest visitor has its answer long before that. Who asks again before he has his
// answer is closed: no client that we know does that, and two thousand questions fit into what Node reads at
// once. It would make a request and an answer of each before anybody could close the connection.
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** Of what came, so many bytes are understood at a time: a connection that was closed costs no more. */
const PARSED_AT_ONCE = 1_024;

/** At most `most` connections at once, each for at most `ms` milliseconds. */
export interface VisitorBounds {
  readonly most: number;
  readonly ms: number;
}

/** Lets one connection out of the bounds. */
export interface Visitors {
  /** Its connection may stay so many ms more, once, and still counts: what it asks for takes longer. */
  extend(socket: Socket, ms: number): void;
  /** Its connection may stay from now on, beside the others: whoever keeps it bounds it. */
  keep(socket: Socket): void;
}

/**
 * Bounds the connections of `server` from now on, and has `answer` answer one request of each at a time. Call
 * it before the server listens.
 */
export function boundVisitors(
  server: Server,
  { most, ms }: VisitorBounds,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Visitors {
  const there = new Map<Socket, NodeJS.Timeout>();
  const asked = new WeakSet<Socket>();
  const extended = new WeakSet<Socket>();
  const endIn = (socket: Socket, later: number): void => {
    clearTimeout(there.get(socket));
    there.set(socket, setTimeout(() => socket.destroy(), later).unref());
  };
  // Behind TLS, Node reads requests from another socket than the one that came.
  server.on("setSecureContext" in server ? "secureConnection" : "connection", parseInParts);
  server.on("connection", (socket: Socket) => {
    endIn(socket, ms);
    socket.once("close", () => {
      clearTimeout(there.get(socket));
      there.delete(socket);
    });
    if (there.size <= most) return;
    const [oldest] = there.keys();
    there.delete(oldest as Socket); // it is closed a turn later, and must not be chosen twice
    oldest?.destroy();
  });
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    if (asked.has(socket)) socket.destroy();
    if (socket.destroyed) return;
    asked.add(socket);
    response.once("close", () => asked.delete(socket));
    answer(request, response);
  });
  return {
    extend(socket, more) {
      if (!there.has(socket) || extended.has(socket)) return;
      extended.add(socket);
      endIn(socket, more);
    },
    keep(socket) {
      clearTimeout(there.get(socket));
      there.delete(socket);
    },
  };
}

/**
 * Node's own reader of a connection gets a part at a time. Some requests Node answers itself, and nobody
 * here is asked: without a Host, with an Expect that it does not know. Where such answers pile up it sets
 * `_paused`, and takes nothing more until they are out: its reader ends the process then. Who has so many is
 * closed.
 */
function parseInParts(socket: Socket): void {
  const [parse] = socket.listeners("data");
  if (parse === undefined) return;
  socket.off("data", parse as (bytes: Buffer) => void);
  socket.on("data", (bytes: Buffer) => {
    for (let at = 0; at < bytes.length && !socket.destroyed; at += PARSED_AT_ONCE) {
      if ((socket as { _paused?: boolean })._paused === true) return void socket.destroy();
      parse.call(socket, bytes.subarray(at, at + PARSED_AT_ONCE));
    }
  });
}
