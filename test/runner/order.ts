// SPDX-License-Identifier: Apache-2.0
//
// Which job begins when. The longest begin first: one that begins last keeps one core at work while the
// others rest. Then come the tests of test/host, so that the coverage of host/, which counts what they ran,
// can be worked out beside the rest.
import type { Job } from "./jobs.js";

/** What takes longest: parts of paths, the longest first. A run in CI prints its ten longest at its end. */
const LONGEST = [
  "coverage of capture",
  "e2e/sanitized",
  "test/capture/fuzz",
  "e2e/fargate-kernels",
  "e2e/first-release",
  "test/web/",
  "e2e/corpus",
  "e2e/transparency",
  "e2e/npm-packages",
  "e2e/system-packages",
];
const COUNTED = "test/host/";

/** The same jobs; those of one rank stay in their order. */
export function inOrder(jobs: readonly Job[]): Job[] {
  return [...jobs].sort((a, b) => rank(a) - rank(b));
}

function rank({ path }: Job): number {
  const at = LONGEST.findIndex((part) => path.includes(part));
  if (at >= 0) return at;
  return LONGEST.length + (path.startsWith(COUNTED) ? 0 : 1);
}

/** Jobs that have not begun, of which some wait until others have ended. */
export class Queue {
  readonly #waiting: Job[];
  #last: Job | null;
  #counted: number;

  /** `afterHost`: a job that begins when every job of test/host among these has ended; null: none does. */
  constructor(jobs: readonly Job[], afterHost: Job | null) {
    this.#waiting = inOrder(jobs);
    this.#last = afterHost;
    this.#counted = jobs.filter(isCounted).length;
  }

  /** The next to begin; undefined when none is left that can. */
  next(): Job | undefined {
    if (this.#counted > 0 || this.#last === null) return this.#waiting.shift();
    const last = this.#last;
    this.#last = null;
    return last;
  }

  /** Nothing is left that could begin now; what waits for others to end is left to whoever ends them. */
  isEmpty(): boolean {
    return this.#waiting.length === 0 && (this.#last === null || this.#counted > 0);
  }

  /** Tells that a job has ended. */
  ended(job: Job): void {
    if (isCounted(job)) this.#counted -= 1;
  }
}

function isCounted({ path }: Job): boolean {
  return path.startsWith(COUNTED);
}
