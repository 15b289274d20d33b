// SPDX-License-Identifier: Apache-2.0
//
// Events a second of one judge against two, on the same backlog. Each judge has one core of its own, and
// shares it with the bus and the database, which have these two cores as well. So the clock alone cannot show
// what a second machine would give; CPU time of the judges for an event says whether two judges do more work
// than one for the same events.
import { setTimeout as sleep } from "node:timers/promises";
import { inMeasuredFleet, type Judge, type MeasuredFleet, type Message, PARTITIONS } from "./fleet.js";
import { evenSensors, type Recorded } from "./fleet-sensors.js";
import { median } from "./median.js";

const SENSORS = 32;
const LOOK_MS = 50;
/** The end of a backlog is not measured: one partition may come to its end before the others. */
const MEASURED = 0.85;

/** What a pool did while all its judges were busy. CPU times are us for an event. */
export interface Drained {
  readonly judges: number;
  readonly events: number;
  readonly seconds: number;
  readonly eventsPerSecond: number;
  readonly cpuUs: { readonly judges: number; readonly bus: number; readonly store: number };
}

/** Medians of the rounds; `ratio`: of two to one, by the clock; `byCpu`: by CPU time of the judges alone. */
export interface Scale {
  readonly backlog: { readonly events: number; readonly blocks: number; readonly bytes: number };
  readonly rounds: readonly (readonly [one: Drained, two: Drained])[];
  readonly one: number;
  readonly two: number;
  readonly ratio: number;
  readonly byCpu: number;
}

/** Blocks of so many events, of sensors that are spread evenly over the partitions. */
export function backlogOf(
  recorded: readonly Recorded[],
  { events, eventsEach, sensors = SENSORS }: { events: number; eventsEach: number; sensors?: number },
): { messages: Message[]; events: number } {
  const all = evenSensors(sensors, recorded, PARTITIONS);
  const messages: Message[] = [];
  let made = 0;
  while (made < events)
    for (const sensor of all) {
      const block = sensor.block(eventsEach);
      messages.push(block);
      made += block.events;
    }
  return { messages, events: made };
}

export async function measureScale(
  recorded: readonly Recorded[],
  { events, rounds, servers }: { events: number; rounds: number; servers: number },
): Promise<Scale> {
  const backlog = backlogOf(recorded, { events, eventsEach: 5_000 });
  const pairs: [Drained, Drained][] = [];
  for (let round = 0; round < rounds; round++)
    pairs.push([await drain(backlog, [0], servers), await drain(backlog, [0, 1], servers)]);
  const of = (which: 0 | 1, what: (one: Drained) => number): number => median(pairs.map((pair) => what(pair[which])));
  const [one, two] = [of(0, rateOf), of(1, rateOf)];
  return {
    backlog: {
      events: backlog.events,
      blocks: backlog.messages.length,
      bytes: backlog.messages.reduce((sum, { body }) => sum + body.length, 0),
    },
    ...{ rounds: pairs, one, two, ratio: median(pairs.map(([a, b]) => rateOf(b) / rateOf(a))) },
    byCpu: (2 * of(0, (drained) => drained.cpuUs.judges)) / of(1, (drained) => drained.cpuUs.judges),
  };
}

const rateOf = ({ eventsPerSecond }: Drained): number => eventsPerSecond;

/** A new fleet judges the backlog with one judge for each core. */
export function drain(
  backlog: { readonly messages: readonly Message[]; readonly events: number },
  cores: readonly number[],
  servers: number,
  words: readonly string[] = [],
): Promise<Drained> {
  return inMeasuredFleet(servers, async (fleet) => {
    await fleet.makeStreams();
    await fleet.publishAll(backlog.messages);
    const judges = await Promise.all(cores.map((core) => fleet.judge(words, core)));
    await fleet.shared(judges);
    const begun = await seen(fleet, judges);
    let now = begun;
    while (now.events < backlog.events * MEASURED) {
      await sleep(LOOK_MS);
      now = await seen(fleet, judges);
    }
    const events = now.events - begun.events;
    const [seconds, us] = [(now.at - begun.at) / 1000, (from: number, to: number) => ((to - from) * 1e6) / events];
    return {
      ...{ judges: judges.length, events, seconds, eventsPerSecond: events / seconds },
      cpuUs: { judges: us(begun.judges, now.judges), bus: us(begun.bus, now.bus), store: us(begun.store, now.store) },
    };
  });
}

async function seen(fleet: MeasuredFleet, judges: readonly Judge[]) {
  const all = await Promise.all(judges.map((judge) => judge.health()));
  const cpu = judges.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
  const events = all.reduce((sum, one) => sum + one.events, 0);
  return { at: performance.now(), events, judges: cpu, ...fleet.cpu };
}
