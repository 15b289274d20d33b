// SPDX-License-Identifier: Apache-2.0
// Who may ask now: so many at once in all, one of a tenant, and the others wait in their lanes.
import { type Lane, Lanes } from "./lanes.js";

/** Of the operator, who has more doors. */
const AT_ONCE_OF_OPERATOR = 3;

interface Waiting {
  readonly begin: () => void;
  readonly reject: (error: Error) => void;
}

/** Runs what it is given, each in its turn. */
export class Turns {
  readonly #most: number;
  readonly #waiting = new Lanes<Waiting>();
  readonly #running = new Map<Lane, number>();
  #count = 0;

  /** `most`: at once. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Gives what the work gives. Throws VEDETTE_STORE_BUSY, and what the work throws. */
  run<T>(lane: Lane, work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const begin = (): void => {
        this.#count++;
        this.#running.set(lane, this.#of(lane) + 1);
        void work()
          .then(resolve, reject)
          .finally(() => this.#end(lane));
      };
      this.#waiting.put(lane, { begin, reject });
      this.#next();
    });
  }

  /** None of those that wait is begun any more. */
  refuse(error: Error): void {
    for (const { reject } of this.#waiting.clear()) reject(error);
  }

  #next(): void {
    if (this.#count >= this.#most) return;
    this.#waiting.take((lane) => this.#of(lane) < (lane === null ? AT_ONCE_OF_OPERATOR : 1))?.item.begin();
  }

  #end(lane: Lane): void {
    this.#count--;
    const left = this.#of(lane) - 1;
    if (left === 0) this.#running.delete(lane);
    else this.#running.set(lane, left);
    this.#next();
  }

  #of(lane: Lane): number {
    return this.#running.get(lane) ?? 0;
  }
}
