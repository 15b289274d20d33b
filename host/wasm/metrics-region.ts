// SPDX-License-Identifier: Apache-2.0
// Takes what a policy has measured out of its memory. The policy adds to slots, one for each set of labels;
// the host reads them between two batches and clears them all, so a slot only ever holds what came since.
// The totals are the host's (host/metric/totals.ts): a policy that traps, goes to another worker or is
// replaced takes none with it. Nothing that stands there is believed: what is no number, or names text
// outside the region, is counted and dropped.
import { type Instrument, layoutOf, METRICS_HEAD, type SlotLayout } from "./instruments.js";

const MAGIC = 0x314d4456; // "VDM1"
const USED = 1;
const SLOT_HEAD = 8;
const SPAN = 8;
/** Bytes of a label's value. */
export const LABEL_MAX = 128;
const TEXT = new TextDecoder();

/** What was measured in one set of labels since it was last taken. */
export interface Measurement {
  /** Its place among the module's instruments. */
  readonly instrument: number;
  /** In the instrument's order; null: the sets for which there was no slot. */
  readonly labels: readonly string[] | null;
  /** What is added to a counter, what a gauge shows now, the sum of what a histogram was given. */
  readonly value: number;
  /** Of a histogram: how many fell into each bucket. Of an exponential one the first is for zero. */
  readonly buckets: readonly number[];
}

/** What was taken at once. */
export interface Measured {
  readonly measurements: readonly Measurement[];
  /** What the policy gave that is no number, and slots that made no sense. */
  readonly refused: number;
}

/** The region of one instance. */
export class MetricsRegion {
  readonly #memory: WebAssembly.Memory;
  readonly #at: number;
  readonly #size: number;
  readonly #slots: readonly SlotLayout[];
  readonly #labels: number;

  /** `at` and `size`: as the module exports them, admitted. */
  constructor(memory: WebAssembly.Memory, at: number, size: number, instruments: readonly Instrument[]) {
    this.#memory = memory;
    this.#at = at;
    this.#size = size;
    const { slots, labels } = layoutOf(instruments);
    this.#slots = slots;
    this.#labels = labels;
  }

  /** Takes all there is. The region is empty afterwards, and the policy may go on in it. */
  take(): Measured {
    const view = new DataView(this.#memory.buffer, this.#at, this.#size);
    const measurements: Measurement[] = [];
    let refused = this.#refusedIn(view);
    for (const [index, layout] of this.#slots.entries())
      for (let slot = 0; slot < layout.instrument.slots; slot++) {
        const at = layout.at + slot * layout.size;
        if (view.getUint32(at, true) !== USED) continue;
        const measurement = this.#measurement(view, at, index, layout, slot === 0);
        if (measurement === null) refused++;
        else measurements.push(measurement);
      }
    new Uint8Array(this.#memory.buffer, this.#at, this.#size).fill(0);
    view.setUint32(0, MAGIC, true);
    return { measurements, refused };
  }

  #refusedIn(view: DataView): number {
    const count = Number(view.getBigUint64(8, true));
    return Number.isSafeInteger(count) ? count : 1;
  }

  #measurement(view: DataView, at: number, index: number, layout: SlotLayout, isOther: boolean): Measurement | null {
    const { instrument, value: valueAt } = layout;
    const value = view.getFloat64(at + valueAt, true);
    if (!Number.isFinite(value) || (instrument.kind === "counter" && value < 0)) return null;
    const labels = isOther ? null : this.#labelsOf(view, at, instrument.labels.length);
    if (labels === undefined) return null;
    const buckets = Array.from({ length: layout.buckets }, (_, i) => view.getUint32(at + valueAt + 8 + 4 * i, true));
    return { instrument: index, labels, value, buckets };
  }

  /** Undefined: they are nowhere where labels stand. */
  #labelsOf(view: DataView, at: number, count: number): string[] | undefined {
    const labels: string[] = [];
    for (let i = 0; i < count; i++) {
      const offset = view.getUint32(at + SLOT_HEAD + SPAN * i, true);
      const size = view.getUint32(at + SLOT_HEAD + SPAN * i + 4, true);
      if (size > LABEL_MAX || offset < Math.max(this.#labels, METRICS_HEAD) || offset + size > this.#size)
        return undefined;
      labels.push(TEXT.decode(new Uint8Array(this.#memory.buffer, this.#at + offset, size)));
    }
    return labels;
  }
}
