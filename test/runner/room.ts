// SPDX-License-Identifier: Apache-2.0
//
// Whether the machine has room for one job more than its processors. Many jobs wait for servers, timers and
// programs: with one job a processor, a third of the processors' time went unused. A job more begins only
// when processors have idled and memory is left for it. So a busy machine runs no more jobs than before.
import { cpus, freemem } from "node:os";
import { setTimeout } from "node:timers/promises";

/** Processor time in ms since the machine began, all processors together. */
export interface Used {
  readonly idleMs: number;
  readonly allMs: number;
}

/** What of one processor idles when a job more may begin: what a job takes that mostly waits. */
const IDLE_PROCESSORS_MIN = 0.6;
/** A guest's kernel and its host, or a browser, fit in twice. */
const FREE_BYTES_MIN = 3 << 30;
/** As long as a test takes to be compiled and to start what it is about. */
const LOOK_MS = 2_000;

/** How many processors idled from one moment to another; `count`: how many there are. */
export function idleProcessors(from: Used, to: Used, count: number): number {
  const all = to.allMs - from.allMs;
  return all <= 0 ? 0 : (count * (to.idleMs - from.idleMs)) / all;
}

/** Looks at the machine for whoever would begin one job more. */
export class Room {
  readonly #used: () => Used;
  readonly #lookMs: number;

  constructor(used: () => Used = usedNow, lookMs: number = LOOK_MS) {
    this.#used = used;
    this.#lookMs = lookMs;
  }

  /** Looks at the machine for a while; true: there is room now. */
  async isThere(): Promise<boolean> {
    const before = this.#used();
    await setTimeout(this.#lookMs);
    const idle = idleProcessors(before, this.#used(), cpus().length);
    return idle >= IDLE_PROCESSORS_MIN && freemem() >= FREE_BYTES_MIN;
  }
}

function usedNow(): Used {
  const times = cpus().map((one) => one.times);
  const idleMs = times.reduce((sum, { idle }) => sum + idle, 0);
  return { idleMs, allMs: times.reduce((sum, { user, nice, sys, irq }) => sum + user + nice + sys + irq, idleMs) };
}
