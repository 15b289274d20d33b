// SPDX-License-Identifier: Apache-2.0
// What the main thread and a policy worker say to each other. All of it is plain data; compiled modules share their code.
import type { Alert } from "../output/alert.js";
import type { ContainerFacts } from "../wire/container.js";
import type { LoadedPolicy } from "./policy.js";

/** A policy in its place: ids grow, and policies judge in the order of their ids. */
export interface Seat {
  readonly id: number;
  readonly policy: LoadedPolicy;
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
  | { readonly kind: "seat"; readonly seat: Seat }
  | { readonly kind: "unseat"; readonly id: number }
  /** What the orchestrator says of the container that a stream comes from; null: the stream is over. */
  | { readonly kind: "container"; readonly stream: number; readonly facts: ContainerFacts | null }
  | { readonly kind: "stop" };

export type Report =
  | { readonly kind: "ready" }
  | { readonly kind: "seated"; readonly id: number; readonly fault: string | null }
  | {
      readonly kind: "judged";
      readonly id: number;
      readonly batch: number;
      readonly stream: number;
      readonly alerts: readonly Alert[];
      readonly dropped: number;
    }
  | {
      readonly kind: "trapped";
      readonly id: number;
      readonly batch: number;
      readonly event: number;
      readonly reason: string;
      readonly isBroken: boolean;
    }
  | { readonly kind: "log"; readonly id: number; readonly level: number; readonly text: string }
  | { readonly kind: "ended" };
