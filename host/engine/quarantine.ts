// SPDX-License-Identifier: Apache-2.0
// Policies that rest because they overran or kept trapping. The first rest is a second; each further one
// doubles, up to five minutes; a policy that then behaves for ten minutes begins anew. A policy is never
// given up: its author may not be there, and what made it fail may have passed.
const FIRST_MS = 1000;
const LONGEST_MS = 300_000;
const FORGET_MS = 600_000;

interface Record {
  rests: number;
  until: number;
  timer: NodeJS.Timeout | undefined;
}

/** Which policies rest, and until when. */
export class Quarantine {
  readonly #onEnd: (id: number) => void;
  readonly #records = new Map<number, Record>();

  /** `onEnd`: a policy's rest is over. */
  constructor(onEnd: (id: number) => void) {
    this.#onEnd = onEnd;
  }

  has(id: number): boolean {
    return this.#records.get(id)?.timer !== undefined;
  }

  /** Sends a policy to rest; gives for how many ms. */
  add(id: number, now = Date.now()): number {
    const record = this.#records.get(id) ?? { rests: 0, until: 0, timer: undefined };
    if (record.timer !== undefined) return Math.max(0, record.until - now);
    if (now - record.until > FORGET_MS) record.rests = 0;
    const wait = Math.min(FIRST_MS * 2 ** record.rests, LONGEST_MS);
    record.rests++;
    record.until = now + wait;
    record.timer = setTimeout(() => {
      this.release(id);
      this.#onEnd(id);
    }, wait);
    record.timer.unref();
    this.#records.set(id, record);
    return wait;
  }

  /** Its rest is over; how often it had to rest is remembered. */
  release(id: number): void {
    const record = this.#records.get(id);
    clearTimeout(record?.timer);
    if (record !== undefined) record.timer = undefined;
  }

  /** Forgets a policy that was taken away or replaced. */
  forget(id: number): void {
    clearTimeout(this.#records.get(id)?.timer);
    this.#records.delete(id);
  }

  clear(): void {
    for (const id of [...this.#records.keys()]) this.forget(id);
  }
}
