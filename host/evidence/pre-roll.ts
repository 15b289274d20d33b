// SPDX-License-Identifier: Apache-2.0
// The latest batches of each agent: what came before a finding. Batches that hold frequent calls alone stand
// apart, so that a storm of reads does not drive out the exec of ten minutes ago. Bounded by time and bytes,
// of each agent and of all; where all together are too many, the agent that has most loses its oldest.
import { Rooms } from "../wire/rooms.js";
import type { EvidenceBounds } from "./parts.js";

/** A batch as it came. `bytes` are good until the next one is added. */
export interface KeptBatch {
  readonly bytes: Buffer<ArrayBuffer>;
  readonly count: number;
  /** By a clock that only goes on, in milliseconds. */
  readonly at: number;
  /** Batches are numbered as they come. */
  readonly number: number;
}

/** One agent's. */
interface Roll {
  readonly hot: KeptBatch[];
  readonly other: KeptBatch[];
  hotBytes: number;
  bytes: number;
}

const HOT_SHARE = 4;
/** What a batch takes beside its bytes: many small ones count, too. */
const OVERHEAD_BYTES = 256;

const sizeOf = ({ bytes }: KeptBatch): number => bytes.buffer.byteLength + OVERHEAD_BYTES;

/** Those of all agents. */
export class PreRoll {
  readonly #bounds: EvidenceBounds;
  readonly #rolls = new Map<number, Roll>();
  readonly #rooms = new Rooms();
  #bytes = 0;

  constructor(bounds: EvidenceBounds) {
    this.#bounds = bounds;
  }

  /** What it holds. */
  get bytes(): number {
    return this.#bytes;
  }

  /** `isHot`: it has frequent calls alone. The bytes are copied. */
  add(stream: number, come: Omit<KeptBatch, "bytes"> & { readonly bytes: Uint8Array }, isHot: boolean): void {
    const batch = { ...come, bytes: this.#rooms.copy(come.bytes) };
    const roll: Roll = this.#rolls.get(stream) ?? { hot: [], other: [], hotBytes: 0, bytes: 0 };
    this.#rolls.set(stream, roll);
    const size = sizeOf(batch);
    (isHot ? roll.hot : roll.other).push(batch);
    if (isHot) roll.hotBytes += size;
    roll.bytes += size;
    this.#bytes += size;
    const { bytes, allBytes } = this.#bounds;
    while (roll.hotBytes > bytes / HOT_SHARE) this.#drop(roll, true);
    while (roll.bytes > bytes) this.#drop(roll, roll.other.length === 0);
    while (this.#bytes > allBytes) this.#dropOfLargest();
  }

  /** In the order in which they came. */
  of(stream: number): KeptBatch[] {
    const { hot = [], other = [] } = this.#rolls.get(stream) ?? {};
    return [...hot, ...other].sort((a, b) => a.number - b.number);
  }

  /** It is so late now: what is too old goes. */
  age(now: number): void {
    const { hotMs, otherMs } = this.#bounds;
    for (const [stream, roll] of this.#rolls) {
      while (roll.hot[0] !== undefined && roll.hot[0].at < now - hotMs) this.#drop(roll, true);
      while (roll.other[0] !== undefined && roll.other[0].at < now - otherMs) this.#drop(roll, false);
      if (roll.bytes === 0) this.#rolls.delete(stream);
    }
  }

  #dropOfLargest(): void {
    let largest: Roll | null = null;
    for (const roll of this.#rolls.values()) if (largest === null || roll.bytes > largest.bytes) largest = roll;
    if (largest !== null) this.#drop(largest, largest.hot.length > 0);
  }

  #drop(roll: Roll, isHot: boolean): void {
    const batch = (isHot ? roll.hot : roll.other).shift();
    if (batch === undefined) return;
    const size = sizeOf(batch);
    if (isHot) roll.hotBytes -= size;
    roll.bytes -= size;
    this.#bytes -= size;
    this.#rooms.giveBack(batch.bytes);
  }
}
