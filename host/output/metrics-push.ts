// SPDX-License-Identifier: Apache-2.0
// Sends the numbers of /metrics to a collector, every minute and once at the end. They are cumulative, so
// what one request failed to bring the next one brings: nothing waits, and nothing is sent again.
import type { VedetteError } from "../errors.js";
import { CollectorPush } from "./collector-push.js";
import type { ClientSettings } from "./http-client.js";
import { rejectedBy } from "./otlp-answer.js";
import { type Family, otlpMetricsRequest } from "./otlp-metrics.js";

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

const REFUSED = 300;
const MS_NS = 1_000_000n;

/** Begins when it is made. Whoever made it must close it. */
export class MetricsPush extends CollectorPush {
  readonly #options: MetricsPushOptions;
  readonly #start = BigInt(Date.now()) * MS_NS;

  /** Throws VEDETTE_HTTP_FILE where a certificate or a key cannot be read. */
  constructor(options: MetricsPushOptions) {
    const { settings, onFault } = options;
    super({ settings, everyMs: settings.everyMs, code: "VEDETTE_OTLP_METRICS", onFault });
    this.#options = options;
  }

  protected override async send(): Promise<string | null> {
    const { families, scopes, attributes, version } = this.#options;
    const times = { start: this.#start, now: BigInt(Date.now()) * MS_NS };
    const answer = await this.post(
      otlpMetricsRequest(await families(), times, attributes, version, scopes?.(times.now)),
    );
    if (typeof answer === "string") return answer;
    if (answer.status >= REFUSED) return `it answers ${answer.status}`;
    const { count, reason } = rejectedBy(answer.body, "rejectedDataPoints");
    return count === 0 ? null : `it rejects ${count} numbers: ${reason}`;
  }
}
