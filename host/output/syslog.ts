// SPDX-License-Identifier: Apache-2.0
// Carries alerts to a syslog server, as messages of RFC 5424: over UDP a datagram each (RFC 5426), over TCP
// and TLS with their length in front (RFC 6587, RFC 5425), to this machine's a datagram each (unix(7)). The
// protocol has no answers: over TCP and to this machine's a message counts as sent when the kernel has taken
// it, over UDP when it has left. A server that is away is tried again; what waits, and how long, is the
// queue's (backlog.ts).
import { createSocket, type Socket as Datagrams } from "node:dgram";
import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { closeSync, writeSync } from "node:fs";
import { connect, isIP, type Socket } from "node:net";
import { connect as connectSecurely } from "node:tls";
import { getSystemErrorName } from "node:util";
import { loadAddon } from "../capture/addon.js";
import { VedetteError } from "../errors.js";
import { reasonOf } from "../reason.js";
import type { Carrier, Sent } from "./output.js";
import { AUTHORITY, pemOf } from "./pem.js";
import type { SyslogServer, SyslogSettings, SyslogSocket } from "./syslog-url.js";

/** Longest wait for a connection, ms. */
const CONNECT_MS = 2000;

/** How messages get to a server; all say by an error where nothing got there. */
interface Way {
  send(messages: readonly string[], signal: AbortSignal): Promise<Sent>;
  close(): void;
}

/** Sends each batch over one socket, which it opens when there is something to send. */
export class SyslogCarrier implements Carrier {
  readonly #settings: SyslogSettings;
  readonly #way: Way;

  /** Throws VEDETTE_HTTP_FILE where the certificate of the authority cannot be read. */
  constructor(settings: SyslogSettings) {
    this.#settings = settings;
    this.#way = wayTo(settings);
  }

  async send(lines: readonly string[], signal: AbortSignal): Promise<Sent> {
    try {
      return await this.#way.send(lines, signal);
    } catch (cause) {
      const { url } = this.#settings;
      const error = new VedetteError("VEDETTE_SYSLOG_OUTPUT", { url, reason: reasonOf(cause) }, { cause });
      return { outcome: "again", taken: 0, error };
    }
  }

  close(): void {
    this.#way.close();
  }
}

function wayTo(settings: SyslogSettings): Way {
  if (settings.transport === "unix") return new ByPath(settings);
  return settings.transport === "udp" ? new ByDatagrams(settings) : new ByStream(settings);
}

/** A server that was started again has another socket at the same path. */
class ByPath implements Way {
  readonly #settings: SyslogSocket;
  #fd: number | null = null;

  constructor(settings: SyslogSocket) {
    this.#settings = settings;
  }

  async send(messages: readonly string[]): Promise<Sent> {
    for (const [taken, message] of messages.entries()) {
      try {
        this.#write(Buffer.from(message));
      } catch (cause) {
        return this.#sent(cause, taken);
      }
    }
    return { outcome: "done" };
  }

  close(): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
  }

  #write(message: Uint8Array): void {
    try {
      writeSync(this.#open(), message);
    } catch (error) {
      if (!isAway(error)) throw error;
      this.close();
      writeSync(this.#open(), message);
    }
  }

  #open(): number {
    if (this.#fd !== null) return this.#fd;
    const fd = loadAddon().connectDatagrams(this.#settings.path);
    if (fd < 0) throw Object.assign(new Error(getSystemErrorName(fd)), { code: getSystemErrorName(fd) });
    this.#fd = fd;
    return fd;
  }

  #sent(cause: unknown, taken: number): Sent {
    const { url } = this.#settings;
    const code = codeOf(cause);
    if (code === "EAGAIN" || code === "ENOBUFS") return { outcome: "busy", taken };
    const error = new VedetteError("VEDETTE_SYSLOG_OUTPUT", { url, reason: reasonOf(cause) }, { cause });
    return { outcome: code === "EMSGSIZE" ? "refused" : "again", taken, error };
  }
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException | null)?.code;
/** Who listened there does so no more. */
const isAway = (error: unknown): boolean => ["ECONNREFUSED", "ENOTCONN", "ECONNRESET"].includes(codeOf(error) ?? "");

