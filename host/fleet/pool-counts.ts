// SPDX-License-Identifier: Apache-2.0
// What a host of the pool counts since its start, of all partitions that it has had.
import type { HoleCause } from "./positions.js";

/** Numbers since the start. */
export interface PoolNumbers {
  readonly blocks: number;
  readonly events: number;
  readonly findings: number;
  /** Batches that had been judged before. */
  readonly duplicates: number;
  /** Events that never came. */
  readonly lost: Readonly<Record<HoleCause, number>>;
  /** Blocks that the bus dropped before they were read. */
  readonly lostBlocks: number;
  /** Times that a partition was no more this host's before it had given it back. */
  readonly fenced: number;
  /** Partitions, of events and of facts, that another host had and did not give back. */
  readonly takeovers: number;
  /** Blocks that cannot be read, or that ended hosts. */
  readonly poison: number;
  /** Facts that policies told, also again after a hand-over; and those that were too many, or given up. */
  readonly facts: number;
  readonly factsDropped: number;
  /** Facts that were given to policies. */
  readonly factsJudged: number;
  /** Blocks that say another tenant or task than their subject. */
  readonly refused: number;
  /** How long a partition that was taken waited until it was judged on, s: the last and the longest. */
  readonly handover: { readonly last: number; readonly longest: number };
}

type Plain = "blocks" | "events" | "findings" | "duplicates" | "lostBlocks" | "poison" | "refused" | Leased | Facts;
type Leased = "fenced" | "takeovers";
type Facts = "facts" | "factsDropped" | "factsJudged";

/** One host's. */
export class PoolCounts {
  readonly #plain: Record<Plain, number> = {
    ...{ blocks: 0, events: 0, findings: 0, duplicates: 0 },
    ...{ lostBlocks: 0, fenced: 0, takeovers: 0, poison: 0, refused: 0 },
    ...{ facts: 0, factsDropped: 0, factsJudged: 0 },
  };
  readonly #lost: Record<HoleCause, number> = { bus: 0, poison: 0, hole: 0 };
  #handover = { last: 0, longest: 0 };

  add(what: Plain, count = 1): void {
    this.#plain[what] += count;
  }

  addLost(cause: HoleCause, events: number): void {
    this.#lost[cause] += events;
  }

  handOver(seconds: number): void {
    this.#handover = { last: seconds, longest: Math.max(seconds, this.#handover.longest) };
  }

  read(): PoolNumbers {
    return { ...this.#plain, lost: { ...this.#lost }, handover: this.#handover };
  }
}
