// SPDX-License-Identifier: Apache-2.0
// Bounds on who is connected to a server of ours. Whoever can connect can also say nothing, read nothing, or send a byte now and then: so a
// connection lives so long and no longer, whatever happens on it, and when there are too many, the oldest gives way. An honest visitor
// has its answer long before that.
import type { Server, Socket } from "node:net";

export interface VisitorBounds {
  readonly most: number;
  readonly ms: number;
}

export function boundVisitors(server: Server, { most, ms }: VisitorBounds): void {
  const there = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    there.add(socket);
    const timer = setTimeout(() => socket.destroy(), ms);
    timer.unref();
    socket.once("close", () => {
      clearTimeout(timer);
      there.delete(socket);
    });
    if (there.size <= most) return;
    const [oldest] = there;
    there.delete(oldest as Socket); // it is closed a turn later, and must not be chosen twice
    oldest?.destroy();
  });
}
