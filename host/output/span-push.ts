// SPDX-License-Identifier: Apache-2.0
// Sends spans to a collector, every few seconds and once at the end. A bounded number waits; what finds no
// room is dropped and counted. By OTLP's specification a receiver is asked again only after 429, 502, 503,
// 504 or a lost connection.
import type { VedetteError } from "../errors.js";
import { CollectorPush } from "./collector-push.js";
import type { ClientSettings } from "./http-client.js";
import { rejectedBy } from "./otlp-answer.js";

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
const REFUSED = 300;
const AGAIN = new Set([429, 502, 503, 504]);

/** Begins when it is made. Whoever made it must close it. */
export class SpanPush extends CollectorPush {
  readonly #options: SpanPushOptions;
  #waiting: object[] = [];
  /** Spans that were sent and taken, and those that were not. */
  sent = 0;
  dropped = 0;

  /** Throws VEDETTE_HTTP_FILE where a certificate or a key cannot be read. */
  constructor(options: SpanPushOptions) {
    const { settings, onFault, everyMs = EVERY_MS } = options;
    super({ settings, everyMs, code: "VEDETTE_OTLP_TRACES", onFault });
    this.#options = options;
  }

  /** Spans as OTLP's JSON has them. */
  add(spans: readonly object[]): void {
    const room = WAITING_MAX - this.#waiting.length;
    this.#waiting.push(...spans.slice(0, room));
    this.dropped += Math.max(0, spans.length - room);
  }

  /** Sends what waits, for a limited time. */
  override async close(): Promise<void> {
    await super.close();
    this.dropped += this.#waiting.length;
  }

  protected override hasMore(): boolean {
    return this.#waiting.length > 0;
  }

  /** They go unless they may be sent again. */
  protected override async send(): Promise<string | null | undefined> {
    if (!this.hasMore()) return undefined;
    const { attributes, version } = this.#options;
    const spans = this.#waiting.slice(0, BATCH_MAX);
    const answer = await this.post(otlpSpansRequest(spans, attributes, version));
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
