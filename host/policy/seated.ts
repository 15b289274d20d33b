// SPDX-License-Identifier: Apache-2.0
// What somebody asks about a policy that is loaded, by whose it is and its name: what it is, what it says of
// events of a moment ago, why, and what another text of it would say.
import type { SeatStatus } from "../engine/engine.js";
import type { LoadedPolicy } from "../engine/policy.js";
import type { Scope } from "../engine/scope.js";
import type { TrialBatch, TrialResult } from "../engine/trial.js";
import { type Bundle, openBundle } from "./bundle.js";
import { detailOf, type PolicyDetail, textsAt } from "./detail.js";
import { type DraftTried, draftAt } from "./draft.js";
import { limitsAt } from "./load.js";
import { Snapshot, takeSnapshot } from "./snapshot.js";
import { openTenant, type Tenant } from "./tenants.js";
import { type PolicyExplained, PolicyTrials } from "./trials.js";
import { checkHead, checkLoaders, type WatchEntry } from "./watch.js";
import type { AskedBatch } from "./ways-messages.js";

/** Batches as a scope lets them be seen; null: all of them. */
export type BatchesOf = (scope: Scope | null) => readonly TrialBatch[];

/** As BatchesOf, and which of their records are asked about. */
export type AskedBatchesOf = (scope: Scope | null) => readonly AskedBatch[];

/** A policy, by whose it is and its name, and another text of its index.ts. */
export interface Drafted {
  readonly tenant: string;
  readonly policy: string;
  readonly text: string;
}

/** What is there at the moment. */
export interface SeatedSources {
  /** Who sits in the engine, or in tenants' processes. */
  readonly seats: () => readonly SeatStatus[];
  /** Of the watched folder. */
  readonly entries: () => readonly WatchEntry[];
  /** Null: every folder is a tenant that sees everything. */
  readonly tenants: () => ReadonlyMap<string, Tenant> | null;
}

/** The policies that are loaded, as those who ask see them. */
export class SeatedPolicies {
  readonly #sources: SeatedSources;
  readonly #trials = new PolicyTrials();
  #isClosed = false;

  constructor(sources: SeatedSources) {
    this.#sources = sources;
  }

  /** Ends what is tried; from now on none is loaded. */
  close(): void {
    this.#isClosed = true;
    this.#trials.close();
  }

  /**
   * What a policy that is loaded says to these batches, from a new state; null: there is none. It runs in a
   * process of its own, and not where it judges. Throws VEDETTE_POLICY_TRIAL, also where close() comes first.
   */
  try(tenant: string, name: string, batchesOf: BatchesOf): Promise<TrialResult> | null {
    const now = this.#asNow(tenant, name);
    return now === null ? null : this.#trials.run(now.policy, batchesOf(now.scope));
  }

  /**
   * What each rule of a policy that is loaded says of these batches, from a new state; null: there is
   * none. It is explained from its source, if that is still what runs. Throws VEDETTE_POLICY_TRIAL, and
   * what reading and compiling throw.
   */
  explain(tenant: string, name: string, batchesOf: AskedBatchesOf): Promise<PolicyExplained> | null {
    const now = this.#asNow(tenant, name);
    if (now === null) return null;
    return this.#trials.explain(now.policy, () => this.#filesOf(now.policy), batchesOf(now.scope));
  }

  /**
   * What becomes of a policy that is loaded with another text of its index.ts; null: there is none, or none
   * any more when it is compiled. Its other files are as they are now. Nothing of it is loaded or written. A
   * text: why there can be none.
   */
  draft({ tenant: whose, policy, text }: Drafted, batchesOf: BatchesOf): Promise<DraftTried | string | null> | null {
    const found = this.#seated(whose, policy);
    if (found === null) return null;
    const tenant = found.tenancy == null ? null : (this.#sources.tenants()?.get(whose) ?? openTenant(whose));
    const filesNow = (): Bundle | null => {
      const { isOthers, place } = this.#placeOf(found);
      const files = draftAt(place, text, isOthers);
      if (files instanceof Snapshot) {
        if (tenant !== null) checkLoaders(files.owners, place, tenant);
        checkHead(files, place);
      }
      return files;
    };
    const limits = tenant?.modules ?? limitsAt(found.place);
    return this.#trials.draft(found, { filesNow, limits }, () => {
      const now = this.#asNow(whose, policy);
      return now === null ? null : { loaded: now.policy, batches: batchesOf(now.scope) };
    });
  }

  /** As they are now. Throws the system's error, NotPlain, or VEDETTE_POLICY_UNREADABLE. */
  #filesOf(policy: LoadedPolicy): Bundle {
    const { isOthers, place } = this.#placeOf(policy);
    if (!isOthers) return openBundle(place);
    const files = takeSnapshot(place);
    checkHead(files, place);
    return files;
  }

  /**
   * `isOthers`: another user may change what is there, so it is read as when it is loaded. A tenant's is,
   * also while it is on its way out and the watch has forgotten it.
   */
  #placeOf(policy: LoadedPolicy): { readonly place: string; readonly isOthers: boolean } {
    const entry = this.#sources.entries().find(({ loaded }) => loaded === policy);
    return { place: entry?.path ?? policy.place, isOthers: entry !== undefined || policy.tenancy != null };
  }

  /** What it is; null: there is none of that name. */
  detail(tenant: string, name: string): PolicyDetail | null {
    const found = this.#seated(tenant, name);
    if (found === null) return null;
    // Of a folder that another user may change, what was loaded is shown, and nothing is read now; also while
    // one of a tenant's is on its way out and the watch has forgotten it.
    const entry = this.#sources.entries().find(({ loaded }) => loaded === found);
    const isTenants = found.tenancy !== null && found.tenancy !== undefined;
    return detailOf(found, entry?.texts ?? (isTenants || entry !== undefined ? null : textsAt(found.place)));
  }

  #seated(tenant: string, name: string): LoadedPolicy | null {
    const seats = this.#isClosed ? [] : this.#sources.seats();
    const isIt = ({ policy }: SeatStatus): boolean => policy.name === name && (policy.tenancy?.tenant ?? "") === tenant;
    return seats.find(isIt)?.policy ?? null;
  }

  /**
   * A policy that is loaded, and what it may see now: tenants.yaml may have changed since it was loaded.
   * Null: there is none, or nothing of its tenant any more.
   */
  #asNow(tenant: string, name: string): { readonly policy: LoadedPolicy; readonly scope: Scope | null } | null {
    const policy = this.#seated(tenant, name);
    if (policy === null) return null;
    if (policy.tenancy == null) return { policy, scope: null }; // the operator's own sees everything
    const tenants = this.#sources.tenants();
    const scope = tenants === null ? policy.tenancy.scope : (tenants.get(tenant)?.tenancy.scope ?? null);
    return scope === null ? null : { policy, scope };
  }
}
