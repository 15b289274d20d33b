// SPDX-License-Identifier: Apache-2.0
// Which worker judges which policy. All policies of a tenant sit together, at the worker that the tenant's
// name alone decides. The other tenants, and the order in which they came, change nothing. All of the
// operator's own policies sit at the first worker. A tenant that took too long goes to the slow worker, with
// all its policies, and stays there. It can delay only other slow tenants there.
import { createHash } from "node:crypto";
import { Account } from "./account.js";
import { ownerOf } from "./bounds.js";
import type { LoadedPolicy } from "./policy.js";
import type { Post } from "./post.js";

/** A tenant, or a policy of the operator's own. */
export interface Owner {
  readonly key: string;
  /** Null: the operator. */
  readonly tenant: string | null;
  readonly account: Account;
  isSlow: boolean;
}

/** Which post each owner and each policy has. */
export class Placement {
  readonly ordinary: Post[] = [];
  /** The slow worker's place; null: there is none yet. */
  slow: Post | null = null;
  /** Where each seated policy sits. */
  readonly homes = new Map<number, Post>();
  readonly #owners = new Map<string, Owner>();

  get posts(): readonly Post[] {
    return this.slow === null ? this.ordinary : [...this.ordinary, this.slow];
  }

  owner(policy: LoadedPolicy): Owner {
    const key = ownerOf(policy);
    const known = this.#owners.get(key);
    if (known !== undefined) return known;
    const tenant = policy.tenancy?.tenant ?? null;
    const account = Account.open((this.ordinary[0] as Post).position, policy.tenancy?.bounds?.usPerEvent);
    const owner = { key, tenant, account, isSlow: false };
    this.#owners.set(key, owner);
    return owner;
  }

  /** Where a policy of this owner sits down. */
  of({ tenant, isSlow }: Owner): Post {
    if (isSlow && this.slow !== null) return this.slow;
    const index = tenant === null ? 0 : workerOf(tenant, this.ordinary.length);
    return this.ordinary[index] as Post;
  }

  policy(id: number): LoadedPolicy | null {
    return this.homes.get(id)?.seats.get(id)?.policy ?? null;
  }

  /** The policies of this owner that sit elsewhere than at `post`. */
  elsewhere(owner: Owner, post: Post): Map<Post, number[]> {
    const found = new Map<Post, number[]>();
    for (const [id, home] of this.homes) {
      const policy = this.policy(id);
      if (home === post || policy === null || ownerOf(policy) !== owner.key) continue;
      found.set(home, [...(found.get(home) ?? []), id]);
    }
    return found;
  }

  /** Whether there is anybody else whom this owner could delay. */
  isAlone(owner: Owner): boolean {
    return [...this.homes.keys()].every((id) => {
      const policy = this.policy(id);
      return policy === null || ownerOf(policy) === owner.key;
    });
  }
}

/**
 * Of `count` workers, the one whose digest with the name is the largest: with another count, few tenants
 * move.
 */
export function workerOf(tenant: string, count: number): number {
  let best = { index: 0, weight: "" };
  for (let index = 0; index < count; index++) {
    const weight = createHash("sha256").update(`${index} ${tenant}`).digest("hex");
    if (weight > best.weight) best = { index, weight };
  }
  return best.index;
}
