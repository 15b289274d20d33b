// SPDX-License-Identifier: Apache-2.0
// An HTTP server of a test's own, for what no honest one does.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** Answers one request. */
export type Handle = (request: IncomingMessage, response: ServerResponse) => void;

/** `at`: its address and port. */
export async function answering(handle: Handle): Promise<{ readonly at: string; close(): void }> {
  const server = createServer(handle);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const close = (): void => void server.close().closeAllConnections();
  return { at: `127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}