class ByDatagrams implements Way {
  readonly #settings: SyslogServer;
  #socket: Datagrams | null = null;
  #failed: Error | null = null;

  constructor(settings: SyslogServer) {
    this.#settings = settings;
  }

  async send(messages: readonly string[]): Promise<Sent> {
    this.#tellFailure();
    const socket = this.#socket ?? (await this.#open());
    for (const message of messages) {
      await new Promise<void>((done, fail) => socket.send(message, (error) => (error === null ? done() : fail(error))));
      this.#tellFailure();
    }
    return { outcome: "done" };
  }

  /** Nobody listens there, or no more: the kernel has said so of a datagram that had left. */
  #tellFailure(): void {
    const failed = this.#failed;
    this.#failed = null;
    if (failed !== null) throw failed;
  }

  close(): void {
    this.#socket?.close();
    this.#socket = null;
  }

  async #open(): Promise<Datagrams> {
    const { host, port } = this.#settings;
    const { address, family } = await lookup(host);
    const socket = createSocket(family === 6 ? "udp6" : "udp4");
    socket.on("error", (error) => {
      if (this.#socket !== socket) return;
      this.#failed = error;
      this.close();
    });
    socket.unref();
    socket.connect(port, address);
    try {
      await once(socket, "connect");
    } catch (error) {
      socket.close(); // no network has that address just now
      throw error;
    }
    this.#socket = socket;
    return socket;
  }
}

class ByStream implements Way {
  readonly #settings: SyslogServer;
  readonly #ca: Buffer | undefined;
  #socket: Socket | null = null;

  constructor(settings: SyslogServer) {
    this.#settings = settings;
    this.#ca = settings.ca === undefined ? undefined : pemOf(AUTHORITY, settings.ca);
  }

  async send(messages: readonly string[], signal: AbortSignal): Promise<Sent> {
    const socket = this.#socket ?? (await this.#open(signal));
    const frames = messages.map((message) => `${Buffer.byteLength(message)} ${message}`).join("");
    const over = new AbortController();
    const closed = once(socket, "close", { signal: over.signal }).then(() => {
      throw new Error("it closed the connection");
    });
    const late = once(signal, "abort", { signal: over.signal }).then(() => {
      throw new Error("it takes nothing");
    });
    const given = new Promise<void>((done, fail) =>
      socket.write(frames, (error) => (error == null ? done() : fail(error))),
    );
    try {
      await Promise.race([given, closed, late]);
      return { outcome: "done" };
    } catch (error) {
      this.close(); // a frame may be there in part: the next one begins on a connection of its own
      throw error;
    } finally {
      for (const one of [given, closed, late]) one.catch(() => undefined);
      over.abort();
    }
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = null;
  }

  async #open(signal: AbortSignal): Promise<Socket> {
    const { host, port, transport } = this.#settings;
    const isSecure = transport === "tls";
    const socket = isSecure
      ? connectSecurely({
          host,
          port,
          ...(isIP(host) === 0 ? { servername: host } : {}),
          ...(this.#ca === undefined ? {} : { ca: this.#ca }),
        })
      : connect(port, host);
    const time = AbortSignal.any([signal, AbortSignal.timeout(CONNECT_MS)]);
    try {
      await once(socket, isSecure ? "secureConnect" : "connect", { signal: time });
    } catch (error) {
      socket.on("error", () => undefined);
      socket.destroy();
      throw time.aborted ? new Error("it does not answer") : error;
    }
    socket.on("error", () => undefined); // the callback of a write has it too
    socket.once("end", () => this.close()); // it says that it takes no more
    socket.resume();
    socket.unref();
    socket.setKeepAlive(true);
    this.#socket = socket;
    return socket;
  }
}
