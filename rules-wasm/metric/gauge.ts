// SPDX-License-Identifier: Apache-2.0
// How much there is now. The last number counts; what is not set again shows what it showed.
import { giveLabel, Instrument, InstrumentSpec } from "./instrument";

/** Made by gauge(). */
export class GaugeInstrument extends Instrument {
  constructor(is: InstrumentSpec) {
    super(is, 0);
  }

  /** The value of the next label: a string, a Str, an Addr or a whole number. */
  label<T>(value: T): GaugeInstrument {
    giveLabel<T>(changetype<usize>(this), value);
    return this;
  }

  /** Shows this number from now on. */
  set(value: f64): void {
    if (!isFinite(value)) return this.refuse();
    const at = this.slot() + this.valueAt;
    store<f64>(at, value);
  }
}

/** Declares a gauge, at the top of a file. */
export function gauge(is: InstrumentSpec): GaugeInstrument {
  return new GaugeInstrument(is);
}
