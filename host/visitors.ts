// SPDX-License-Identifier: Apache-2.0
// Bounds on the connections to a server of ours. A visitor can say nothing, read nothing, or send a byte now
// and then. So a connection lives for a fixed time, whatever happens on it. When there are too many, the
// oldest gives way. An honest visitor has its answer long before that.
import type { Server, Socket } from "node:net";

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

/** Bounds the connections of `server` from now on. Call it before the server listens. */
export function boundVisitors(server: Server, { most, ms }: VisitorBounds): Visitors {
  const there = new Map<Socket, NodeJS.Timeout>();
  const extended = new WeakSet<Socket>();
  const endIn = (socket: Socket, later: number): void => {
    clearTimeout(there.get(socket));
    there.set(socket, setTimeout(() => socket.destroy(), later).unref());
  };
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
