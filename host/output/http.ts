// SPDX-License-Identifier: Apache-2.0
// Alerts to an HTTP receiver such as Falcosidekick, one POST each, in order. What cannot be sent now waits in a bounded queue; when
// that is full the newest alert is lost and counted, as in Falco. A receiver that is away or overloaded (no answer, 429, 5xx) is
// tried again, ever later; what it refuses (another 4xx) is lost at once, since asking again would not help. Nothing here can
// stop the workload, and close() waits only so long.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { Agent, request } from "undici";
import { VedetteError } from "../errors.js";
import { reasonOf } from "../reason.js";

export interface HttpSettings {
  readonly url: string;
  readonly userAgent: string;
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

export interface HttpTimes {
  /** Longest wait for an answer. */
  readonly answerMs: number;
  /** Before the first new attempt; doubles with each. */
  readonly retryMs: number;
  readonly retryMsMax: number;
  /** Longest that close() waits. */
  readonly closeMs: number;
}

const TIMES: HttpTimes = { answerMs: 2000, retryMs: 100, retryMsMax: 5000, closeMs: 5000 };
const TOO_MANY = 429;
const SERVER_FAILS = 500;
const REFUSED = 300;

export class HttpOutput {
  readonly #settings: HttpSettings;
  readonly #times: HttpTimes;
  readonly #agent: Agent;
  readonly #onFault: (error: VedetteError) => void;
  readonly #queue: string[] = [];
  readonly #stop = new AbortController();
  #lost = 0;
  #isFailing = false;
  #sending: Promise<void> | null = null;

  /** `onFault` is told once when sending begins to fail, and again only after it went well in between. */
  constructor(settings: HttpSettings, onFault: (error: VedetteError) => void, times: Partial<HttpTimes> = {}) {
    this.#settings = settings;
    this.#onFault = onFault;
    this.#times = { ...TIMES, ...times };
    this.#agent = new Agent({
      connect: {
        ...pem("ca", "certificate of the authority", settings.ca),
        ...pem("cert", "client's certificate", settings.certificate),
        ...pem("key", "client's key", settings.key),
        rejectUnauthorized: settings.isInsecure !== true,
      },
      connections: 1,
      headersTimeout: this.#times.answerMs,
      bodyTimeout: this.#times.answerMs,
    });
  }

  /** Alerts that were never delivered. */
  get lost(): number {
    return this.#lost;
  }

  /** One alert's JSON. */
  push(line: string): void {
    if (this.#queue.length >= this.#settings.capacity) {
      this.#lost++;
      return;
    }
    this.#queue.push(line);
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = null;
    });
  }

  /** Sends what waits, for a while; what then still waits is lost. */
  async close(): Promise<void> {
    const deadline = setTimeout(() => this.#stop.abort(), this.#times.closeMs);
    await this.#sending;
    clearTimeout(deadline);
    this.#lost += this.#queue.splice(0).length;
    await this.#agent.destroy();
  }

  async #sendAll(): Promise<void> {
    let delay = this.#times.retryMs;
    while (this.#queue.length > 0 && !this.#stop.signal.aborted) {
      const outcome = await this.#send(this.#queue[0] as string);
      if (outcome === "again") {
        await this.#pause(delay);
        delay = Math.min(2 * delay, this.#times.retryMsMax);
        continue;
      }
      delay = this.#times.retryMs;
      this.#queue.shift();
      if (outcome === "refused") this.#lost++;
      else this.#isFailing = false;
    }
  }

  async #send(line: string): Promise<"done" | "refused" | "again"> {
    const { url, userAgent, isCompressed = false } = this.#settings;
    try {
      const { statusCode, body } = await request(url, {
        method: "POST",
        dispatcher: this.#agent,
        signal: this.#stop.signal,
        headers: {
          "content-type": "application/json",
          "user-agent": userAgent,
          ...(isCompressed ? { "content-encoding": "gzip" } : {}),
        },
        body: isCompressed ? gzipSync(line) : line,
      });
      await body.dump();
      if (statusCode < REFUSED) return "done";
      const isTransient = statusCode === TOO_MANY || statusCode >= SERVER_FAILS;
      this.#fails(`it answers ${statusCode}`);
      return isTransient ? "again" : "refused";
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#fails(reasonOf((error as Error).cause ?? error));
      return "again";
    }
  }

  #fails(reason: string): void {
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.#onFault(new VedetteError("VEDETTE_HTTP_OUTPUT", { url: this.#settings.url, reason }));
  }

  #pause(ms: number): Promise<void> {
    const { signal } = this.#stop;
    return new Promise((done) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", end);
        done();
      };
      const timer = setTimeout(end, ms);
      signal.addEventListener("abort", end);
    });
  }
}

function pem(name: "ca" | "cert" | "key", what: string, path: string | undefined): Record<string, Buffer> {
  if (path === undefined) return {};
  try {
    return { [name]: readFileSync(path) };
  } catch (cause) {
    throw new VedetteError("VEDETTE_HTTP_FILE", { what, path, reason: reasonOf(cause) }, { cause });
  }
}
