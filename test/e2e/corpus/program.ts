// SPDX-License-Identifier: Apache-2.0
//
// A program of the corpus: an everyday program (../everyday.ts) that has been chosen because no test of a
// part names it. `script` may use three ports, $PORT, $PORT2 and $PORT3, that are free and its own, and
// `up COMMAND...`, which waits for the command to succeed.
import type { Everyday } from "../everyday.js";

export interface Program extends Everyday {
  /** Rules whose alerts are right: the program does what they tell of. Its README names it. */
  alerts?: readonly string[];
  /** Runs in CI too. */
  inCi?: true;
}
