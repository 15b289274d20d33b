// SPDX-License-Identifier: Apache-2.0
// How many alerts a rule may raise: a burst, and then so many a minute. What is beyond is counted, and told once a minute and at
// the end. Time is the events' own, so a replay suppresses the same alerts.
export interface AlertLimit {
  readonly burst: number;
  readonly perMinute: number;
}
export const DEFAULT_ALERT_LIMIT: AlertLimit = { burst: 1000, perMinute: 6000 };

const MINUTE_NS = 60_000_000_000;

/** Alerts of a rule that were not raised. */
export interface Suppressed {
  readonly rule: number;
  readonly count: number;
}

interface Bucket {
  tokens: number;
  at: number;
  suppressed: number;
}

export class AlertLimiter {
  readonly #limit: AlertLimit;
  readonly #buckets = new Map<number, Bucket>();
  #toldAt = 0;

  constructor(limit: AlertLimit = DEFAULT_ALERT_LIMIT) {
    this.#limit = limit;
  }

  /** Whether a rule may raise an alert at this time (ns since the epoch). */
  allows(rule: number, time: bigint): boolean {
    const now = Number(time);
    const { burst, perMinute } = this.#limit;
    const bucket = this.#buckets.get(rule) ?? { tokens: burst, at: now, suppressed: 0 };
    this.#buckets.set(rule, bucket);
    bucket.tokens = Math.min(burst, bucket.tokens + (Math.max(0, now - bucket.at) * perMinute) / MINUTE_NS);
    bucket.at = Math.max(bucket.at, now);
    if (bucket.tokens < 1) {
      bucket.suppressed++;
      return false;
    }
    bucket.tokens--;
    return true;
  }

  /** What was suppressed since it was last told, at most once a minute; `isEnd`: now. */
  tell(time: bigint, isEnd = false): Suppressed[] {
    const now = Number(time);
    if (!isEnd && now - this.#toldAt < MINUTE_NS) return [];
    this.#toldAt = now;
    const told: Suppressed[] = [];
    for (const [rule, bucket] of this.#buckets) {
      if (bucket.suppressed > 0) told.push({ rule, count: bucket.suppressed });
      bucket.suppressed = 0;
    }
    return told;
  }
}
