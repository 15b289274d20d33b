// SPDX-License-Identifier: Apache-2.0
// A tenant's account of time, over all its policies. The watchdog ends a call that takes too long. But a
// tenant that stays just below that bound in every batch, or has fifty policies that do, would still starve
// the others. So each batch earns the tenant time, by its events, and judging spends that time. An honest
// tenant spends a hundredth of what it earns. A tenant that spends more than half of it for long is heavy:
// the slow worker judges it. A tenant that has spent all of it and its reserve is overspent: its worst policy
// has to rest. And in one batch no tenant gets more time than two calls may take (worker.ts). Policies of the
// tenant that have not judged by then skip that batch.
//
// Shared memory, since a worker may be ended at any instruction; i32 words, in ns where they are time:
//   0 balance   1 what is left of the half   2 earned up to this position of the ring   3 position of the batch that 4 is of
//   4 spent on that batch
const BALANCE = 0;
const HALF = 1;
const EARNED = 2;
const AT = 3;
const SPENT = 4;
const BYTES = 20;

const NS_PER_BATCH = 1_000_000;
const RESERVE_NS = 80_000_000;
const SPENT_NS_MAX = 1_000_000_000;
/** What a tenant's policies may take together for an event where nothing else is said, in µs. */
export const US_PER_EVENT = 5;

/**
 * What a tenant's account says after each batch: `heavy` spends over half of what it earns, `overspent` has
 * nothing left.
 */
export type Standing = "good" | "heavy" | "overspent";

/** One tenant's account. All workers and the main thread share its memory. */
export class Account {
  readonly #words: Int32Array;
  readonly #nsPerEvent: number;

  constructor(
    readonly memory: SharedArrayBuffer,
    usPerEvent: number = US_PER_EVENT,
  ) {
    this.#words = new Int32Array(memory);
    this.#nsPerEvent = usPerEvent * 1000;
  }

  /** A new one, which earns by batches from this position of the ring on. */
  static open(position: number, usPerEvent: number = US_PER_EVENT): Account {
    const account = new Account(new SharedArrayBuffer(BYTES), usPerEvent);
    account.#words.set([RESERVE_NS, RESERVE_NS / 2, position - 1, position - 1, 0]);
    return account;
  }

  /**
   * One policy has judged the batch at `position`. Each batch earns once, whichever worker comes to it first.
   */
  settle(position: number, events: number, ns: number): Standing {
    const earned = Atomics.load(this.#words, EARNED);
    if (((position - earned) | 0) > 0 && Atomics.compareExchange(this.#words, EARNED, earned, position) === earned) {
      const income = Math.min(NS_PER_BATCH + events * this.#nsPerEvent, RESERVE_NS);
      this.#pay(BALANCE, income, RESERVE_NS);
      this.#pay(HALF, income / 2, RESERVE_NS / 2);
    }
    this.charge(position, ns);
    if (Atomics.load(this.#words, BALANCE) <= 0) return "overspent";
    return Atomics.load(this.#words, HALF) <= 0 ? "heavy" : "good";
  }

  /**
   * A call on the batch at `position` was ended after `ns`. Its policy rests, so no other policy of the
   * tenant has to.
   */
  settleEnded(position: number, ns: number): void {
    this.charge(position, ns);
    this.pardon();
  }

  /** Time that went into the batch at `position`. */
  charge(position: number, ns: number): void {
    const spent = Math.min(Math.round(ns), SPENT_NS_MAX);
    if (Atomics.exchange(this.#words, AT, position) !== position) Atomics.store(this.#words, SPENT, 0);
    Atomics.add(this.#words, SPENT, spent);
    for (const word of [BALANCE, HALF]) {
      if (Atomics.sub(this.#words, word, spent) - spent < -SPENT_NS_MAX)
        Atomics.store(this.#words, word, -SPENT_NS_MAX);
    }
  }

  /** What all its policies have spent on the batch at `position`. */
  spentOn(position: number): number {
    return Atomics.load(this.#words, AT) === position ? Atomics.load(this.#words, SPENT) : 0;
  }

  /** The worst has been sent to rest: the others begin with half a reserve. */
  pardon(): void {
    Atomics.store(this.#words, BALANCE, RESERVE_NS / 2);
    this.forgiveHalf();
  }

  /**
   * The worker has reported that the tenant is heavy. It reports again when the tenant has been heavy for as
   * long again.
   */
  forgiveHalf(): void {
    Atomics.store(this.#words, HALF, RESERVE_NS / 2);
  }

  #pay(word: number, ns: number, most: number): void {
    const balance = Atomics.add(this.#words, word, Math.round(ns)) + Math.round(ns);
    if (balance > most) Atomics.sub(this.#words, word, balance - most);
  }
}
