// SPDX-License-Identifier: Apache-2.0
// Raises alerts about agents that may not be whose they say: one that cannot prove its container's name, and
// two for one container; and about agents that are gone or silent. Anybody who reaches the socket can cause
// the first alert, and anybody who knows a secret the others, as often as they like. So each has a limit of
// its own, the last for each container, and says how many were kept back.
import { hostname } from "node:os";
import type { Hello } from "../capture/agent.js";
import { Bucket } from "../engine/limiter.js";
import type { GuardNews } from "../output/guard-alert.js";
import { claimedName, type Guest } from "./guests.js";

const LIMIT = { burst: 20, perMinute: 20 };

/** Raises *Two agents for one container* and *Agent refused*, each within a quota of its own. */
export class Doubts {
  readonly #disputes = new Quota();
  readonly #refusals = new Quota();
  readonly #tell: (news: GuardNews, guest: Guest | null) => void;

  constructor(tell: (news: GuardNews, guest: Guest | null) => void) {
    this.#tell = tell;
  }

  /** Both know the secret, and are heard. */
  onRival(guest: Guest, rival: Guest): void {
    const untold = this.#disputes.take();
    if (untold === null) return;
    const fields = {
      "container.name": guest.name,
      "agent.pid": guest.pid,
      "agent.hostname": guest.hostname,
      "agent.rival_pid": rival.pid,
      "agent.rival_hostname": rival.hostname,
      "agent.disputes_untold": untold,
    };
    const output = "Two agents say that they are of one container, and both are heard: one of them lies";
    this.#tell({ rule: "Two agents for one container", output, fields, hostname: guest.hostname }, guest);
  }

  /**
   * It is not heard. What it says of itself is its word: the alert is not about the container that it names.
   */
  onUnproven(hello: Hello): void {
    const untold = this.#refusals.take();
    if (untold === null) return;
    const fields = {
      "agent.claimed_name": claimedName(hello).slice(0, 256),
      "agent.pid": hello.pid,
      "agent.hostname": hello.hostname.slice(0, 64),
      "agent.refusals_untold": untold,
    };
    const output = "An agent is not heard: it does not know the secret of the container that it says it is of";
    this.#tell({ rule: "Agent refused", output, fields, hostname: hostname() }, null);
  }
}

/** Limits of containers and rules; of more, the one that was needed longest ago begins anew. */
const LIMITS_MAX = 2048;
/** An agent that is started again and again is told of at first, and then now and then. */
const LIMIT_OF_ONE = { burst: 10, perMinute: 2 };

/**
 * How often each rule may tell of each container: who can have one rule's alerts raised without end keeps
 * back no other's.
 */
export class QuotaByContainer {
  readonly #quotas = new Map<string, Quota>();

  /** How many were kept back before this one; null: it is kept back, too. */
  take(rule: string, container: string): number | null {
    const key = `${rule}/${container}`;
    const quota = this.#quotas.get(key) ?? new Quota(LIMIT_OF_ONE);
    this.#quotas.delete(key);
    this.#quotas.set(key, quota);
    for (const oldest of this.#quotas.keys()) if (this.#quotas.size > LIMITS_MAX) this.#quotas.delete(oldest);
    return quota.take();
  }
}

class Quota {
  readonly #bucket: Bucket;
  #untold = 0;

  constructor(limit = LIMIT) {
    this.#bucket = new Bucket(limit);
  }

  /** How many were kept back before this one; null: it is kept back, too. */
  take(): number | null {
    if (!this.#bucket.take(performance.now() * 1e6)) {
      this.#untold++;
      return null;
    }
    const untold = this.#untold;
    this.#untold = 0;
    return untold;
  }
}
