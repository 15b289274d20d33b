// SPDX-License-Identifier: Apache-2.0
// Which sensors have fallen silent. Only looks at the bus that follow one another count, and the time between
// them goes by this process's own clock: a bus that was away or frozen, and a clock that is wrong, make no
// sensor silent. What is told of a sensor depends on its last beat alone. So two hosts of a pool that look
// one after the other tell the same finding, which a store keeps once.
//
//   roll of now - the last beat is a new one -> watched from now on
//               - the same one for two minutes -> told, once
import type { Alert } from "../output/alert.js";
import { guardAlert } from "../output/guard-alert.js";
import { type SensorSeen, SILENT_MS } from "./roll.js";

/** Of one look. More than that wait for the next one: whoever may publish beats could publish without end. */
export const TOLD_PER_LOOK_MAX = 100;

interface Watched {
  readonly time: number;
  readonly since: number;
  readonly isTold: boolean;
}

/** What one host has seen of all sensors. */
export class Silence {
  readonly #ms: number;
  #watched = new Map<string, Watched>();

  /** `ms`: how long a sensor may be silent. */
  constructor(ms = SILENT_MS) {
    this.#ms = ms;
  }

  /** The beats could not be read: what was seen before says nothing any more. */
  forget(): void {
    this.#watched = new Map();
  }

  /** Takes all that the bus has. `now`: ms of a clock that never jumps. */
  take(sensors: readonly SensorSeen[], now: number): Alert[] {
    const watched = new Map<string, Watched>();
    const told: Alert[] = [];
    for (const sensor of sensors) {
      const { beat, time, state } = sensor;
      if (beat === null || time === null || state === "ended") continue;
      const key = JSON.stringify([sensor.tenant, sensor.task]);
      const before = this.#watched.get(key);
      const known = before?.time === time ? before : { time, since: now, isTold: false };
      const isNew = !known.isTold && now - known.since >= this.#ms && told.length < TOLD_PER_LOOK_MAX;
      if (isNew) told.push(silent(sensor, beat.host, time));
      watched.set(key, isNew ? { ...known, isTold: true } : known);
    }
    this.#watched = watched;
    return told;
  }
}

function silent({ tenant, task, beat }: SensorSeen, hostname: string, time: number): Alert {
  const fields = {
    ...{ "sensor.tenant": tenant, "sensor.task": task },
    "sensor.last_beat": new Date(time).toISOString(),
    "sensor.version": beat?.version ?? null,
  };
  const output = "No beat of a sensor for two minutes, and it did not say that it ends: nothing of its task is seen";
  const alert = guardAlert({ rule: "Sensor silent", output, fields, hostname });
  return { ...alert, time: BigInt(Math.round(time) + SILENT_MS) * 1_000_000n };
}
