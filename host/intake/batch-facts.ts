// SPDX-License-Identifier: Apache-2.0
// What an intake counts of a batch: only its envelope is read.
import type { Batch } from "../wire/batch.js";

/** What the envelope of one batch says. `source` is hexadecimal, `lost` is cumulative. */
export interface BatchFacts {
  readonly source: string;
  readonly seq: number;
  readonly count: number;
  readonly lost: readonly number[];
  /** ns since the epoch. */
  readonly clock: bigint;
}

/** Reads the envelope alone: it costs the same for a full batch as for an empty one. */
export function factsOf({ source, seq, count, lost, clock }: Batch): BatchFacts {
  return { source: sourceName(source), seq, count, lost, clock };
}

/** What tells one run of an agent from all others, as text. */
export function sourceName(source: Uint8Array): string {
  return Buffer.from(source).toString("hex");
}
