// SPDX-License-Identifier: Apache-2.0
// One view of batches that are here: of a command that we run, or of a recording.
import {
  Activity,
  NO_FACTS,
  OpenFiles,
  openFilesBy,
  type RowFacts,
  type Table,
  type ViewId,
} from "../activity/activity.js";
import type { Filter } from "../falco/falco.js";
import type { Batch } from "../wire/batch.js";

/** Of a command that we run: nothing is judged, and its processes are on this machine. */
export function unjudged(): RowFacts {
  return { ...NO_FACTS, openFiles: openFilesBy(new OpenFiles()) };
}

/** Counts what a condition lets in. */
export class Counting {
  readonly #activity: Activity;
  readonly #filter: Filter | null;

  /**
   * `keepsAll`: nothing is forgotten from one table to the next. Throws VEDETTE_FALCO_CONDITION. The
   * compiler is loaded only where there is a condition.
   */
  static async of(view: string, condition: string, keepsAll: boolean, facts = NO_FACTS): Promise<Counting> {
    const filter = condition === "" ? null : await (await import("../falco/falco.js")).Filter.of(condition);
    return new Counting(new Activity(view as ViewId, keepsAll, facts), filter);
  }

  private constructor(activity: Activity, filter: Filter | null) {
    this.#activity = activity;
    this.#filter = filter;
  }

  add(batch: Batch): void {
    this.#activity.add(batch, this.#filter?.matching(batch) ?? batch.offsets);
  }

  /** `seconds`: what rates are of; undefined: all of it, by the events' own times. */
  table(limit: number, seconds?: number): Table {
    return this.#activity.table(limit, seconds);
  }
}
