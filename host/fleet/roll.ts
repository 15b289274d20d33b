// SPDX-License-Identifier: Apache-2.0
// Who answers: the last beat of each sensor, and which tasks have none. A row's age goes by the time at which
// the server took the beat, and never by what the beat says. Whoever may publish could publish for tasks
// without end, so rows are bounded by their number and by their bytes; a task that is expected always has
// one.
import { setImmediate as turn } from "node:timers/promises";
import { subjectToken } from "../output/nats-subject.js";
import { BEATS, type Beat, readBeat } from "./beat.js";
import type { Bus, BusMessage } from "./bus.js";
import { subjectOfBeats } from "./subject.js";

/**
 * `live`: it beats and judges. `unwell`: it beats, and does not judge. `silent`: no beat for two minutes.
 * `ended`: it said that it ends. `missing`: it is expected, and no beat of it is there.
 */
export type SensorState = "live" | "unwell" | "silent" | "ended" | "missing";

/** A sensor, or a task that should have one. `tenant` null: any. */
export interface SensorSeen {
  readonly tenant: string | null;
  readonly task: string;
  readonly state: SensorState;
  /** When the server took its last beat, ms since the epoch, and how many s ago; null: there is none. */
  readonly time: number | null;
  readonly age: number | null;
  /** Seconds by which its clock is ahead of the server's. */
  readonly ahead: number | null;
  readonly beat: Beat | null;
}

/** A task that should have a sensor. `tenant` null: of whichever tenant. */
export interface Expected {
  readonly tenant: string | null;
  readonly task: string;
}

/** Who has not beaten for so long is silent. */
export const SILENT_MS = 120_000;
const ROWS_MAX = 100_000;
const BYTES_MAX = 256 << 20;
const REASONS_MAX = 8;
/** Tenants that may claim a task which is expected of any. */
const CLAIMS_MAX = 16;
const ORDER: readonly SensorState[] = ["missing", "silent", "unwell", "ended", "live"];
/** Beats between two turns of whoever waits for a signal. */
const TURN = 1_000;

interface Row {
  readonly beat: Beat;
  readonly time: number;
}

/** The rows of one look at the bus. */
export class Roll {
  readonly #expected: readonly Expected[];
  /** Subjects for which there is room: of those of any tenant, how many tenants may still claim the task. */
  readonly #subjects: ReadonlySet<string>;
  readonly #claims: Map<string, number>;
  readonly #rows = new Map<string, Row>();
  readonly #reasons = new Map<string, string>();
  #bytes = 0;
  #refused = 0;
  #unlisted = 0;

  constructor(expected: readonly Expected[]) {
    this.#expected = expected;
    const subjects = expected.flatMap(({ tenant, task }) => (tenant === null ? [] : [subjectOfBeats(tenant, task)]));
    this.#subjects = new Set(subjects);
    const tasks = expected.filter(({ tenant }) => tenant === null).map(({ task }) => subjectToken(task));
    this.#claims = new Map(tasks.map((token) => [token, CLAIMS_MAX]));
  }

  /** Messages that are no beat of their subject's task. */
  get refused(): number {
    return this.#refused;
  }

  /** The first of each reason: the subject by it. */
  get reasons(): ReadonlyMap<string, string> {
    return this.#reasons;
  }

  /** Sensors for which there was no room. */
  get unlisted(): number {
    return this.#unlisted;
  }

  take({ subject, body, time }: BusMessage): void {
    const beat = readBeat(subject, body);
    if (typeof beat === "string") {
      this.#refused++;
      if (this.#reasons.size < REASONS_MAX && !this.#reasons.has(beat)) this.#reasons.set(beat, subject);
      return;
    }
    if (!this.#rows.has(subject) && !this.#hasRoom(subject, body.length)) {
      this.#unlisted++;
      return;
    }
    this.#bytes += body.length;
    this.#rows.set(subject, { beat, time });
  }

  #hasRoom(subject: string, size: number): boolean {
    if (this.#subjects.has(subject)) return true;
    const token = subject.slice(subject.lastIndexOf(".") + 1);
    const claims = this.#claims.get(token) ?? 0;
    if (claims > 0) this.#claims.set(token, claims - 1);
    return claims > 0 || (this.#rows.size < ROWS_MAX && this.#bytes + size <= BYTES_MAX);
  }

  /** The gravest first. `now`: ms since the epoch. */
  sensors(now: number): SensorSeen[] {
    const rows = [...this.#rows.values()].map((row) => seen(row, now));
    const subjects = new Set(rows.map(({ tenant, task }) => keyOf(tenant, task)));
    const tasks = new Set(rows.map(({ task }) => keyOf(null, task)));
    const missing = this.#expected
      .filter(({ tenant, task }) => !(tenant === null ? tasks : subjects).has(keyOf(tenant, task)))
      .map(({ tenant, task }): SensorSeen => {
        return { tenant, task, state: "missing", time: null, age: null, ahead: null, beat: null };
      });
    return [...rows, ...missing].sort(byGravity);
  }

  /** Which of these are not as they should be: a sensor that is expected must be live. */
  unwell(sensors: readonly SensorSeen[]): SensorSeen[] {
    const any = new Set(this.#expected.map(({ tenant, task }) => keyOf(tenant, task)));
    const isExpected = ({ tenant, task }: SensorSeen): boolean =>
      any.has(keyOf(tenant, task)) || any.has(keyOf(null, task));
    return sensors.filter((one) => one.state !== "live" && (one.state !== "ended" || isExpected(one)));
  }
}

/** What the bus has now. Throws BusFailure. */
export async function readRoll(bus: Bus, expected: readonly Expected[], signal: AbortSignal): Promise<Roll> {
  const roll = new Roll(expected);
  await bus.ensure(BEATS, signal);
  let count = 0;
  for await (const message of bus.read(BEATS.name, { from: 1, isOnce: true, signal })) {
    roll.take(message);
    if (++count % TURN === 0) await turn();
  }
  return roll;
}

/** Of a file: a task a line, or `TENANT TASK`. Empty lines, and what stands behind a #, say nothing. */
export function expectedIn(text: string): Expected[] {
  const lines = text.split("\n").map((line) => line.replace(/(^|\s)#.*$/, "").trim());
  return lines
    .filter((line) => line !== "")
    .map((line) => {
      const [, tenant = null, task = line] = /^(\S+)\s+(\S+)$/.exec(line) ?? [];
      return { tenant, task };
    });
}

function seen({ beat, time }: Row, now: number): SensorSeen {
  const { tenant, task, clock, state, problem } = beat;
  const isSilent = now - time > SILENT_MS;
  const heard = problem === null ? "live" : "unwell";
  const age = Math.max(0, Math.round((now - time) / 1000));
  const ahead = Math.round((clock - time) / 1000);
  return { tenant, task, state: state === "ended" ? "ended" : isSilent ? "silent" : heard, time, age, ahead, beat };
}

function byGravity(a: SensorSeen, b: SensorSeen): number {
  const gravity = ORDER.indexOf(a.state) - ORDER.indexOf(b.state);
  return gravity !== 0 ? gravity : compare(a.tenant ?? "", b.tenant ?? "") || compare(a.task, b.task);
}

const keyOf = (tenant: string | null, task: string): string => JSON.stringify([tenant, task]);
const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
