// SPDX-License-Identifier: Apache-2.0
// How many files a container may make in an hour. Grave findings have as many of their own: whoever raises
// cheap ones in order to be left alone afterwards gains nothing.
import { PRIORITIES, type Priority } from "../finding/priority.js";

const HOUR_MS = 3_600_000;
const GRAVE = PRIORITIES.indexOf("Critical");
/** Containers that are remembered; the one that asked longest ago is forgotten first. */
const KEYS_MAX = 1_000;

/** Of all containers. */
export class Allowance {
  readonly #most: number;
  /** When each was allowed one, within the last hour. */
  readonly #taken = new Map<string, number[]>();
  /** Since when each is refused. */
  readonly #refusedAt = new Map<string, number>();

  constructor(most: number) {
    this.#most = most;
  }

  /** `isFirst`: none was refused in the hour before. `now` in milliseconds. */
  take(container: string, priority: Priority, now: number): { readonly isAllowed: boolean; readonly isFirst: boolean } {
    const key = `${PRIORITIES.indexOf(priority) <= GRAVE ? "grave" : "other"} ${container}`;
    const taken = (this.#taken.get(key) ?? []).filter((at) => at > now - HOUR_MS);
    const isAllowed = taken.length < this.#most;
    if (isAllowed) taken.push(now);
    this.#taken.delete(key); // the newest stands last
    this.#taken.set(key, taken);
    bound(this.#taken);
    if (isAllowed) return { isAllowed, isFirst: false };
    const before = this.#refusedAt.get(key);
    const isFirst = before === undefined || before <= now - HOUR_MS;
    if (isFirst) this.#refusedAt.set(key, now);
    bound(this.#refusedAt);
    return { isAllowed, isFirst };
  }
}

function bound(map: Map<string, unknown>): void {
  const [oldest] = map.keys();
  if (map.size > KEYS_MAX && oldest !== undefined) map.delete(oldest);
}
