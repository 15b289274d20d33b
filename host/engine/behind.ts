// SPDX-License-Identifier: Apache-2.0
// What the slow worker missed, by owner, until it is told: at once where nothing was told for ten seconds, so
// that a flood is told in a few lines, and at the end.
import { VedetteError } from "../errors.js";
import type { LoadedPolicy } from "./policy.js";

/** How often it is told. */
const EVERY_MS = 10_000;

/** Batches that nobody judged for their owners. */
export class Behind {
  readonly #onFault: (error: VedetteError, policy: LoadedPolicy) => void;
  readonly #missed = new Map<string, { readonly policy: LoadedPolicy; readonly batches: number }>();
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(onFault: (error: VedetteError, policy: LoadedPolicy) => void) {
    this.#onFault = onFault;
  }

  /** `owner`: a tenant's key, or a policy's; `policy`: one of its own. */
  add(owner: string, policy: LoadedPolicy, batches: number): void {
    this.#missed.set(owner, { policy, batches: (this.#missed.get(owner)?.batches ?? 0) + batches });
    if (performance.now() - this.#toldAt >= EVERY_MS) this.tell();
  }

  /** Tells VEDETTE_POLICY_BEHIND of each owner that missed some, and forgets it. */
  tell(): void {
    if (this.#missed.size === 0) return;
    const missed = [...this.#missed.values()];
    this.#missed.clear();
    this.#toldAt = performance.now();
    for (const { policy, batches } of missed)
      this.#onFault(new VedetteError("VEDETTE_POLICY_BEHIND", { whose: whose(policy), batches }), policy);
  }
}

function whose({ name, tenancy }: LoadedPolicy): string {
  return tenancy == null ? `The policy ${name} does` : `The policies of the tenant ${tenancy.tenant} do`;
}
