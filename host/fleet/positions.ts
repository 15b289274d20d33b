// SPDX-License-Identifier: Apache-2.0
// How far each agent's events are judged, in one partition. An agent numbers its batches, so a batch at or
// below its agent's position was judged before: a sidecar that was started again sends some a second time,
// and cuts them into other blocks. A batch that is further on than the next one shows that others never came:
// then the numbers of its events say how many, but for those that the agent counts as lost (gap.ts).
//
//   position 7     batch 7: a second time     batch 8: judged     batch 10: judged, and a hole of events
import type { ForwardedBatch } from "./block.js";
import { firstBooks, type LossBooks, settleGap } from "./gap.js";

/** See HoleCause. */
export const HOLE_CAUSES = ["bus", "poison", "hole"] as const;
/** Why events never came: the bus dropped them, a block could not be read, or nobody says. */
export type HoleCause = (typeof HOLE_CAUSES)[number];

/** Of one agent. */
export interface Position extends LossBooks {
  /** Of its last batch that was judged. */
  readonly seq: number;
  /** The highest evt.num of that. */
  readonly num: number;
  /** The token of its task in the subject. */
  readonly task: string;
  /** When the bus took that batch's block, ms. */
  readonly at: number;
  /** Why the last hole was. */
  readonly cause: HoleCause;
}

/** What of a block is new, and what is missing before it. */
export interface Taken {
  readonly fresh: readonly ForwardedBatch[];
  /** Batches that were judged before. */
  readonly twice: number;
  /** Events that never came, and why. */
  readonly missing: readonly { readonly cause: HoleCause; readonly events: number }[];
}

/** Of agents that say nothing for so long, nothing is remembered. */
const FORGET_MS = 3_600_000;
const SOURCES_MAX = 4_096;

/** Those of one partition. The one that spoke last stands last. */
export class Positions {
  readonly #of: Map<string, Position>;
  /** A hole that shows next is of this. */
  readonly #expected = new Map<string, HoleCause>();
  readonly #onForgotten: (source: string) => void;

  /** `onForgotten` is told of each agent that is remembered no more. */
  constructor(known: Iterable<readonly [source: string, Position]> = [], onForgotten = (_source: string) => {}) {
    this.#of = new Map(known);
    this.#onForgotten = onForgotten;
  }

  get size(): number {
    return this.#of.size;
  }

  entries(): IterableIterator<[source: string, Position]> {
    return this.#of.entries();
  }

  /** Something is missing: in all agents' batches, or in those of this task. */
  expect(cause: HoleCause, task: string | null = null): void {
    for (const [source, position] of this.#of)
      if (task === null || position.task === task) this.#expected.set(source, cause);
  }

  /** The batches of a block that came next. `time`: when the bus took it, ms. */
  take(source: string, task: string, batches: readonly ForwardedBatch[], time: number): Taken {
    const fresh: ForwardedBatch[] = [];
    const missing: { cause: HoleCause; events: number }[] = [];
    for (const one of batches) {
      const { seq, first } = one.batch;
      const before = this.#of.get(source);
      if (before !== undefined && seq <= before.seq) continue;
      const lost = one.batch.lost.reduce((sum, count) => sum + count, 0);
      const isHole = before !== undefined && seq > before.seq + 1;
      const cause = isHole ? (this.#expected.get(source) ?? "hole") : (before?.cause ?? "hole");
      const { missing: events, books } =
        before === undefined
          ? { missing: 0, books: firstBooks({ seq, first, lost }) }
          : settleGap(before, { gap: Math.max(0, first - before.num - 1), lost, isHole });
      if (events > 0) missing.push({ cause, events });
      this.#expected.delete(source);
      this.#of.delete(source);
      const num = Math.max(before?.num ?? 0, first + one.count - 1);
      this.#of.set(source, { seq, num, task, at: time, cause, ...books });
      fresh.push(one);
    }
    this.#forget(time);
    return { fresh, twice: batches.length - fresh.length, missing };
  }

  #forget(now: number): void {
    for (const [source, { at }] of this.#of) {
      if (this.#of.size <= SOURCES_MAX && now - at <= FORGET_MS) return;
      this.#of.delete(source);
      this.#expected.delete(source);
      this.#onForgotten(source);
    }
  }
}
