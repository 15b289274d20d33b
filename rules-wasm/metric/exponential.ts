// SPDX-License-Identifier: Apache-2.0
// A histogram that needs no bounds: each power of two is eight buckets, so a number is known to 4 %. It holds
// numbers from a millionth to 64; smaller ones count as 0, larger ones in the last bucket.
import { giveLabel, Instrument, InstrumentSpec } from "./instrument";

/** The first bucket holds what is more than 2^-20. */
const FIRST: i32 = -160;
const BUCKETS: i32 = 208;
const SMALLEST: f64 = 1.0 / 1048576.0;
const FRACTION: u64 = 0x000fffffffffffff;
const ONE: u64 = 0x3ff0000000000000;

/** 2^(i/8) for i from 0 to 7. */
const STEPS: StaticArray<f64> = [
  1.0, 1.0905077326652577, 1.189207115002721, 1.2968395546510096, 1.4142135623730951, 1.5422108254079407,
  1.681792830507429, 1.8340080864093424,
];

/** Made by exponential(). */
export class ExponentialInstrument extends Instrument {
  constructor(is: InstrumentSpec) {
    super(is, 1 + BUCKETS);
  }

  /** The value of the next label: a string, a Str, an Addr or a whole number. */
  label<T>(value: T): ExponentialInstrument {
    giveLabel<T>(changetype<usize>(this), value);
    return this;
  }

  /** Counts one measurement: 0 or more. */
  record(value: f64): void {
    if (!(value >= 0 && value < Infinity)) return this.refuse();
    const at = this.slot() + this.valueAt;
    const count = at + 8 + 4 * <usize>bucketOf(value);
    store<u32>(count, load<u32>(count) + 1);
    store<f64>(at, load<f64>(at) + value);
  }
}

/** 0 for what counts as 0, else 1 + the bucket's place. */
function bucketOf(value: f64): i32 {
  if (value <= SMALLEST) return 0;
  const bits = reinterpret<u64>(value), mantissa = reinterpret<f64>((bits & FRACTION) | ONE);
  let steps = 0;
  while (steps < STEPS.length && mantissa > unchecked(STEPS[steps])) steps++;
  const index = ((<i32>(bits >> 52) - 1023) << 3) + steps - 1;
  return 1 + min(index - FIRST, BUCKETS - 1);
}

/** Declares an exponential histogram, at the top of a file. */
export function exponential(is: InstrumentSpec): ExponentialInstrument {
  return new ExponentialInstrument(is);
}
