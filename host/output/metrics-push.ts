// SPDX-License-Identifier: Apache-2.0
// Sends the numbers of /metrics to a collector, every minute and once at the end. They are cumulative, so
// what one request failed to bring the next one brings: nothing waits, and nothing is sent again. The first
// of the failures in a row is told.
import { VedetteError } from "../errors.js";
import { reasonOf } from "../reason.js";
import { type ClientSettings, HttpClient } from "./http-client.js";
import { rejectedBy } from "./otlp-answer.js";
import { type Family, otlpMetricsRequest } from "./otlp-metrics.js";
import { withoutPassword } from "./url.js";

/** Where numbers are sent, and how often. `url`: of the endpoint for metrics, whole. */
export interface MetricsSettings extends ClientSettings {
  readonly everyMs: number;
}

/** What a push needs. */
export interface MetricsPushOptions {
  readonly settings: MetricsSettings;
  readonly families: () => Promise<readonly Family[]>;
  /** What else there is: members of `scopeMetrics`. `now` is in ns since the epoch. */
  readonly scopes?: (now: bigint) => readonly object[];
  /** Of the resource. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly version: string;
  readonly onFault: (error: VedetteError) => void;
}

const ANSWER_MS = 10_000;
const CLOSE_MS = 3_000;
const REFUSED = 300;
const MS_NS = 1_000_000n;

/** Begins when it is made. Whoever made it must close it. */
export class MetricsPush {
  readonly #options: MetricsPushOptions;
  readonly #client: HttpClient;
  readonly #timer: NodeJS.Timeout;
  readonly #start = BigInt(Date.now()) * MS_NS;
  readonly #stop = new AbortController();
  #sending: Promise<void> = Promise.resolve();
  #isSending = false;
  #isFailing = false;

  /** Throws VEDETTE_HTTP_FILE where a certificate or a key cannot be read. */
  constructor(options: MetricsPushOptions) {
    this.#options = options;
    this.#client = new HttpClient(options.settings, ANSWER_MS);
    this.#timer = setInterval(() => this.#push(), options.settings.everyMs).unref();
  }

  /** Sends the last numbers, for a limited time. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    const late = setTimeout(() => this.#stop.abort(), CLOSE_MS);
    await this.#sending;
    this.#push();
    await this.#sending;
    clearTimeout(late);
    await this.#client.close();
  }

  /** One at a time: a collector that is slow gets fewer. */
  #push(): void {
    if (this.#isSending) return;
    this.#isSending = true;
    this.#sending = this.#send().finally(() => {
      this.#isSending = false;
    });
  }

  async #send(): Promise<void> {
    const reason = await this.#attempt().catch(reasonOf);
    if (reason !== null && !this.#isFailing) {
      const url = withoutPassword(this.#options.settings.url);
      this.#options.onFault(new VedetteError("VEDETTE_OTLP_METRICS", { url, reason }));
    }
    this.#isFailing = reason !== null;
  }

  /** Why they were not taken; null: they were. */
  async #attempt(): Promise<string | null> {
    const { families, scopes, attributes, version } = this.#options;
    const times = { start: this.#start, now: BigInt(Date.now()) * MS_NS };
    const request = otlpMetricsRequest(await families(), times, attributes, version, scopes?.(times.now));
    const answer = await this.#client.post(request, "application/json", this.#stop.signal);
    if (typeof answer === "string") return answer;
    if (answer.status >= REFUSED) return `it answers ${answer.status}`;
    const { count, reason } = rejectedBy(answer.body, "rejectedDataPoints");
    return count === 0 ? null : `it rejects ${count} numbers: ${reason}`;
  }
}
