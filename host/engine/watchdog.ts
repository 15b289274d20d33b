// SPDX-License-Identifier: Apache-2.0
// Watches workers from the main thread. It looks a few times per budget whether a worker is still in the same call; the clock
// of a call starts when the watchdog first sees it, so that a main thread that was busy itself blames nobody.
import type { WorkerControl } from "./control.js";

const LOOKS_PER_BUDGET = 5;

/** Which worker, which policy, and the call's epoch. */
export type OnOverrun = (index: number, id: number, epoch: number) => void;

interface Sight {
  epoch: number;
  since: number;
}

export class Watchdog {
  readonly budgetMs: number;
  readonly #onOverrun: OnOverrun;
  #timer: NodeJS.Timeout | undefined;

  constructor(budgetMs: number, onOverrun: OnOverrun) {
    this.budgetMs = budgetMs;
    this.#onOverrun = onOverrun;
  }

  /** Begins to watch. Each call is told once. */
  watch(controls: readonly WorkerControl[]): void {
    const sights: Sight[] = controls.map(() => ({ epoch: -1, since: 0 }));
    this.#timer = setInterval(() => {
      const now = performance.now();
      for (const [i, control] of controls.entries()) this.#look(control, sights[i] as Sight, i, now);
    }, this.budgetMs / LOOKS_PER_BUDGET);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(control: WorkerControl, sight: Sight, index: number, now: number): void {
    const { epoch, running } = control;
    if (running < 0 || epoch !== sight.epoch) {
      sight.epoch = epoch;
      sight.since = now;
      return;
    }
    if (now - sight.since < this.budgetMs) return;
    sight.since = Number.POSITIVE_INFINITY; // told
    this.#onOverrun(index, running, epoch);
  }
}
