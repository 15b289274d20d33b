// SPDX-License-Identifier: Apache-2.0
// A server that speaks as NATS does, as far as a test says, and answers what the test wants.
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";

/** Says the lines of a server to whoever connects; `onLine` answers what a client says. */
export async function liar(info: object, onLine: (line: string, socket: Socket) => void) {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    const more = { server_id: "x", version: "2.10.27", proto: 1, headers: true, max_payload: 1 << 20, jetstream: true };
    socket.write(`INFO ${JSON.stringify({ ...more, ...info })}\r\n`);
    let rest = "";
    socket.on("data", (bytes: Buffer) => {
      rest += bytes.toString("latin1");
      for (let end = rest.indexOf("\r\n"); end >= 0; end = rest.indexOf("\r\n")) {
        const line = rest.slice(0, end);
        rest = rest.slice(end + 2);
        if (line === "PING") socket.write("PONG\r\n");
        onLine(line, socket);
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  };
  return { url: `nats://127.0.0.1:${(server.address() as AddressInfo).port}`, sockets, close };
}
