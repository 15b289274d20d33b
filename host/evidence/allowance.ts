// SPDX-License-Identifier: Apache-2.0
// How many files a container may make in an hour, and how many bytes of them in a day. Grave findings have as
// many of their own: whoever raises cheap ones in order to be left alone afterwards gains nothing.
import { PRIORITIES, type Priority } from "../finding/priority.js";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
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

  /** The bytes of each file, and when it ended. */
  readonly #spent = new Map<string, { readonly at: number; readonly bytes: number }[]>();
  readonly #bytes: number;

  /** `most`: files an hour. `bytes`: in a day. */
  constructor(most: number, bytes: number) {
    this.#most = most;
    this.#bytes = bytes;
  }

  /** A file of it has ended. */
  spend(container: string, bytes: number, now: number): void {
    const spent = (this.#spent.get(container) ?? []).filter(({ at }) => at > now - DAY_MS);
    this.#spent.delete(container);
    this.#spent.set(container, [...spent, { at: now, bytes }]);
    bound(this.#spent);
  }

  #hasRoom(container: string, isGrave: boolean, now: number): boolean {
    const spent = (this.#spent.get(container) ?? []).filter(({ at }) => at > now - DAY_MS);
    return spent.reduce((all, { bytes }) => all + bytes, 0) < (isGrave ? 2 : 1) * this.#bytes;
  }

  /** Whether it would be allowed one now. Takes none. */
  has(container: string, priority: Priority, now: number): boolean {
    const { isGrave, key } = placeOf(container, priority);
    return this.#takenIn(key, now).length < this.#most && this.#hasRoom(container, isGrave, now);
  }

  #takenIn(key: string, now: number): number[] {
    return (this.#taken.get(key) ?? []).filter((at) => at > now - HOUR_MS);
  }

  /** `isFirst`: none was refused in the hour before. `now` in milliseconds. */
  take(container: string, priority: Priority, now: number): { readonly isAllowed: boolean; readonly isFirst: boolean } {
    const { key } = placeOf(container, priority);
    const isAllowed = this.has(container, priority, now);
    const taken = this.#takenIn(key, now);
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

/** Whose number it uses up. */
function placeOf(container: string, priority: Priority): { readonly isGrave: boolean; readonly key: string } {
  const isGrave = PRIORITIES.indexOf(priority) <= GRAVE;
  return { isGrave, key: `${isGrave ? "grave" : "other"} ${container}` };
}

function bound(map: Map<string, unknown>): void {
  const [oldest] = map.keys();
  if (map.size > KEYS_MAX && oldest !== undefined) map.delete(oldest);
}
