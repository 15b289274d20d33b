// SPDX-License-Identifier: Apache-2.0
// Limits the alerts about one container: a rule may raise a burst and then so many a minute, and so may all
// rules of a tenant together. So a container that raises many alerts mutes a rule for itself alone. The
// limiter counts suppressed alerts and reports them once a minute and at the end. It goes by the host's own
// time, which no event can set. In a replay it goes by the events' time, so that a replay suppresses the same
// alerts.
import type { UsedBucket, UsedLimit } from "./kept-limits.js";

/** A bucket that holds `burst` alerts and fills by `perMinute`. */
export interface AlertLimit {
  readonly burst: number;
  readonly perMinute: number;
}
/** As Falco's: no limit at all. */
export const NO_ALERT_LIMIT: AlertLimit = { burst: Number.MAX_SAFE_INTEGER, perMinute: Number.MAX_SAFE_INTEGER };
/** Of one rule about one container: 1,000 at once, then 100 a second. */
export const DEFAULT_ALERT_LIMIT: AlertLimit = { burst: 1000, perMinute: 6000 };

const MINUTE_NS = 60_000_000_000;

/** Gives the time by which limits are kept, ns; it is asked with that of an event. */
export type LimitClock = (event: bigint) => bigint;
/** The clock of a replay: the event's own time, in nanoseconds. */
export const eventTime: LimitClock = (event) => event;
/** The clock of a running sensor: nanoseconds that nobody can set back. */
export const hostTime: LimitClock = () => process.hrtime.bigint();
/** How late what is forwarded may be judged: a bus keeps it for so long. */
const LATE_NS = 2n * 3_600_000_000_000n;
/**
 * The clock of a pool of judges, which judges some events late: the event's own time, where that is one that
 * an event may have now. So an agent that says other times gains two hours of alerts by it, once.
 */
export const forwardedTime: LimitClock = (event) => {
  const now = BigInt(Date.now()) * 1_000_000n;
  if (event > now) return now;
  return event < now - LATE_NS ? now - LATE_NS : event;
};

/** By which time limits are kept. */
export type LimitTime = "host" | "event" | "forwarded";

/** Their clocks. */
export const LIMIT_CLOCKS: Readonly<Record<LimitTime, LimitClock>> = {
  host: hostTime,
  event: eventTime,
  forwarded: forwardedTime,
};

/**
 * Containers, or rules in them, that are kept apart; beyond, the one that was not seen for longest is
 * forgotten.
 */
const KEYS_MAX = 4096;

/** The rule of the alert about alerts that were not raised. */
export const SUPPRESSED = "Vedette internal: alerts suppressed";

/** Alerts of a rule that were not raised. */
export interface Suppressed {
  readonly rule: number;
  /** The container that they are about; empty: not known. */
  readonly container: string;
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

  /** What is used up at this time (ns); null: nothing. */
  used(now: number): { readonly tokens: number; readonly at: number } | null {
    const at = this.#at;
    if (at === null) return null;
    const { burst, perMinute } = this.#limit;
    const isFull = this.#tokens + (Math.max(0, now - at) * perMinute) / MINUTE_NS >= burst;
    return isFull ? null : { tokens: this.#tokens, at };
  }

  /** Goes on from there. */
  resume({ tokens, at }: { readonly tokens: number; readonly at: number }): void {
    this.#tokens = Math.min(this.#limit.burst, tokens);
    this.#at = at;
  }

  /** So many more are taken, if there are as many. */
  spend(count: number): void {
    this.#tokens = Math.max(0, this.#tokens - count);
  }
}

/** A bucket for each container. */
export class ContainerBuckets {
  readonly #buckets = new Map<string, Bucket>();
  readonly #limit: AlertLimit;

  constructor(limit: AlertLimit) {
    this.#limit = limit;
  }

  take(now: number, container: string): boolean {
    const bucket = this.#buckets.get(container) ?? new Bucket(this.#limit);
    renew(this.#buckets, container, bucket);
    return bucket.take(now);
  }

  spend(container: string, count: number): void {
    this.#buckets.get(container)?.spend(count);
  }

  /** Those that are not full at this time: the last that were asked. */
  used(now: number, most: number): UsedBucket[] {
    const used = [...this.#buckets].flatMap(([place, bucket]) => {
      const left = bucket.used(now);
      return left === null ? [] : [{ place, ...left }];
    });
    return used.slice(-most);
  }

