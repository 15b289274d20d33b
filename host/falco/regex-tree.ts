// SPDX-License-Identifier: Apache-2.0
// A regular expression as a syntax tree over bytes: regex.ts makes it of a pattern, compile/automaton.ts an
// automaton of it.

/** `set` has 256 truths, one for each byte. */
export type Regex =
  | { kind: "bytes"; set: boolean[] } // one byte of the set
  | { kind: "sequence"; parts: Regex[] }
  | { kind: "choice"; parts: Regex[] }
  | { kind: "repeat"; part: Regex; min: number; max: number } // max Infinity: no bound
  | { kind: "start" }
  | { kind: "end" };
