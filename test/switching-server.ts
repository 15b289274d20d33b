// SPDX-License-Identifier: Apache-2.0
// A server that would rather speak something else: it answers `101 Switching Protocols`, and then nothing.
import { type AddressInfo, createServer } from "node:net";

/** `at`: its address and port. */
export async function switchingServer(): Promise<{ readonly at: string; close(): void }> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () =>
      socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"),
    );
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return { at: `127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() };
}