  resume(used: readonly UsedBucket[]): void {
    for (const { place, ...left } of used) {
      const bucket = new Bucket(this.#limit);
      bucket.resume(left);
      renew(this.#buckets, place, bucket);
    }
  }
}

interface Row {
  readonly rule: number;
  readonly container: string;
  readonly bucket: Bucket;
  suppressed: number;
}

/** The limits of one policy. It keeps a bounded number of containers and forgets the quiet ones first. */
export class AlertLimiter {
  readonly #limit: AlertLimit;
  /** Of all rules of the tenant; null: no bound. */
  readonly #all: ContainerBuckets | null;
  readonly #rows = new Map<string, Row>();
  /** Of rows that were forgotten. */
  #forgotten: Suppressed[] = [];
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(limit: AlertLimit = DEFAULT_ALERT_LIMIT, all: ContainerBuckets | null = null) {
    this.#limit = limit;
    this.#all = all;
  }

  /** Whether a rule may raise an alert about a container at this time (ns). */
  allows(rule: number, time: bigint, container = ""): boolean {
    const now = Number(time);
    const row = this.#row(rule, container);
    if (row.bucket.take(now) && (this.#all?.take(now, container) ?? true)) return true;
    row.suppressed++;
    return false;
  }

  /** One that was allowed costs so many more: it was long. */
  spend(rule: number, container: string, count: number): void {
    this.#row(rule, container).bucket.spend(count);
    this.#all?.spend(container, count);
  }

  /** One more that was not raised, for another reason. */
  withhold(rule: number, container = ""): void {
    this.#row(rule, container).suppressed++;
  }

  #row(rule: number, container: string): Row {
    const key = `${rule} ${container}`;
    const row = this.#rows.get(key) ?? { rule, container, bucket: new Bucket(this.#limit), suppressed: 0 };
    const old = renew(this.#rows, key, row);
    if (old !== undefined) this.#forget(old);
    return row;
  }

  /** Rows that are not full at this time, or have something to tell: the last that were asked. */
  used(now: bigint, most: number): (Omit<UsedLimit, "rule"> & { readonly rule: number })[] {
    const used = [...this.#rows.values()].flatMap(({ rule, container: place, bucket, suppressed }) => {
      const left = bucket.used(Number(now));
      if (left === null && suppressed === 0) return [];
      return [{ rule, place, suppressed, ...(left ?? { tokens: this.#limit.burst, at: Number(now) }) }];
    });
    return used.slice(-most);
  }

  resume(used: readonly (Omit<UsedLimit, "rule"> & { readonly rule: number })[]): void {
    for (const { rule, place, suppressed, tokens, at } of used) {
      const row = this.#row(rule, place);
      row.bucket.resume({ tokens, at });
      row.suppressed = suppressed;
    }
  }

  /** What was suppressed since it was last told, at most once a minute; `isEnd`: now. */
  tell(time: bigint, isEnd = false): Suppressed[] {
    const now = Number(time);
    if (!isEnd && now - this.#toldAt < MINUTE_NS) return [];
    const told = this.#forgotten;
    this.#forgotten = [];
    for (const row of this.#rows.values()) {
      const { rule, container, suppressed: count } = row;
      if (count > 0) told.push({ rule, container, count });
      row.suppressed = 0;
    }
    if (told.length > 0) this.#toldAt = now;
    return told;
  }

  #forget({ rule, suppressed: count }: Row): void {
    if (count === 0) return;
    const others = this.#forgotten.find((one) => one.rule === rule);
    this.#forgotten = this.#forgotten.filter((one) => one !== others);
    this.#forgotten.push({ rule, container: "", count: count + (others?.count ?? 0) });
  }
}

/** Puts it last; gives the one that had to go for it. */
function renew<T>(map: Map<string, T>, key: string, value: T): T | undefined {
  map.delete(key);
  map.set(key, value);
  if (map.size <= KEYS_MAX) return undefined;
  for (const [oldest, gone] of map) {
    map.delete(oldest);
    return gone;
  }
  return undefined;
}
