// SPDX-License-Identifier: Apache-2.0
// What an agent says that it has lost is cumulative. One that ends says all of it while batches of before
// still wait to be read: what those say is older, and takes nothing back.
import { LOST } from "../../build/generated/events.js";

/** Of two words of one source, in the order of LOST, the larger number of each kind. */
export const mostLost = (before: readonly number[], said: readonly number[]): number[] =>
  LOST.map((_, kind) => Math.max(before[kind] ?? 0, said[kind] ?? 0));
