// SPDX-License-Identifier: Apache-2.0
// What a gap in the numbers of an agent's events is made of: events that the agent says it lost, and those
// that never came. An agent counts what it sheds in the batch in which it sheds it, and the numbers are
// missing behind that batch:
//
//   batch 7: 1..20, lost 0 | batch 8: 21..40, lost 5 | batch 9: 46..60, lost 5
//                                                      a gap of 5: none is missing
//
// Behind a hole nobody can tell at once how much of what the agent counts was shed in its last batch. All of
// it is taken for the hole's; where the next gap shows that it was not, the rest is missing after all.

/** What is known of one agent's losses. */
export interface LossBooks {
  /** What it had lost by its last batch, as it counts; null: not known. */
  readonly lost: number | null;
  /** Of that, what no gap has shown yet. */
  readonly owed: number;
  /** Of the last hole, what was taken for the agent's. */
  readonly doubt: number;
}

/** A batch, behind `gap` numbers that nothing has. */
export interface Gap {
  readonly gap: number;
  /** What its agent has lost by then. */
  readonly lost: number;
  /** Batches are missing before it. */
  readonly isHole: boolean;
}

/** Of an agent that is met with this batch. Numbers before it are nobody's loss. */
export function firstBooks({ seq, first, lost }: { seq: number; first: number; lost: number }): LossBooks {
  return { lost, owed: seq === 1 ? Math.max(0, lost - (first - 1)) : 0, doubt: 0 };
}

/** Events that never came and that the agent does not count, and what is known then. */
export function settleGap(before: LossBooks, { gap, lost, isHole }: Gap): { missing: number; books: LossBooks } {
  const since = Math.max(0, lost - (before.lost ?? lost));
  if (!isHole) {
    const missing = Math.min(before.doubt, Math.max(0, gap - before.owed));
    return { missing, books: { lost, owed: since, doubt: 0 } };
  }
  const counted = before.owed + since;
  const doubt = Math.min(gap, counted);
  return { missing: gap - doubt, books: { lost, owed: counted - doubt, doubt } };
}
