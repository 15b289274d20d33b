// SPDX-License-Identifier: Apache-2.0
// How a browser comes in without a password. Whoever may open a Unix socket asks it for a ticket. A ticket
// lets in once, within five minutes; the page gives it for a key, and asks with the key from then on.
//
// The page keeps the key in its tab and sends it as a bearer token. A cookie would go to every port of this
// machine's name: in a task the workload shares 127.0.0.1 with us, and may listen there.
import { createHash, randomBytes } from "node:crypto";

const SECRET_BYTES = 32;
const TICKET_MS = 5 * 60_000;
const KEY_MS = 12 * 3_600_000;
/** Of each kind, of the operator and of each tenant; the oldest of theirs goes for a new one. */
const MOST = 256;

/** Null: the operator. */
type Tenant = string | null;

interface Held {
  readonly tenant: Tenant;
  /** ms of a clock that only goes forward. */
  readonly until: number;
}

/** A secret that was just made, and for how long it holds. */
export interface Given {
  readonly secret: string;
  readonly seconds: number;
}

/** Tickets and keys of one sensor, by their SHA-256, in memory alone: they end with the process. */
export class Sessions {
  readonly #tickets = new Map<string, Held>();
  readonly #keys = new Map<string, Held>();
  readonly #now: () => number;

  /** `now`: ms. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** For whom a Unix socket speaks. */
  ticket(tenant: Tenant): Given {
    return this.#give(this.#tickets, tenant, TICKET_MS);
  }

  /** The key for a ticket, which is used up; null: it is none, or no longer. */
  enter(ticket: string): (Given & { readonly tenant: Tenant }) | null {
    const name = digestOf(ticket);
    const held = this.#held(this.#tickets, name);
    this.#tickets.delete(name);
    return held === null ? null : { ...this.#give(this.#keys, held.tenant, KEY_MS), tenant: held.tenant };
  }

  /** Whom a key speaks for; undefined: nobody. */
  holder(key: string): Tenant | undefined {
    return this.#held(this.#keys, digestOf(key))?.tenant;
  }

  /** The key holds no longer. */
  leave(key: string): void {
    this.#keys.delete(digestOf(key));
  }

  #give(into: Map<string, Held>, tenant: Tenant, ms: number): Given {
    const secret = randomBytes(SECRET_BYTES).toString("base64url");
    into.set(digestOf(secret), { tenant, until: this.#now() + ms });
    const theirs = [...into].filter(([, held]) => held.tenant === tenant);
    for (const [name] of theirs.slice(0, Math.max(0, theirs.length - MOST))) into.delete(name);
    return { secret, seconds: ms / 1000 };
  }

  #held(among: Map<string, Held>, name: string): Held | null {
    const held = among.get(name);
    return held !== undefined && this.#now() < held.until ? held : null;
  }
}

/** Secrets are found by their digest: how long that takes says nothing of a secret. */
function digestOf(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}
