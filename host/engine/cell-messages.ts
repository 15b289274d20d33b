// SPDX-License-Identifier: Apache-2.0
// What the host and the process of a tenant say to each other. A compiled module cannot leave its process, so
// a policy goes as bytes and is admitted again where it arrives.

import type { Finding } from "../finding/finding.js";
import type { Measured } from "../wasm/metrics-region.js";
import type { ContainerFacts } from "../wire/container.js";
import type { Value } from "../wire/value.js";
import type { SeatStatus } from "./engine.js";
import type { LoadedPolicy } from "./policy.js";
import type { PolicyTally } from "./tally.js";

/** A policy without what belongs to one process. */
export interface SentPolicy {
  readonly policy: Omit<LoadedPolicy, "admitted">;
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly memoryPages: number;
}

/** What the host says to a cell. */
export type ToCell =
  /** One policy goes, another comes, both by the numbers that the host gave them. */
  | { readonly kind: "swap"; readonly number: number; readonly out: number | null; readonly policy: SentPolicy | null }
  | {
      readonly kind: "batch";
      readonly stream: number;
      readonly bytes: Uint8Array;
      readonly container: ContainerFacts | null;
    }
  | { readonly kind: "status" }
  | { readonly kind: "end" };

/** What a cell says to the host. */
export type FromCell =
  | { readonly kind: "ready" }
  | { readonly kind: "swapped"; readonly number: number; readonly fault: string | null }
  /**
   * Of a rule of one of its policies. Whose it is, how grave, and whether it may be raised is for the host to
   * say.
   */
  | {
      readonly kind: "alert";
      readonly policy: string;
      readonly rule: string;
      readonly time: bigint;
      readonly output: string;
      readonly outputFields: readonly (readonly [name: string, value: Value])[];
      readonly finding?: Finding | undefined;
      /** The key of repeats, where the rule has one of its own. */
      readonly dedup?: string | null | undefined;
      readonly stream: number;
    }
  /** Alerts that the cell's own limit kept back. */
  | {
      readonly kind: "suppressed";
      readonly policy: string;
      readonly rule: string;
      readonly time: bigint;
      readonly container: string;
      readonly count: number;
    }
  | {
      readonly kind: "fault";
      readonly number: number;
      readonly code: string;
      readonly message: string;
      readonly hint: string;
    }
  /** What one policy has measured since the last time, or a part of it. */
  | { readonly kind: "measured"; readonly number: number; readonly measured: Measured }
  /** What one policy measured since the last time is gone. */
  | { readonly kind: "unmeasured"; readonly number: number }
  | { readonly kind: "log"; readonly policy: string; readonly level: number; readonly text: string }
  /** So many batches were judged, so far. Also says that the process lives. */
  | { readonly kind: "judged"; readonly batches: number; readonly seats: readonly CellSeat[] }
  | { readonly kind: "ended" };

/** How one policy in the cell is. `number` is the host's for it. */
export interface CellSeat {
  readonly number: number;
  readonly state: SeatStatus["state"];
  readonly tally: PolicyTally;
  readonly lastError: string | null;
}
