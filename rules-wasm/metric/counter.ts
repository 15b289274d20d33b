// SPDX-License-Identifier: Apache-2.0
// How often, or how much: a sum that only grows.
//
//   const SENT = counter({ name: "app.sent", unit: "By", doc: "bytes sent", labels: ["process.executable.name"] });
//   ... SENT.label(e.proc.name).add(<f64>e.res);
import { giveLabel, Instrument, InstrumentSpec } from "./instrument";

/** Made by counter(). */
export class CounterInstrument extends Instrument {
  constructor(is: InstrumentSpec) {
    super(is, 0);
  }

  /** The value of the next label: a string, a Str, an Addr or a whole number. */
  label<T>(value: T): CounterInstrument {
    giveLabel<T>(changetype<usize>(this), value);
    return this;
  }

  /** Adds to it: 0 or more. */
  add(amount: f64): void {
    if (!(amount >= 0 && amount < Infinity)) return this.refuse();
    const at = this.slot() + this.valueAt;
    store<f64>(at, load<f64>(at) + amount);
  }
}

/** Declares a counter, at the top of a file. */
export function counter(is: InstrumentSpec): CounterInstrument {
  return new CounterInstrument(is);
}
