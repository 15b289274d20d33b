// SPDX-License-Identifier: Apache-2.0
// One receiver over HTTP: its TLS files, its connection, and how long an answer may take. What an answer
// means is the carrier's, and every carrier tells an error without what may be a secret.
import { Agent } from "node:http";
import { Agent as TlsAgent } from "node:https";
import type { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { answerTo, type HttpRequest, NO_ANSWER, unlessRead } from "../http-request.js";
import { reasonOf } from "../reason.js";
import { AUTHORITY, authoritiesIn, pemOf } from "./pem.js";

/** A receiver's address, and how TLS is done. `ca`, `certificate` and `key` are paths of PEM files. */
export interface ClientSettings {
  readonly url: string;
  /** More headers of each request. They may hold secrets. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly userAgent: string;
  /** Who may have signed the receiver's certificate, and ours where it wants one. */
  readonly ca?: string;
  /** The same, as a folder (pem.ts). `ca` wins. */
  readonly caFolder?: string;
  readonly certificate?: string;
  readonly key?: string;
  /** Do not look at the receiver's certificate. */
  readonly isInsecure?: boolean;
  readonly isCompressed?: boolean;
  /**
   * The connection stays open until the receiver closes it, and the kernel asks now and then whether it
   * lives.
   */
  readonly isKeptAlive?: boolean;
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

/** A receiver may close an idle connection just as we send: we close it before most do. */
const IDLE_MS = 4_000;
/** Of a connection that is kept alive: when the kernel asks first, as libcurl has it by default. */
const ALIVE_MS = 60_000;
/** Why an answer is none: its end did not come in time. */
const NO_END = "its answer does not end";

/** Whether that is why there was no answer: the receiver took too long. */
export const isLate = (answer: Answer | string): boolean => answer === NO_ANSWER || answer === NO_END;

/** Sends over one connection. */
export class HttpClient {
  readonly #settings: ClientSettings;
  readonly #answerMs: number;
  readonly #plain: Agent;
  readonly #tls: TlsAgent;

  /**
   * `answerMs`: longest wait for an answer's head, and then for its end. Throws VEDETTE_HTTP_FILE where a PEM
   * file cannot be read.
   */
  constructor(settings: ClientSettings, answerMs: number) {
    this.#settings = settings;
    this.#answerMs = answerMs;
    const manner = settings.isKeptAlive === true ? { keepAliveMsecs: ALIVE_MS } : { timeout: IDLE_MS };
    const one = { keepAlive: true, maxSockets: 1, ...manner };
    this.#plain = new Agent(one);
    this.#tls = new TlsAgent({
      ...one,
      ...authority(settings),
      ...pem("cert", "client's certificate", settings.certificate),
      ...pem("key", "client's key", settings.key),
      rejectUnauthorized: settings.isInsecure !== true,
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
  async send(request: HttpRequest, signal: AbortSignal): Promise<Answer | string> {
    const headers = { ...request.headers, "user-agent": this.#settings.userAgent };
    const agent = new URL(request.url).protocol === "https:" ? this.#tls : this.#plain;
    try {
      const answer = await answerTo({ ...request, headers }, { agent, signal, headMs: this.#answerMs });
      return {
        status: answer.statusCode as number,
        afterMs: afterMs(answer.headers["retry-after"]),
        body: await textOf(answer, this.#settings.bodyMax ?? BODY_MAX, this.#answerMs),
      };
    } catch (error) {
      return reasonOf((error as Error).cause ?? error);
    }
  }

  close(): Promise<void> {
    this.#plain.destroy();
    this.#tls.destroy();
    return Promise.resolve();
  }
}

async function textOf(body: Readable, most: number, mostMs: number): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  const isInTime = unlessRead(mostMs, () => body.destroy(new Error(NO_END)));
  try {
    for await (const part of body) {
      size += part.length;
      if (size > most) break; // which closes the connection
      parts.push(part);
    }
  } finally {
    isInTime();
  }
  return Buffer.concat(parts).toString();
}

/** Seconds, or a date (RFC 9110, 10.2.3). */
function afterMs(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * SECOND_MS;
  const until = Date.parse(header);
  return Number.isNaN(until) ? undefined : Math.max(0, until - Date.now());
}

function authority({ ca, caFolder }: ClientSettings): { ca?: Buffer | Buffer[] } {
  if (ca !== undefined) return { ca: pemOf(AUTHORITY, ca) };
  return caFolder === undefined ? {} : { ca: authoritiesIn(caFolder) };
}

function pem(name: "cert" | "key", what: string, path: string | undefined): Record<string, Buffer> {
  return path === undefined ? {} : { [name]: pemOf(what, path) };
}
