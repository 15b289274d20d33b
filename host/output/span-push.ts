// SPDX-License-Identifier: Apache-2.0
// Sends spans to a collector, every few seconds and once at the end. A bounded number waits; what finds no
// room is dropped and counted. By OTLP's specification a receiver is asked again only after 429, 502, 503,
// 504 or a lost connection. The first of the failures in a row is told.
import { VedetteError } from "../errors.js";
import { reasonOf } from "../reason.js";
import { type ClientSettings, HttpClient } from "./http-client.js";
import { rejectedBy } from "./otlp-answer.js";
import { withoutPassword } from "./url.js";

/** Where spans are sent. `url`: of the endpoint for traces, whole. */
export type TracesSettings = ClientSettings;

/** What a push needs. */
export interface SpanPushOptions {
  readonly settings: TracesSettings;
  /** Of the resource. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly version: string;
  readonly onFault: (error: VedetteError) => void;
  readonly everyMs?: number;
}

/** Spans that wait at most. */
export const WAITING_MAX = 2_000;
/** In one request. */
const BATCH_MAX = 500;
const EVERY_MS = 5_000;
const ANSWER_MS = 10_000;
const CLOSE_MS = 3_000;
const REFUSED = 300;
const AGAIN = new Set([429, 502, 503, 504]);

/** Begins when it is made. Whoever made it must close it. */
export class SpanPush {
  readonly #options: SpanPushOptions;
  readonly #client: HttpClient;
  readonly #timer: NodeJS.Timeout;
  readonly #stop = new AbortController();
  #waiting: object[] = [];
  #sending: Promise<void> | null = null;
  #isFailing = false;
  /** Spans that were sent and taken, and those that were not. */
  sent = 0;
  dropped = 0;

  /** Throws VEDETTE_HTTP_FILE where a certificate or a key cannot be read. */
  constructor(options: SpanPushOptions) {
    this.#options = options;
    this.#client = new HttpClient(options.settings, ANSWER_MS);
    this.#timer = setInterval(() => this.#push(), options.everyMs ?? EVERY_MS).unref();
  }

  /** Spans as OTLP's JSON has them. */
  add(spans: readonly object[]): void {
    const room = WAITING_MAX - this.#waiting.length;
    this.#waiting.push(...spans.slice(0, room));
    this.dropped += Math.max(0, spans.length - room);
  }

  /** Sends what waits, for a limited time. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    const late = setTimeout(() => this.#stop.abort(), CLOSE_MS);
    await this.#sending;
    this.#push();
    await this.#sending;
    clearTimeout(late);
    this.dropped += this.#waiting.length;
    await this.#client.close();
  }

  /** One request at a time: a collector that is slow gets fewer. */
  #push(): void {
    if (this.#sending !== null || this.#waiting.length === 0) return;
    this.#sending = this.#send().finally(() => {
      this.#sending = null;
    });
  }

  async #send(): Promise<void> {
    while (this.#waiting.length > 0) {
      const reason = await this.#attempt(this.#waiting.slice(0, BATCH_MAX)).catch(reasonOf);
      if (reason !== null && !this.#isFailing) {
        const url = withoutPassword(this.#options.settings.url);
        this.#options.onFault(new VedetteError("VEDETTE_OTLP_TRACES", { url, reason }));
      }
      this.#isFailing = reason !== null;
      if (reason !== null) return;
    }
  }

  /** Why they were not taken; null: they were. They go unless they may be sent again. */
  async #attempt(spans: readonly object[]): Promise<string | null> {
    const { attributes, version } = this.#options;
    const request = otlpSpansRequest(spans, attributes, version);
    const answer = await this.#client.post(request, "application/json", this.#stop.signal);
    if (typeof answer === "string") return answer;
    if (AGAIN.has(answer.status)) return `it answers ${answer.status}`;
    this.#waiting = this.#waiting.slice(spans.length);
    const isTaken = answer.status < REFUSED;
    const { count, reason } = isTaken ? rejectedBy(answer.body, "rejectedSpans") : { count: spans.length, reason: "" };
    this.dropped += count;
    this.sent += spans.length - count;
    if (!isTaken) return `it answers ${answer.status}`;
    return count === 0 ? null : `it rejects ${count} spans: ${reason}`;
  }
}

/** The whole request. `attributes`: of the resource. */
export function otlpSpansRequest(
  spans: readonly object[],
  attributes: Readonly<Record<string, string>>,
  version: string,
): string {
  const told = Object.entries(attributes).map(([key, stringValue]) => ({ key, value: { stringValue } }));
  const scopeSpans = [{ scope: { name: "vedette", version }, spans }];
  return JSON.stringify({ resourceSpans: [{ resource: { attributes: told }, scopeSpans }] });
}
