// SPDX-License-Identifier: Apache-2.0
// How many alerts may be raised: by a rule a burst, and then so many a minute, and by all the rules of a tenant together. What is
// beyond is counted, and told once a minute and at the end. Time is the events' own, so a replay suppresses the same alerts.
export interface AlertLimit {
  readonly burst: number;
  readonly perMinute: number;
}
/** As Falco's: no limit at all. */
export const NO_ALERT_LIMIT: AlertLimit = { burst: Number.MAX_SAFE_INTEGER, perMinute: Number.MAX_SAFE_INTEGER };
export const DEFAULT_ALERT_LIMIT: AlertLimit = { burst: 1000, perMinute: 6000 };

const MINUTE_NS = 60_000_000_000;

/** Alerts of a rule that were not raised. */
export interface Suppressed {
  readonly rule: number;
  readonly count: number;
}

/** Holds as many tokens as a burst; so many a minute come back. */
export class Bucket {
  readonly #limit: AlertLimit;
  #tokens: number;
  #at: number | null = null;

  constructor(limit: AlertLimit) {
    this.#limit = limit;
    this.#tokens = limit.burst;
  }

  /** Whether there is one more at this time (ns since the epoch). It is taken. */
  take(now: number): boolean {
    const { burst, perMinute } = this.#limit;
    const since = this.#at === null ? 0 : Math.max(0, now - this.#at);
    this.#tokens = Math.min(burst, this.#tokens + (since * perMinute) / MINUTE_NS);
    this.#at = Math.max(this.#at ?? now, now);
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}

interface Row {
  readonly bucket: Bucket;
  suppressed: number;
}

export class AlertLimiter {
  readonly #limit: AlertLimit;
  /** Of all rules of the tenant; null: no bound. */
  readonly #all: Bucket | null;
  readonly #rows = new Map<number, Row>();
  #toldAt = 0;

  constructor(limit: AlertLimit = DEFAULT_ALERT_LIMIT, all: Bucket | null = null) {
    this.#limit = limit;
    this.#all = all;
  }

  /** Whether a rule may raise an alert at this time (ns since the epoch). */
  allows(rule: number, time: bigint): boolean {
    const now = Number(time);
    const row = this.#row(rule);
    if (row.bucket.take(now) && (this.#all?.take(now) ?? true)) return true;
    row.suppressed++;
    return false;
  }

  /** One more that was not raised, for another reason. */
  withhold(rule: number): void {
    this.#row(rule).suppressed++;
  }

  #row(rule: number): Row {
    const row = this.#rows.get(rule) ?? { bucket: new Bucket(this.#limit), suppressed: 0 };
    this.#rows.set(rule, row);
    return row;
  }

  /** What was suppressed since it was last told, at most once a minute; `isEnd`: now. */
  tell(time: bigint, isEnd = false): Suppressed[] {
    const now = Number(time);
    if (!isEnd && now - this.#toldAt < MINUTE_NS) return [];
    this.#toldAt = now;
    const told: Suppressed[] = [];
    for (const [rule, row] of this.#rows) {
      if (row.suppressed > 0) told.push({ rule, count: row.suppressed });
      row.suppressed = 0;
    }
    return told;
  }
}
