// SPDX-License-Identifier: Apache-2.0
// How each policy is: its state, what it did and cost. The control API shows it (host/control), to each who
// asks what is his.
import { createHash } from "node:crypto";
import type { SeatStatus } from "../engine/engine.js";
import type { WatchEntry } from "./watch.js";

/** One row of `vedette policy status`. `nsPerEvent` is thread time. */
export interface PolicyStatus {
  /** Empty: the operator's own. */
  readonly tenant: string;
  readonly policy: string;
  readonly version: string;
  /** SHA-256 of the module that judges, hexadecimal; empty: none does. */
  readonly digest: string;
  /**
   * judging; slow: the slow worker judges it; resting: it overran or kept trapping; outdated: an older
   * version judges, because what its folder holds now was refused; refused: no version of it ever ran.
   */
  readonly state: SeatStatus["state"] | "outdated" | "refused";
  readonly rules: number;
  readonly events: number;
  readonly alerts: number;
  readonly suppressed: number;
  readonly nsPerEvent: number;
  readonly memoryBytes: number;
  readonly traps: number;
  /** Calls that agents denied by its rows, and those that they would have denied (docs/prevention.md). */
  readonly denied: number;
  readonly monitored: number;
  readonly lastError: string | null;
}

/** Of all policies, by name: those that sit, and those of policies.d that do not. */
export function policyStatus(seats: readonly SeatStatus[], entries: readonly WatchEntry[]): PolicyStatus[] {
  const errors = new Map(
    entries.flatMap(({ id, error }) => (id !== null && error !== null ? [[id, error.message]] : [])),
  );
  const seated = seats.map(
    ({ id, policy, state, tally, lastError }): PolicyStatus => ({
      tenant: policy.tenancy?.tenant ?? "",
      policy: policy.name,
      version: policy.version,
      digest: digestOf(policy.admitted.bytes),
      state: state === "judging" && errors.has(id) ? "outdated" : state,
      rules: policy.rules.length,
      events: tally.events,
      alerts: tally.alerts,
      suppressed: tally.suppressed,
      nsPerEvent: tally.events === 0 ? 0 : Math.round((tally.ns / tally.events) * 10) / 10,
      memoryBytes: tally.memoryBytes,
      traps: tally.traps,
      denied: tally.denied,
      monitored: tally.monitored,
      lastError: errors.get(id) ?? lastError,
    }),
  );
  const none = {
    version: "",
    digest: "",
    rules: 0,
    events: 0,
    alerts: 0,
    suppressed: 0,
    nsPerEvent: 0,
    memoryBytes: 0,
    traps: 0,
    denied: 0,
    monitored: 0,
  };
  const refused = entries
    .filter((entry) => entry.id === null)
    .map(
      ({ tenant, policy, error }): PolicyStatus => ({
        tenant,
        policy,
        ...none,
        state: "refused",
        lastError: error?.message ?? null,
      }),
    );
  return [...seated, ...refused].sort((a, b) => compare(a.tenant, b.tenant) || compare(a.policy, b.policy));
}

const digests = new WeakMap<Uint8Array, string>();

/** A module's bytes do not change, and it may have many of them. */
function digestOf(bytes: Uint8Array): string {
  const known = digests.get(bytes) ?? createHash("sha256").update(bytes).digest("hex");
  digests.set(bytes, known);
  return known;
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
