// SPDX-License-Identifier: Apache-2.0
// One receiver over HTTP: its TLS files, its connection, and how long an answer may take. What an answer
// means is the carrier's, and every carrier tells an error without what may be a secret.
import type { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { Agent, request } from "undici";
import { reasonOf } from "../reason.js";
import { AUTHORITY, pemOf } from "./pem.js";

/** A receiver's address, and how TLS is done. `ca`, `certificate` and `key` are paths of PEM files. */
export interface ClientSettings {
  readonly url: string;
  /** More headers of each request. They may hold secrets. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly userAgent: string;
  /** Who may have signed the receiver's certificate, and ours where it wants one. */
  readonly ca?: string;
  readonly certificate?: string;
  readonly key?: string;
  /** Do not look at the receiver's certificate. */
  readonly isInsecure?: boolean;
  readonly isCompressed?: boolean;
  /** Of an answer, bytes. */
  readonly bodyMax?: number;
}

/** A receiver's answer. */
export interface Answer {
  readonly status: number;
  /** Of Retry-After, ms; undefined: it says nothing that can be read. */
  readonly afterMs: number | undefined;
  readonly body: string;
}

/** An answer that is longer is not read further, unless `bodyMax` says so. */
const BODY_MAX = 64 << 10;
const SECOND_MS = 1000;

/** What is sent, whole. */
export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT";
  readonly url: string | URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Null: none, as of a GET. */
  readonly body: string | Buffer | null;
}

/** Sends over one connection. */
export class HttpClient {
  readonly #settings: ClientSettings;
  readonly #answerMs: number;
  readonly #agent: Agent;

  /**
   * `answerMs`: longest wait for an answer's head, and then for its end. Throws VEDETTE_HTTP_FILE where a PEM
   * file cannot be read.
   */
  constructor(settings: ClientSettings, answerMs: number) {
    this.#settings = settings;
    this.#answerMs = answerMs;
    this.#agent = new Agent({
      connect: {
        ...pem("ca", AUTHORITY, settings.ca),
        ...pem("cert", "client's certificate", settings.certificate),
        ...pem("key", "client's key", settings.key),
        rejectUnauthorized: settings.isInsecure !== true,
      },
      connections: 1,
      headersTimeout: answerMs,
      bodyTimeout: 0, // of the pause between two parts: a part now and then would hold us for ever
    });
  }

  /** Posts to the receiver's address, with the headers and in the form of the settings. See send(). */
  post(body: string, type: string, signal: AbortSignal): Promise<Answer | string> {
    const { url, headers: more = {}, isCompressed = false } = this.#settings;
    const encoding = isCompressed ? { "content-encoding": "gzip" } : {};
    const headers = { ...more, "content-type": type, ...encoding };
    return this.send({ method: "POST", url, headers, body: isCompressed ? gzipSync(body) : body }, signal);
  }

  /** The answer, or in words why there is none. */
  async send({ method, url, headers, body }: HttpRequest, signal: AbortSignal): Promise<Answer | string> {
    try {
      const answer = await request(url, {
        method,
        dispatcher: this.#agent,
        signal,
        headers: { ...headers, "user-agent": this.#settings.userAgent },
        body,
      });
      const { "retry-after": after } = answer.headers;
      return {
        status: answer.statusCode,
        afterMs: afterMs(after),
        body: await textOf(answer.body, this.#settings.bodyMax ?? BODY_MAX, this.#answerMs),
      };
    } catch (error) {
      return reasonOf((error as Error).cause ?? error);
    }
  }

  close(): Promise<void> {
    return this.#agent.destroy();
  }
}

async function textOf(body: Readable, most: number, mostMs: number): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  const late = setTimeout(() => body.destroy(new Error("its answer does not end")), mostMs);
  try {
    for await (const part of body) {
      size += part.length;
      if (size > most) break; // which closes the connection
      parts.push(part);
    }
  } finally {
    clearTimeout(late);
  }
  return Buffer.concat(parts).toString();
}

/** Seconds, or a date (RFC 9110, 10.2.3). */
function afterMs(header: string | string[] | undefined): number | undefined {
  if (typeof header !== "string") return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * SECOND_MS;
  const until = Date.parse(header);
  return Number.isNaN(until) ? undefined : Math.max(0, until - Date.now());
}

function pem(name: "ca" | "cert" | "key", what: string, path: string | undefined): Record<string, Buffer> {
  return path === undefined ? {} : { [name]: pemOf(what, path) };
}
