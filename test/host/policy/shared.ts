// SPDX-License-Identifier: Apache-2.0
// What tests of bad input ask: the complaint itself, so that its code, place and words can be read.
import { VedetteError } from "../../../host/errors.js";

/** What this complains of; it must. */
export function faultOf(run: () => unknown): VedetteError {
  try {
    run();
  } catch (error) {
    if (error instanceof VedetteError) return error;
    throw error;
  }
  throw new Error("nothing was wrong");
}
