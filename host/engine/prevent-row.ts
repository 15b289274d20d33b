// SPDX-License-Identifier: Apache-2.0
// A row of what a policy prevents. host/policy/prevent.ts reads it from policy.yaml; the agent holds it (capture/prevent/table.h).
// The order of each list is the wire's.
import type { Priority } from "../finding/priority.js";

export const DENIES = ["exec", "memfd-exec", "connect", "ptrace", "mount"] as const;
export const ACTIONS = ["eperm", "kill"] as const;
export const MODES = ["enforce", "monitor"] as const;

export interface PreventRow {
  /** What its alerts are called. */
  readonly name: string;
  readonly deny: (typeof DENIES)[number];
  readonly action: (typeof ACTIONS)[number];
  readonly mode: (typeof MODES)[number];
  readonly priority: Priority | null;
  readonly tags: readonly string[];
  /** ADDRESS or ADDRESS/BITS. */
  readonly networks: readonly string[];
  readonly ports: readonly number[];
  /** Globs: programs that may be executed all the same. */
  readonly files: readonly string[];
  /** Globs: programs that may connect all the same. */
  readonly programs: readonly string[];
}
