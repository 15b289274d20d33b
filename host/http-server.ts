// SPDX-License-Identifier: Apache-2.0
// A small server of ours over HTTP, for health checks and scrapes. Who reaches it can hold few connections,
// and none for long (visitors.ts).
import { rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { VedetteError } from "./errors.js";
import { reasonOf } from "./reason.js";
import { boundVisitors } from "./visitors.js";

/** Where it listens: a Unix socket, or an address of this machine. */
export type HttpPlace = { readonly path: string } | { readonly host: string; readonly port: number };

/** A health check and a scrape take milliseconds. */
const VISITORS = { most: 64, ms: 10_000 };

/** One server. Whoever makes it must close it. */
export class HttpServer {
  readonly #server: Server;

  /** `answer` gets one request of each connection at a time. `server`: one of HTTPS; by default of HTTP. */
  constructor(answer: (request: IncomingMessage, response: ServerResponse) => void, server = createServer()) {
    this.#server = server;
    boundVisitors(server, VISITORS, answer);
  }

  /** `address`: as the operator said it. Gives the port; 0 for a Unix socket. Throws VEDETTE_HTTP_REFUSED. */
  listen(place: HttpPlace, address: string): Promise<number> {
    return new Promise((resolve, reject) => {
      // Also later: a visitor who cannot be taken in (EMFILE) must not end us. Node tells it as an error of
      // the server's.
      this.#server.on("error", (cause) =>
        reject(new VedetteError("VEDETTE_HTTP_REFUSED", { address, reason: reasonOf(cause) }, { cause })),
      );
      const done = () => resolve("port" in place ? (this.#server.address() as { port: number }).port : 0);
      if ("path" in place) this.#listenUnix(place.path, done);
      else this.#server.listen(place.port, place.host, done);
    });
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** For its owner alone. A file of an earlier host, which left no time to remove it, is in the way. */
  #listenUnix(path: string, done: () => void): void {
    const before = process.umask(0o177);
    try {
      rmSync(path, { force: true });
      this.#server.listen(path, done);
    } catch (cause) {
      this.#server.emit("error", cause);
    } finally {
      process.umask(before);
    }
  }
}
