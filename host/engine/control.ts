// SPDX-License-Identifier: Apache-2.0
// A few words of shared memory that say what a worker does, even when the worker does not answer. Before the
// worker calls a policy, it writes which one. The watchdog reads that. When a worker has been ended, the next
// one continues from these words.
//
//   0 running  place of the policy that is judging (from 1), 0 between policies
//   1 epoch    changes whenever `running` is written: the same value twice means the same call
//   2 batch    number of the batch at hand
//   3 done     policies with an id below this have finished with it
//   4 orders   messages of the main thread that the worker should fetch
//   5 at       the reader's position at that batch: `done` means nothing at any other. So releasing a batch and beginning
//              the next is one step, and a worker that is ended around it neither repeats a batch nor skips one
//   6 thread   the worker's thread by the kernel's number, 0: not known
//   7 last     number of the last batch that is dealt with, 0: none
/** Bytes of the words above. */
export const CONTROL_BYTES = 32;

const RUNNING = 0;
const EPOCH = 1;
const BATCH = 2;
const DONE = 3;
const ORDERS = 4;
const AT = 5;
const THREAD = 6;
const LAST = 7;

/** The words of one worker. The comment of a method says which thread may call it. */
export class WorkerControl {
  readonly #words: Int32Array;

  constructor(readonly memory: SharedArrayBuffer = new SharedArrayBuffer(CONTROL_BYTES)) {
    this.#words = new Int32Array(memory);
  }

  /** The worker: policy `id` has the word now. */
  enter(id: number): void {
    Atomics.store(this.#words, RUNNING, id + 1);
    Atomics.add(this.#words, EPOCH, 1);
  }

  /** The worker: it came back. */
  leave(): void {
    Atomics.store(this.#words, RUNNING, 0);
    Atomics.add(this.#words, EPOCH, 1);
  }

  /** The worker: policy `id` and all before it have finished with the batch, and their alerts are posted. */
  finish(id: number): void {
    Atomics.store(this.#words, DONE, id + 1);
  }

  /** The worker: the batch at this position is at hand. */
  begin(position: number): void {
    if (Atomics.load(this.#words, AT) === position) return;
    Atomics.store(this.#words, DONE, 0);
    Atomics.add(this.#words, BATCH, 1);
    Atomics.store(this.#words, AT, position);
  }

  /**
   * The worker: `number` is the next batch. Gives the last one that was dealt with; asked again, there is no
   * gap between them.
   */
  reach(number: number): number {
    const { last } = this;
    if (missedBetween([last], number) > 0) this.close(number - 1);
    return last;
  }

  /** The worker: batch `number` is dealt with. */
  close(number: number): void {
    Atomics.store(this.#words, LAST, number);
  }

  /** Whether some policies have finished with the batch at this position, and it is not released. */
  isUnderway(position: number): boolean {
    return Atomics.load(this.#words, AT) === position && this.done > 0;
  }

  /** The id of the policy that has the word, -1 if none. */
  get running(): number {
    return Atomics.load(this.#words, RUNNING) - 1;
  }
  get epoch(): number {
    return Atomics.load(this.#words, EPOCH);
  }
  get batch(): number {
    return Atomics.load(this.#words, BATCH);
  }
  /** Where the batch at hand stands in the ring. */
  get position(): number {
    return Atomics.load(this.#words, AT);
  }
  /** Policies with an id below this have finished with the batch at hand. */
  get done(): number {
    return Atomics.load(this.#words, DONE);
  }

  /** Number of the last batch that is dealt with, 0: none. */
  get last(): number {
    return Atomics.load(this.#words, LAST) >>> 0;
  }

  get thread(): number {
    return Atomics.load(this.#words, THREAD);
  }
  set thread(number: number) {
    Atomics.store(this.#words, THREAD, number);
  }

  /** The main thread: there is a message. */
  order(): void {
    Atomics.add(this.#words, ORDERS, 1);
    Atomics.notify(this.#words, ORDERS);
  }
  /** The worker: until there is another message than `seen` counts, or the time is up. */
  awaitOrder(seen: number, ms: number): void {
    Atomics.wait(this.#words, ORDERS, seen, ms);
  }
  get orders(): number {
    return Atomics.load(this.#words, ORDERS);
  }
}

/**
 * How many batches lie between the latest of these, which somebody dealt with, and `number`. 0 is none;
 * numbers wrap at 2^32.
 */
export function missedBetween(dealtWith: readonly number[], number: number): number {
  const gaps = dealtWith.filter((last) => last !== 0).map((last) => Math.max(0, (number - last - 1) | 0));
  return gaps.length === 0 ? 0 : Math.min(...gaps);
}
