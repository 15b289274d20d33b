// SPDX-License-Identifier: Apache-2.0
// What the main thread and a policy worker say to each other. All of it is plain data; compiled modules share
// their code, and shared memory its content.
import type { Alert } from "../output/alert.js";
import type { Measured } from "../wasm/metrics-region.js";
import type { BusSubject } from "../wire/batch.js";
import type { ContainerFacts } from "../wire/container.js";
import type { ToldFacts } from "./fact.js";
import type { KeptLimits } from "./kept-limits.js";
import type { LimitTime } from "./limiter.js";
import type { LoadedPolicy } from "./policy.js";

/** A policy in its place: ids grow, and policies judge in the order of their ids. */
export interface Seat {
  readonly id: number;
  readonly policy: LoadedPolicy;
  /** What it does and costs (tally.ts). */
  readonly tally: SharedArrayBuffer;
  /** The time of its tenant (account.ts). */
  readonly account: SharedArrayBuffer;
  /** Its state after the last batch (keep.ts); null before it has any. */
  readonly keep: SharedArrayBuffer | null;
  /** The place in the ring from which it judges; null: from the next batch on. */
  readonly from: Place | null;
  /** What was used up of its limits, where it did not judge before; null: nothing. */
  readonly limits: KeptLimits | null;
}

/** A place between two batches of the ring. */
export interface Place {
  readonly position: number;
  /** Number of the last batch before it that the worker dealt with, 0: none. */
  readonly last: number;
}

/** What is known of the streams whose batches are judged, by their numbers. */
export interface KnownStreams {
  readonly containers: ReadonlyMap<number, ContainerFacts>;
  /** Of those that came over a bus. */
  readonly subjects: ReadonlyMap<number, BusSubject>;
}

/** What a worker is started with. Shared memory in it outlives the worker. */
export interface WorkerStart {
  readonly ring: SharedArrayBuffer;
  readonly reader: number;
  readonly control: SharedArrayBuffer;
  readonly seats: readonly Seat[];
  readonly streams: KnownStreams;
  readonly budgetMs: number;
  /** It is the one for who is slow: it lets the others go before it, and may be overtaken. */
  readonly isSlow: boolean;
  /** It takes no batch until it is told to (order "take"). */
  readonly isHeld: boolean;
  /** What is judged was recorded: nothing is told of between two batches. */
  readonly isReplay: boolean;
  /** By which time limits are kept. */
  readonly limits: LimitTime;
}

/** Carried out between two batches; who is numbered is answered. */
export type Order =
  /**
   * One policy goes, another comes, and no batch is judged in between; the first stays if the second cannot
   * start.
   */
  | { readonly kind: "swap"; readonly number: number; readonly out: number | null; readonly seat: Seat | null }
  /** Takes no further batch; the answer says where it stands. */
  | { readonly kind: "hold"; readonly number: number }
  /** These go as soon as the reader stands at this position or behind it; the answer says where it stood. */
  | { readonly kind: "leave"; readonly number: number; readonly ids: readonly number[]; readonly at: number }
  /** These come, from elsewhere, and it goes on. */
  | { readonly kind: "take"; readonly number: number; readonly seats: readonly Seat[] }
  /** Says what is used up of limits. */
  | { readonly kind: "limits"; readonly number: number }
  /** What the orchestrator says of the container that a stream comes from; null: the stream is over. */
  | { readonly kind: "container"; readonly stream: number; readonly facts: ContainerFacts | null }
  /** Under which subject of a bus a stream comes; null: the stream is over. */
  | { readonly kind: "subject"; readonly stream: number; readonly subject: BusSubject | null };

/** An order that the worker answers with a report `done` of the same number. */
export type NumberedOrder = Exclude<Order, { readonly kind: "container" | "subject" }>;

/** How a policy sat down: a fault in words, or null, and where its state is kept. */
export interface Sitting {
  readonly id: number;
  readonly fault: string | null;
  readonly keep: SharedArrayBuffer | null;
}

/** What a worker says. `id` is the engine's for a policy. */
export type Report =
  | { readonly kind: "ready" }
  /** Of the policies that a worker starts with. */
  | ({ readonly kind: "seated" } & Sitting)
  /** An order is carried out: of a swap and a take how the policies sat down, and where the reader stands. */
  | {
      readonly kind: "done";
      readonly number: number;
      readonly sittings: readonly Sitting[];
      readonly place: Place;
      /** Of the order for them: by the policies' ids. */
      readonly limits: ReadonlyMap<number, KeptLimits>;
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
  /** Its tenant used up its time, and it the most of it (account.ts): it judges no more. */
  | { readonly kind: "overspent"; readonly id: number }
  /** Its tenant takes more than half of its time. */
  | { readonly kind: "heavy"; readonly id: number }
  /**
   * So many policies of its tenant, this one among them, did not come to judge a batch: the others had taken
   * too long.
   */
  | { readonly kind: "skipped"; readonly id: number; readonly count: number; readonly event: number }
  /** So many batches went by that no policy of this one's owner judged, here or where it was before. */
  | { readonly kind: "behind"; readonly id: number; readonly batches: number }
  /** What it has measured since the last report. */
  | { readonly kind: "measured"; readonly id: number; readonly measured: Measured }
  /** Facts of a stream's batch. */
  | { readonly kind: "told"; readonly id: number; readonly stream: number; readonly told: ToldFacts }
  | { readonly kind: "log"; readonly id: number; readonly level: number; readonly text: string }
  | { readonly kind: "ended" };
