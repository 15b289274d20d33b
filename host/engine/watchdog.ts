// SPDX-License-Identifier: Apache-2.0
// Watches workers from the main thread. A few times per budget it looks whether a worker is still in the same
// call, and asks the kernel how long that thread has run since. So a policy is not blamed when other programs
// keep the machine busy. The watchdog also ends a call that stays for many times the budget without running.
// The clock of a call starts when the watchdog first sees it, so a busy main thread blames no policy.
import type { WorkerControl } from "./control.js";
import { ranMs } from "./thread-time.js";

const LOOKS_PER_BUDGET = 5;
/** Longest stay, as a multiple of the budget, whatever the thread ran. */
const STAY_MAX = 20;

/** Which worker, which policy, and the call's epoch. */
export type OnOverrun = (control: WorkerControl, id: number, epoch: number) => void;

interface Sight {
  epoch: number;
  since: number;
  /** What the thread had run then, in ms. */
  ran: number;
  isTold: boolean;
}

/** Looks at all workers by a timer of the main thread. stop() ends it. */
export class Watchdog {
  readonly budgetMs: number;
  readonly #onOverrun: OnOverrun;
  readonly #sights = new Map<WorkerControl, Sight>();
  readonly #timer: NodeJS.Timeout;

  constructor(budgetMs: number, onOverrun: OnOverrun) {
    this.budgetMs = budgetMs;
    this.#onOverrun = onOverrun;
    this.#timer = setInterval(() => this.#lookAround(), budgetMs / LOOKS_PER_BUDGET);
  }

  /** From now on. Each call is told once. */
  watch(control: WorkerControl): void {
    this.#sights.set(control, { epoch: -1, since: 0, ran: 0, isTold: false });
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #lookAround(): void {
    const now = performance.now();
    for (const [control, sight] of this.#sights) this.#look(control, sight, now);
  }

  #look(control: WorkerControl, sight: Sight, now: number): void {
    const { epoch, running } = control;
    if (running < 0 || epoch !== sight.epoch) {
      sight.epoch = epoch;
      sight.since = now;
      sight.ran = running < 0 ? 0 : ranMs(control.thread);
      sight.isTold = false;
      return;
    }
    if (sight.isTold || now - sight.since < this.budgetMs) return;
    const spent = ranMs(control.thread) - sight.ran;
    if (spent < this.budgetMs && now - sight.since < this.budgetMs * STAY_MAX) return;
    sight.isTold = true;
    this.#onOverrun(control, running, epoch);
  }
}
