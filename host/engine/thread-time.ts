// SPDX-License-Identifier: Apache-2.0
// How long a thread of ours has run on a processor, as the kernel counts it (sched-stats.rst). Only by this
// measure may a policy be blamed. On a busy machine the clock says little, and under a quota nothing: a
// container of a quarter core stands still for three quarters of every tenth of a second.
import { openSync, readdirSync, readFileSync, readlinkSync, readSync } from "node:fs";
import { setPriority } from "node:os";

/** The calling thread's number; 0 where /proc does not tell. */
export function ownThread(): number {
  try {
    return Number(readlinkSync("/proc/thread-self").split("/").at(-1));
  } catch {
    return 0;
  }
}

/**
 * Gives the thread a lower priority: the others get three times its share. Linux does setpriority(2) for one
 * thread. The number 0 (not known) would mean the whole process.
 */
export function stepBack(thread: number): void {
  try {
    if (thread > 0) setPriority(thread, NICE);
  } catch {
    // It ended, or may not: then it competes.
  }
}

/** The process's threads, by the kernel's numbers. */
export function threads(): ReadonlySet<number> {
  try {
    return new Set(readdirSync("/proc/self/task").map(Number));
  } catch {
    return new Set();
  }
}

/**
 * Of a thread, in ms; of the whole process, which is more, where /proc does not tell of threads (a tenant's
 * own process).
 */
export function ranMs(thread: number): number {
  try {
    if (thread !== 0) return nsOf(readFileSync(schedstat(thread), "latin1")) / 1e6;
  } catch {
    // It ended, or may not be read.
  }
  return processMs();
}

/**
 * What a policy is charged for its calls: time that passed, but no more than the thread ran. Of the calling
 * thread.
 */
export class ChargeClock {
  readonly #buffer = Buffer.alloc(64);
  readonly #fd: number | null;
  /** What the thread had run, and when that was read. */
  #ran = 0;
  #at = 0;

  constructor(thread: number = ownThread()) {
    this.#fd = opened(thread);
    this.begin();
  }

  /** Something begins that will be charged. The kernel is asked once a millisecond at most. */
  begin(): void {
    const now = performance.now();
    if (now - this.#at < DOUBTFUL_MS) return;
    this.#at = now;
    this.#ran = this.#read();
  }

  /** What a call costs that took `ms`. A short one is not doubted: asking costs a microsecond. */
  charge(ms: number): number {
    if (ms < DOUBTFUL_MS) return ms;
    const before = this.#ran;
    this.#ran = this.#read();
    this.#at = performance.now();
    return Math.min(ms, this.#ran - before);
  }

  #read(): number {
    if (this.#fd === null) return processMs();
    const size = readSync(this.#fd, this.#buffer, 0, this.#buffer.length, 0);
    return nsOf(this.#buffer.toString("latin1", 0, size)) / 1e6;
  }
}

const DOUBTFUL_MS = 1;
/** Not 19: V8 has locks that all threads share, and who holds one must not wait long for the processor. */
const NICE = 5;

function opened(thread: number): number | null {
  try {
    return openSync(schedstat(thread), "r");
  } catch {
    return null;
  }
}

const schedstat = (thread: number): string => `/proc/self/task/${thread}/schedstat`;
const nsOf = (text: string): number => Number.parseInt(text, 10);

function processMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
