// SPDX-License-Identifier: Apache-2.0
// What just happened: the newest batches, so that somebody can see what a policy says to them. They are kept
// as bytes, within bounds; a tenant's policy is shown those parts that are in its scope.
import { type Scope, ScopedViews } from "../engine/scope.js";
import type { TrialBatch } from "../engine/trial.js";
import { type Batch, openChecked } from "../wire/batch.js";
import type { ContainerFacts } from "../wire/container.js";
import { Rooms } from "../wire/rooms.js";

const BYTES_MAX = 4 << 20;
const BATCHES_MAX = 2_000;

interface Kept {
  readonly bytes: Buffer<ArrayBuffer>;
  readonly container: ContainerFacts | null;
}

/** Batches that a policy may be tried on, and what they are. */
export interface RecentBatches {
  readonly batches: readonly TrialBatch[];
  readonly events: number;
  /** Of the first and the last event, ns since the epoch; null: there is none. */
  readonly from: bigint | null;
  readonly to: bigint | null;
}

/** The newest of those that add() was given. */
export class Recent {
  readonly #rooms = new Rooms();
  #kept: Kept[] = [];
  #bytes = 0;

  add(batch: Batch): void {
    const bytes = this.#rooms.copy(batch.bytes);
    this.#kept.push({ bytes, container: batch.container });
    this.#bytes += bytes.length;
    let gone = 0;
    while (this.#bytes > BYTES_MAX || this.#kept.length - gone > BATCHES_MAX) {
      const { bytes: old } = this.#kept[gone++]!;
      this.#bytes -= old.length;
      this.#rooms.giveBack(old);
    }
    if (gone > 0) this.#kept = this.#kept.slice(gone);
  }

  /** Copies. Null: of all of it. */
  within(scope: Scope | null): RecentBatches {
    const batches: TrialBatch[] = [];
    let [events, from, to]: [number, bigint | null, bigint | null] = [0, null, null];
    for (const { bytes, container } of this.#kept) {
      const batch = openChecked(bytes);
      batch.container = container;
      const view = scope === null ? batch : new ScopedViews(batch).view(scope);
      if (view === null) continue;
      batches.push({ bytes: new Uint8Array(view.bytes), container });
      events += view.count;
      for (const at of view.offsets) {
        const time = view.recordView.getBigUint64(at + TIME_AT, true);
        from = from === null || time < from ? time : from;
        to = to === null || time > to ? time : to;
      }
    }
    return { batches, events, from, to };
  }
}

/** Of a record: when it happened. */
const TIME_AT = 8;
