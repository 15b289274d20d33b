// SPDX-License-Identifier: Apache-2.0
// What the engine runs: a policy that was found, compiled and admitted, with its settings. Plain data, so
// that it can be posted to a worker; host/policy/load.ts makes it from a bundle.

import type { Admitted, Examined } from "../wasm/admission.js";
import { eventsOf, type RuleMetadata } from "../wasm/metadata.js";
import type { ParameterValues } from "../wasm/settings.js";
import type { BytesForm } from "../wire/render.js";
import type { Exception } from "./exceptions.js";
import type { AlertLimit } from "./limiter.js";
import type { PreventRow } from "./prevent-row.js";
import type { Scope } from "./scope.js";

/** A rule with what policy.yaml changes in it. */
export interface LoadedRule extends RuleMetadata {
  readonly enabled: boolean;
  readonly exceptions?: readonly Exception[];
}

/** What a tenant may have, as tenants.yaml says. */
export interface TenantBounds {
  /** Thread time for an event, µs (account.ts). */
  readonly usPerEvent: number;
  readonly alerts: AlertLimit;
  readonly logLinesPerMinute: number;
}

/** Whose a policy is: what it may see and use. */
export interface Tenancy {
  readonly tenant: string;
  readonly scope: Scope;
  /** Of each rule. */
  readonly alerts: AlertLimit;
  /** Of all its policies together; default DEFAULT_BOUNDS. */
  readonly bounds?: TenantBounds;
  /** Of its policies' memories together, at their largest. */
  readonly memoryBytes?: number;
}

/** A policy whose module is not compiled yet. */
export interface ExaminedPolicy {
  readonly name: string;
  readonly version: string;
  /** What messages call it: its folder, or its file. */
  readonly place: string;
  readonly admitted: Examined;
  /** A digest of the source that the module was compiled from here; none where it came as a module. */
  readonly madeFrom?: string;
  readonly parameters: ParameterValues;
  /** In the order of the module's rule numbers. */
  readonly rules: readonly LoadedRule[];
  /** How outputs of rules show bytes that were read or written; default: as text. */
  readonly bytes?: BytesForm;
  /** None: the operator's own, which sees everything. */
  readonly tenancy?: Tenancy | null;
  /** Of each rule of the operator's own policy; default DEFAULT_ALERT_LIMIT. */
  readonly alerts?: AlertLimit;
  /** What its author says of what its state means: another word, and a new version begins with none. */
  readonly state?: string;
  /** Files, folders and globs whose opens agents are to watch, whoever makes them. */
  readonly sensitive?: readonly string[];
  /** What agents are to deny in its name. */
  readonly prevent?: readonly PreventRow[];
}

/** A policy whose module was admitted and compiled. */
export interface LoadedPolicy extends ExaminedPolicy {
  readonly admitted: Admitted;
}

/** Types of the events that its rules and meters judge, by name. */
export function eventsJudgedBy({ admitted: { metadata } }: LoadedPolicy): string[] {
  return eventsOf(metadata.rules, metadata.meters);
}
