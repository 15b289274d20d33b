// SPDX-License-Identifier: Apache-2.0
// Carries alerts to an HTTP receiver such as Falcosidekick, one POST each, in order. A receiver that is away
// or overloaded (no answer, 429, 5xx) is tried again; what it refuses (another 4xx) is dropped at once, since
// asking again would not help. What waits, and how long, is the queue's (queue.ts).
import { gzipSync } from "node:zlib";
import { Agent, request } from "undici";
import { VedetteError } from "../errors.js";
import { reasonOf } from "../reason.js";
import type { Carrier, Sent } from "./output.js";
import { AUTHORITY, pemOf } from "./pem.js";
import { withoutPassword } from "./url.js";

/** Where alerts are posted, and how TLS is done. `ca`, `certificate` and `key` are paths. */
export interface HttpSettings {
  readonly url: string;
  readonly userAgent: string;
  /** More headers of each request. They may hold secrets. */
  readonly headers?: Readonly<Record<string, string>>;
  /** So many alerts may wait. */
  readonly capacity: number;
  /** PEM files: who may have signed the receiver's certificate, and ours where it wants one. */
  readonly ca?: string;
  readonly certificate?: string;
  readonly key?: string;
  readonly isMutual?: boolean;
  /** Do not look at the receiver's certificate. */
  readonly isInsecure?: boolean;
  readonly isCompressed?: boolean;
}

/** Longest wait for an answer. */
const ANSWER_MS = 2000;
const TOO_MANY = 429;
const SERVER_FAILS = 500;
const REFUSED = 300;

/** Posts one alert at a time over one connection. An answer may take 2 s unless `answerMs` says otherwise. */
export class HttpCarrier implements Carrier {
  readonly #settings: HttpSettings;
  readonly #agent: Agent;

  /** Throws VEDETTE_HTTP_FILE where a certificate or a key cannot be read. */
  constructor(settings: HttpSettings, answerMs = ANSWER_MS) {
    this.#settings = settings;
    this.#agent = new Agent({
      connect: {
        ...pem("ca", AUTHORITY, settings.ca),
        ...pem("cert", "client's certificate", settings.certificate),
        ...pem("key", "client's key", settings.key),
        rejectUnauthorized: settings.isInsecure !== true,
      },
      connections: 1,
      headersTimeout: answerMs,
      bodyTimeout: answerMs,
    });
  }

  async send([line = ""]: readonly string[], signal: AbortSignal): Promise<Sent> {
    const { url, userAgent, headers = {}, isCompressed = false } = this.#settings;
    try {
      const { statusCode, body } = await request(url, {
        method: "POST",
        dispatcher: this.#agent,
        signal,
        headers: {
          ...headers,
          "content-type": "application/json",
          "user-agent": userAgent,
          ...(isCompressed ? { "content-encoding": "gzip" } : {}),
        },
        body: isCompressed ? gzipSync(line) : line,
      });
      await body.dump();
      if (statusCode < REFUSED) return { outcome: "done" };
      const isTransient = statusCode === TOO_MANY || statusCode >= SERVER_FAILS;
      return { outcome: isTransient ? "again" : "refused", taken: 0, error: this.#fault(`it answers ${statusCode}`) };
    } catch (error) {
      return { outcome: "again", taken: 0, error: this.#fault(reasonOf((error as Error).cause ?? error)) };
    }
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }

  #fault(reason: string): VedetteError {
    return new VedetteError("VEDETTE_HTTP_OUTPUT", { url: withoutPassword(this.#settings.url), reason });
  }
}

function pem(name: "ca" | "cert" | "key", what: string, path: string | undefined): Record<string, Buffer> {
  return path === undefined ? {} : { [name]: pemOf(what, path) };
}
