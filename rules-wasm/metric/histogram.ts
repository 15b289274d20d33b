// SPDX-License-Identifier: Apache-2.0
// How long, or how large: how many measurements fell into each bucket, and their sum. Each bound is the
// largest number of its bucket.
//
//   const TIMES = histogram({ name: "app.read.duration", unit: "s", doc: "time of reads", bounds: [0.001, 0.01, 0.1] });
//   ... TIMES.record(<f64>e.latency / 1e9);
import { giveLabel, Instrument, InstrumentSpec } from "./instrument";

/** Made by histogram(). */
export class HistogramInstrument extends Instrument {
  private readonly bounds: StaticArray<f64>;

  constructor(is: InstrumentSpec) {
    super(is, is.bounds.length + 1);
    this.bounds = StaticArray.fromArray<f64>(is.bounds);
  }

  /** The value of the next label: a string, a Str, an Addr or a whole number. */
  label<T>(value: T): HistogramInstrument {
    giveLabel<T>(changetype<usize>(this), value);
    return this;
  }

  /** Counts one measurement. */
  record(value: f64): void {
    if (!isFinite(value)) return this.refuse();
    const at = this.slot() + this.valueAt, bounds = this.bounds;
    let bucket = 0;
    while (bucket < bounds.length && value > unchecked(bounds[bucket])) bucket++;
    const count = at + 8 + 4 * <usize>bucket;
    store<u32>(count, load<u32>(count) + 1);
    store<f64>(at, load<f64>(at) + value);
  }
}

/** Declares a histogram, at the top of a file. */
export function histogram(is: InstrumentSpec): HistogramInstrument {
  return new HistogramInstrument(is);
}
