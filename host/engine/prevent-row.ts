// SPDX-License-Identifier: Apache-2.0
// A row of what a policy prevents. host/policy/prevent.ts reads it from policy.yaml; the agent holds it
// (capture/prevent/table.h). The order of each list is the wire's.
import type { Priority } from "../finding/priority.js";

/** What a row may deny. The wire has the index. */
export const DENIES = ["exec", "memfd-exec", "connect", "ptrace", "mount"] as const;
/**
 * What agents can deny: `network` is every use of a socket that makes a connection or sends. Only a response
 * asks for it, because it rests on each call of a tree stopping.
 */
export const DENIABLE = [...DENIES, "network"] as const;
/** What happens to a denied call: EPERM, or SIGKILL to its process. The wire has the index. */
export const ACTIONS = ["eperm", "kill"] as const;
/** Whether the row denies, or only says what it would deny. The wire has the index. */
export const MODES = ["enforce", "monitor"] as const;

/** One row, checked. An empty list sets no condition. */
export interface PreventRow extends DenyRow {
  readonly deny: (typeof DENIES)[number];
}

/** The same, of whatever an agent can deny. */
export interface DenyRow {
  /** What its alerts are called. */
  readonly name: string;
  readonly deny: (typeof DENIABLE)[number];
  readonly action: (typeof ACTIONS)[number];
  readonly mode: (typeof MODES)[number];
  readonly priority: Priority | null;
  readonly tags: readonly string[];
  /** ADDRESS or ADDRESS/BITS. Of `network`: those that are not denied. */
  readonly networks: readonly string[];
  readonly ports: readonly number[];
  /** Globs: programs that may be executed all the same. */
  readonly files: readonly string[];
  /** Globs: programs that may connect all the same. */
  readonly programs: readonly string[];
}
