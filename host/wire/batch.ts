// SPDX-License-Identifier: Apache-2.0
// A batch, read where it stands: docs/wire.md draws it, capture/wire/batch.h is its twin in C++. Opening one
// costs a look at the envelope and a walk over what it holds; nothing is copied and no record becomes an
// object. Bytes come from the side of a traced container: what does not hold is VEDETTE_BATCH_CORRUPT, before
// anybody loads from it.
//
//   record: u16 type  u16 flags  u32 size | u64 time | u32 tid  u32 process | i64 result | u32 latency  i32 fd |
//           u32 descriptor  u32 0 | slots of 8 bytes
import { checkBatch } from "./check.js";
import type { ContainerFacts } from "./container.js";
import { Sections } from "./sections.js";

export { BATCH_BYTES_MAX, BATCH_RECORDS_MAX, BATCH_VERSION } from "./sections.js";

/** Under which subject of a bus it came: its tokens, which a server vouches for (host/fleet/subject.ts). */
export interface BusSubject {
  readonly tenant: string;
  readonly task: string;
  /**
   * Of facts: the tenant whose policy told them; null: the operator's. Undefined: these are an agent's
   * events.
   */
  readonly owner?: string | null;
}

/**
 * One batch as views of the bytes it came in. The constructor throws VEDETTE_BATCH_CORRUPT or
 * VEDETTE_SCHEMA_MISMATCH for a bad envelope, and checks no record: openBatch() does both.
 */
export class Batch extends Sections {
  /** What the orchestrator says of the container it came from; whoever opens the batch knows, and sets it. */
  container: ContainerFacts | null = null;
  /** Null: it came over no bus. Whoever opens the batch sets it. */
  subject: BusSubject | null = null;
  #offsets: Uint32Array | undefined;
  #near = 0;

  /** Where each record begins, in `records`. */
  get offsets(): Uint32Array {
    if (this.#offsets === undefined) {
      this.#offsets = new Uint32Array(this.count);
      for (let at = 0, i = 0; i < this.count; i++, at += this.recordView.getUint32(at + 4, true)) this.#offsets[i] = at;
    }
    return this.#offsets;
  }

  /**
   * Which record begins at `offset`: `first` plus this is its evt.num. Readers go forward: it is mostly the
   * next one.
   */
  indexOf(offset: number): number {
    const offsets = this.offsets;
    if (offsets[this.#near] !== offset)
      this.#near = offsets[this.#near + 1] === offset ? this.#near + 1 : search(offsets, offset);
    return this.#near;
  }
}

/** Opens bytes that nobody has checked yet: a recording, what another host sent. */
export function openBatch(bytes: Uint8Array): Batch {
  const batch = new Batch(bytes);
  checkBatch(batch);
  return batch;
}

/** Opens what comes from the ring: the addon made checkBatch()'s checks before it let the bytes in. */
export function openChecked(bytes: Uint8Array): Batch {
  return new Batch(bytes);
}

/** The greatest index whose offset is not beyond `wanted`. */
function search(offsets: Uint32Array, wanted: number): number {
  let low = 0;
  let high = offsets.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((offsets[middle] as number) <= wanted) low = middle;
    else high = middle - 1;
  }
  return low;
}
