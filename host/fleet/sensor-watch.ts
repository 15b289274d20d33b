// SPDX-License-Identifier: Apache-2.0
// How many sensors live, for the pool's /metrics, and which have fallen silent. One host of the pool looks,
// the one that `isMine` says, so that a sum over all hosts counts each sensor once. Whoever may publish beats
// chooses a digest's text, so there is room for the most frequent digests only, and the others stand
// together.
import { setTimeout as sleep } from "node:timers/promises";
import type { Alert } from "../output/alert.js";
import { reasonOf } from "../reason.js";
import { BEAT_S, type BeatPolicy } from "./beat.js";
import type { Bus } from "./bus.js";
import { readRoll, type SensorSeen, type SensorState } from "./roll.js";
import { Silence } from "./silence.js";

/** What sensors say, counted. */
export interface SensorsCounted {
  readonly states: Readonly<Record<Exclude<SensorState, "missing">, number>>;
  /** Digests of policies → sensors that beat and have it; `other`: those for which there was no room. */
  readonly policies: ReadonlyMap<string, number>;
  /** Messages that are no beat of their subject's task. */
  readonly refused: number;
  /** Sensors for which there was no room: they are in no state. */
  readonly unlisted: number;
}

/** Where beats are, and who looks. */
export interface SensorWatchOptions {
  readonly bus: Bus;
  /** Whether this host is the one that looks, at this moment. */
  readonly isMine: () => boolean;
  /** Told of each sensor that falls silent. */
  readonly onAlert: (alert: Alert) => void;
  /** Told once that the beats cannot be read, and once that they can again. */
  readonly say: (line: string) => void;
  readonly periodMs?: number;
  /** How long a sensor may be silent. */
  readonly silentMs?: number;
}

/** Digests that have a number of their own. */
export const DIGESTS_MAX = 100;
const OTHER = "other";
const LOOK_MS = 1_000;
const ANSWER_MS = 30_000;

/** Looks at the beats as often as a sensor beats. */
export class SensorWatch {
  readonly #options: SensorWatchOptions;
  readonly #silence: Silence;
  #counted: SensorsCounted | null = null;
  #isAway = false;

  constructor(options: SensorWatchOptions) {
    this.#options = options;
    this.#silence = new Silence(options.silentMs);
  }

  /** Null: another host looks, or this one has not yet, or could not the last time. */
  get seen(): SensorsCounted | null {
    return this.#options.isMine() ? this.#counted : null;
  }

  /** Until `signal`. */
  async run(signal: AbortSignal): Promise<void> {
    const { isMine, periodMs = BEAT_S * 1_000 } = this.#options;
    let next = 0;
    while (!signal.aborted) {
      if (!isMine()) {
        this.#counted = null;
        this.#silence.forget();
        next = 0;
      } else if (performance.now() >= next) {
        await this.#look(signal);
        next = performance.now() + periodMs;
      }
      await sleep(Math.min(LOOK_MS, periodMs), undefined, { signal }).catch(() => undefined);
    }
  }

  async #look(stopped: AbortSignal): Promise<void> {
    const { bus, onAlert, say } = this.#options;
    const signal = AbortSignal.any([stopped, AbortSignal.timeout(ANSWER_MS)]);
    try {
      const roll = await readRoll(bus, [], signal);
      if (stopped.aborted) return;
      if (signal.aborted) throw new Error(`it did not tell all within ${ANSWER_MS / 1000} s`);
      const { refused, unlisted } = roll;
      const sensors = roll.sensors(Date.now());
      this.#counted = { ...counted(sensors), refused, unlisted };
      for (const alert of this.#silence.take(sensors, performance.now())) onAlert(alert);
      if (this.#isAway) say("the beats of sensors can be read again");
      this.#isAway = false;
    } catch (error) {
      if (stopped.aborted) return;
      this.#counted = null; // an old number would say that all is well
      this.#silence.forget();
      if (!this.#isAway) say(`the beats of sensors cannot be read, so no number of them is told: ${reasonOf(error)}`);
      this.#isAway = true;
    }
  }
}

/** Of policies, those of sensors that beat. */
export function counted(sensors: readonly SensorSeen[]): Pick<SensorsCounted, "states" | "policies"> {
  const states = { live: 0, unwell: 0, silent: 0, ended: 0 };
  const digests = new Map<string, number>();
  for (const { state, beat } of sensors) {
    if (state === "missing") continue;
    states[state]++;
    if (state === "live" || state === "unwell")
      for (const digest of digestsOf(beat?.policies ?? [])) digests.set(digest, (digests.get(digest) ?? 0) + 1);
  }
  return { states, policies: bounded(digests) };
}

const digestsOf = (policies: readonly BeatPolicy[]): Set<string> =>
  new Set(policies.map(({ digest }) => digest).filter((digest) => digest !== ""));

function bounded(digests: ReadonlyMap<string, number>): Map<string, number> {
  const byFrequency = [...digests].sort(([a, many], [b, more]) => more - many || (a < b ? -1 : 1));
  const kept = new Map(byFrequency.slice(0, DIGESTS_MAX));
  const rest = byFrequency.slice(DIGESTS_MAX).reduce((sum, [, sensors]) => sum + sensors, 0);
  return rest === 0 ? kept : kept.set(OTHER, rest);
}
