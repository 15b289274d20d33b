// SPDX-License-Identifier: Apache-2.0
// Conditions are trees, and what reads them calls itself for each level. Parsing bounds the levels of one
// condition. Macros that name one another put these on top of each other, without a bound in Falco.
import { VedetteError } from "../errors.js";

/** What `make` gives. Throws VEDETTE_FALCO_TOO_MUCH where it goes deeper than the stack is. */
export function withinStack<T>(make: () => T): T {
  try {
    return make();
  } catch (cause) {
    if (!(cause instanceof RangeError && cause.message.includes("call stack"))) throw cause;
    const reason = "their macros name one another in a row that is too long, as thousands are";
    throw new VedetteError("VEDETTE_FALCO_TOO_MUCH", { reason }, { cause });
  }
}
