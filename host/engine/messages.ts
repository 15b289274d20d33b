// SPDX-License-Identifier: Apache-2.0
// What the main thread and a policy worker say to each other. All of it is plain data; compiled modules share their code, and
// shared memory its content.
import type { Alert } from "../output/alert.js";
import type { ContainerFacts } from "../wire/container.js";
import type { LoadedPolicy } from "./policy.js";

/** A policy in its place: ids grow, and policies judge in the order of their ids. */
export interface Seat {
  readonly id: number;
  readonly policy: LoadedPolicy;
  /** What it does and costs (tally.ts). */
  readonly tally: SharedArrayBuffer;
  /** Its state after the last batch (keep.ts); null before it has any. */
  readonly keep: SharedArrayBuffer | null;
}

export interface WorkerStart {
  readonly ring: SharedArrayBuffer;
  readonly reader: number;
  readonly control: SharedArrayBuffer;
  readonly seats: readonly Seat[];
  readonly containers: ReadonlyMap<number, ContainerFacts>;
}

/** Carried out between two batches. */
export type Order =
  /** One policy goes, another comes, and no batch is judged in between; the first stays if the second cannot start. */
  | { readonly kind: "swap"; readonly number: number; readonly out: number | null; readonly seat: Seat | null }
  /** What the orchestrator says of the container that a stream comes from; null: the stream is over. */
  | { readonly kind: "container"; readonly stream: number; readonly facts: ContainerFacts | null };

export type Report =
  | { readonly kind: "ready" }
  /** Of the policies that a worker starts with. */
  | {
      readonly kind: "seated";
      readonly id: number;
      readonly fault: string | null;
      readonly keep: SharedArrayBuffer | null;
    }
  /** Answers a swap. */
  | {
      readonly kind: "swapped";
      readonly number: number;
      readonly fault: string | null;
      readonly keep: SharedArrayBuffer | null;
    }
  | {
      readonly kind: "judged";
      readonly id: number;
      readonly batch: number;
      readonly stream: number;
      readonly alerts: readonly Alert[];
    }
  | {
      readonly kind: "trapped";
      readonly id: number;
      readonly event: number;
      readonly reason: string;
      readonly isBroken: boolean;
    }
  /** It used up its share of time (credit.ts). */
  | { readonly kind: "overspent"; readonly id: number }
  | { readonly kind: "log"; readonly id: number; readonly level: number; readonly text: string }
  | { readonly kind: "ended" };
