// SPDX-License-Identifier: Apache-2.0
// Repeats: one rule about one thing, from one lineage. The first is told at once; then the 10th, the 100th
// and so on, and the last when no more come. A rule may set its own key (`dedup`), how many it takes until
// the first is told (`threshold`), and how long it waits for another one (`window`).
import { createHash } from "node:crypto";
import type { Finding } from "../finding/finding.js";
import type { Alert } from "../output/alert.js";
import { placeOf, processKey } from "./joints.js";

/** Bounds, which tests make small. Times are in ns. */
export interface RepeatBounds {
  /** From the last one on. */
  readonly window: bigint;
  /** From the first one on, whatever comes. */
  readonly longest: bigint;
  /** Kinds that are kept apart. */
  readonly most: number;
  /** Kinds whose last alert is kept, to be told at their end. */
  readonly kept: number;
}

/** What one finding is: the how manieth of its kind. */
export interface Repeated {
  readonly key: string;
  readonly count: number;
  readonly isTold: boolean;
  /** Its rule wants more of them before it tells any. */
  readonly isWithheld: boolean;
}

interface Kind {
  readonly place: string;
  readonly window: bigint;
  readonly begun: bigint;
  last: bigint;
  count: number;
  told: number;
  /** The last that was not told. */
  alert: Alert | null;
}

const SECOND = 1_000_000_000n;
/** Those of a running sensor. */
export const REPEAT_BOUNDS: RepeatBounds = { window: 60n * SECOND, longest: 3600n * SECOND, most: 16_384, kept: 256 };
const KEY_PLAIN_MAX = 120;

/** Kinds by key; who was heard of last stands last. */
export class Repeats {
  readonly #bounds: RepeatBounds;
  readonly #kinds = new Map<string, Kind>();
  /** How many kinds each place has: the one with most gives way. */
  readonly #places = new Map<string, number>();
  #kept = 0;
  #total = 0;

  constructor(bounds: RepeatBounds = REPEAT_BOUNDS) {
    this.#bounds = bounds;
  }

  get size(): number {
    return this.#kinds.size;
  }

  /** Findings that were not the first of their kind. */
  get total(): number {
    return this.#total;
  }

  /** `keepsLast`: somebody wants to be told of the last one. */
  take(alert: Alert, finding: Finding, now: bigint, keepsLast: boolean): Repeated {
    const { dedup = null, threshold = 1, windowNs = null } = alert.grouping ?? {};
    const place = placeOf(finding);
    const key = keyOf(place, finding, dedup);
    let kind = this.#kinds.get(key);
    if (kind !== undefined && this.#isOver(kind, now)) {
      this.#forget(key, kind);
      kind = undefined;
    }
    if (kind === undefined) {
      this.#makeRoom(place);
      kind = { place, window: windowNs ?? this.#bounds.window, begun: now, last: now, count: 0, told: 0, alert: null };
      this.#places.set(place, (this.#places.get(place) ?? 0) + 1);
    } else {
      this.#total++;
      this.#kinds.delete(key);
    }
    this.#kinds.set(key, kind);
    kind.last = now;
    kind.count++;
    const isTold = isTurn(kind.count, threshold);
    if (isTold) kind.told = kind.count;
    this.#keep(kind, isTold || !keepsLast || kind.told === 0 ? null : alert);
    return { key, count: kind.count, isTold, isWithheld: kind.count < threshold };
  }

  /** Those that have ended by now, with their last alert, if that was not told. */
  ended(now: bigint, isEnd = false): Alert[] {
    const told: Alert[] = [];
    for (const [key, kind] of this.#kinds) {
      if (!isEnd && !this.#isOver(kind, now)) continue;
      if (kind.alert !== null) told.push({ ...kind.alert, repeat: { count: kind.count, isTold: true, isLast: true } });
      this.#forget(key, kind);
    }
    return told;
  }

  #isOver({ last, begun, window }: Kind, now: bigint): boolean {
    return now - last > window || now - begun > (window > this.#bounds.longest ? window : this.#bounds.longest);
  }

  #keep(kind: Kind, alert: Alert | null): void {
    if (kind.alert === null && alert !== null) {
      if (this.#kept >= this.#bounds.kept) return;
      this.#kept++;
    } else if (kind.alert !== null && alert === null) this.#kept--;
    kind.alert = alert;
  }

  #makeRoom(place: string): void {
    if (this.#kinds.size < this.#bounds.most) return;
    const [fullest] = [...this.#places].reduce((a, b) => (b[1] > a[1] ? b : a), [place, 0]);
    for (const [key, kind] of this.#kinds)
      if (kind.place === fullest) {
        this.#forget(key, kind);
        return;
      }
  }

  #forget(key: string, kind: Kind): void {
    this.#keep(kind, null);
    this.#kinds.delete(key);
    const left = this.#places.get(kind.place)! - 1;
    if (left === 0) this.#places.delete(kind.place);
    else this.#places.set(kind.place, left);
  }
}

/** The threshold, ten times that, a hundred times ... */
function isTurn(count: number, threshold: number): boolean {
  let turn = threshold;
  while (turn < count) turn *= 10;
  return turn === count;
}

function keyOf(place: string, finding: Finding, dedup: string | null): string {
  const { policy, rule, lineage, process } = finding;
  // Children of a container's first process, such as the commands of its script, are of one lineage here:
  // each would be the only one of its own.
  const begun = lineage !== null && lineage.pid === process?.pid ? lineage.first : lineage;
  const root = begun === null ? null : processKey(begun.pid, begun.started);
  const what = dedup === null ? [root, subjectOf(finding)] : [dedup];
  const key = JSON.stringify([place, policy, rule, ...what]);
  return key.length <= KEY_PLAIN_MAX ? key : createHash("sha256").update(key).digest("base64");
}

/** What it is about: the file, the connection, or the program and what it did. */
function subjectOf({ file, endpoint, executable, event }: Finding): string | null {
  if (file !== null) return `f ${file.ino === null ? (file.realPath ?? file.path) : `${file.dev}/${file.ino}`}`;
  if (endpoint?.isServer === true) return `s ${endpoint.localIp}:${endpoint.localPort}`;
  if (endpoint !== null) return `c ${endpoint.remoteIp}:${endpoint.remotePort}`;
  if (executable === null) return null;
  return `x ${event.type} ${executable.ino === null ? executable.path : `${executable.dev}/${executable.ino}`}`;
}
