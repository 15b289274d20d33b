// SPDX-License-Identifier: Apache-2.0
// What all the policies of a tenant may have together, in one worker: alerts, and lines of log. The
// operator's own policies share no bound on alerts; each has its own.
import { US_PER_EVENT } from "./account.js";
import { Bucket, ContainerBuckets } from "./limiter.js";
import type { LoadedPolicy, TenantBounds } from "./policy.js";

/** What a tenant gets where tenants.yaml sets no limit. */
export const DEFAULT_BOUNDS: TenantBounds = {
  usPerEvent: US_PER_EVENT,
  alerts: { burst: 2000, perMinute: 6000 },
  logLinesPerMinute: 60,
};

const ALERTS_PER_BATCH = 1000;
const LOG_LINES_PER_BATCH = 10;

/**
 * A policy's owner: all policies of a tenant have one owner, and each policy of the operator is its own
 * owner.
 */
export function ownerOf({ name, tenancy }: LoadedPolicy): string {
  return tenancy == null ? `policy ${name}` : `tenant ${tenancy.tenant}`;
}

type Bounded = Pick<LoadedPolicy, "tenancy" | "alerts">;

function wordOf({ tenancy, alerts }: Bounded): string {
  return JSON.stringify([tenancy?.bounds, alerts]);
}

/** What is used up of one owner's bounds. */
export class SharedBounds {
  /** Of the alerts of all rules; null: no bound. */
  readonly alerts: ContainerBuckets | null;
  readonly #logs: Bucket;
  #batch: unknown = null;
  readonly #alertsMost: number = ALERTS_PER_BATCH;
  #alertsLeft = 0;
  #logsLeft = LOG_LINES_PER_BATCH;
  #unsaid = 0;
  readonly #word: string;

  constructor(policy: Bounded) {
    const { tenancy, alerts: own } = policy;
    this.#word = wordOf(policy);
    if (tenancy == null && own !== undefined) this.#alertsMost = Math.max(own.burst, ALERTS_PER_BATCH);
    const { alerts, logLinesPerMinute } = tenancy?.bounds ?? DEFAULT_BOUNDS;
    this.alerts = tenancy == null ? null : new ContainerBuckets(alerts);
    this.#logs = new Bucket({ burst: logLinesPerMinute, perMinute: logLinesPerMinute });
  }

  /**
   * Whether these bounds are still the policy's. Its tenant may have others since tenants.yaml was read
   * again.
   */
  isOf(policy: Bounded): boolean {
    return this.#word === wordOf(policy);
  }

  /** From now on `batch` is judged. If it is another batch than before, its bounds begin anew. */
  begin(batch: unknown): void {
    if (this.#batch === batch) return;
    this.#batch = batch;
    this.#alertsLeft = this.#alertsMost;
    this.#logsLeft = LOG_LINES_PER_BATCH;
  }

  /** Whether this batch may have one alert more. */
  get hasRoom(): boolean {
    return this.#alertsLeft > 0;
  }

  /** The batch has raised one alert more. */
  count(): void {
    this.#alertsLeft--;
  }

  /**
   * A line of log as it may be printed now, with the number of lines that were suppressed before it. Null: it
   * may not.
   */
  line(text: string, now: bigint): string | null {
    if (this.#logsLeft <= 0 || !this.#logs.take(Number(now))) {
      this.#unsaid++;
      return null;
    }
    this.#logsLeft--;
    const unsaid = this.#unsaid;
    this.#unsaid = 0;
    return unsaid === 0 ? text : `(${unsaid} lines before this were too many) ${text}`;
  }
}
