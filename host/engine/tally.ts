// SPDX-License-Identifier: Apache-2.0
// What a policy did and cost, in shared memory: its worker counts, the main thread reads, and the numbers
// outlive the worker.
/** Numbers since the policy was seated. `ns` is thread time in nanoseconds. */
export interface PolicyTally {
  /** Events of the batches that it judged. */
  readonly events: number;
  readonly batches: number;
  readonly alerts: number;
  /** Alerts beyond a limit. */
  readonly suppressed: number;
  /** Time in the policy, alerts and all. */
  readonly ns: number;
  readonly memoryBytes: number;
  readonly traps: number;
  /** Calls that agents denied by its rows, and those they would have denied. */
  readonly denied: number;
  readonly monitored: number;
}

const WORDS = [
  "events",
  "batches",
  "alerts",
  "suppressed",
  "ns",
  "memoryBytes",
  "traps",
  "denied",
  "monitored",
] as const;
type Word = (typeof WORDS)[number];

/** One policy's counters in shared memory. */
export class Tally {
  readonly #words: BigInt64Array;

  constructor(readonly memory: SharedArrayBuffer = new SharedArrayBuffer(8 * WORDS.length)) {
    this.#words = new BigInt64Array(memory);
  }

  add(word: Word, count: number): void {
    Atomics.add(this.#words, WORDS.indexOf(word), BigInt(Math.round(count)));
  }

  set(word: Word, value: number): void {
    Atomics.store(this.#words, WORDS.indexOf(word), BigInt(value));
  }

  read(): PolicyTally {
    return Object.fromEntries(
      WORDS.map((word, i) => [word, Number(Atomics.load(this.#words, i))]),
    ) as unknown as PolicyTally;
  }
}
