// SPDX-License-Identifier: Apache-2.0
//
// One judge, and many sensors of fifty tenants that send at a steady rate: half of what this judge can do
// with blocks like theirs, which is measured just before. How late are findings in the store, and what does
// the judge keep in memory? Each block holds one call to be found, made at any moment in which the block was
// filled. A sidecar fills a block for a second, so that is a part of how late a finding is: both are told,
// from the call, and from when its block was sealed.
//
// Then a tenant gets a policy that takes long. How late are the others' findings?
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { scratch } from "../../test/e2e/programs.js";
import { inMeasuredFleet, type Judge, type MeasuredFleet, PARTITIONS } from "./fleet.js";
import { CommitWatch } from "./fleet-commits.js";
import { backlogOf, drain } from "./fleet-scale.js";
import { evenSensors, type LoadSensor, probePolicy, type Recorded, sealedIn, slowPolicy } from "./fleet-sensors.js";

const TENANTS = 50;
const SLOW = "t0";
/** Steps of a loop for each open and each read: some 20 us. A policy that takes more than 50 is refused. */
const SLOW_TURNS = 5_000;
const EVENTS_EACH = 1_000;
/** A sidecar seals no later (host/fleet/forwarder.ts). */
const SEAL_MS_MAX = 1_000;
const CAPACITY_EVENTS = 3_000_000;
const SHARE = 0.5;
/** Until the judge is warm. */
const WARM_MS = 5_000;
const TURN_MS = 5;

/** ms. */
export interface Late {
  readonly findings: number;
  readonly p50: number;
  readonly p99: number;
  readonly most: number;
}

/** `call`: from the call to the store; `block`: from when its block was sealed. */
export interface Lateness {
  readonly call: Late;
  readonly block: Late;
}

export interface Fanin {
  readonly sensors: number;
  readonly tenants: number;
  readonly seconds: number;
  /** Events a second that this judge can do with these blocks, and that came. */
  readonly capacity: number;
  readonly rate: number;
  /** How long a sensor fills a block, ms, and the events of one. */
  readonly sealMs: number;
  readonly eventsEach: number;
  /** Blocks that the bench itself sent later than they were due, ms at p99. */
  readonly sentLateMs: number;
  readonly steady: Lateness;
  /** Of the other tenants, and of the slow one's tasks. */
  readonly besideSlow: Lateness;
  readonly ofSlow: Lateness;
  /** What became of the slow policy: its state, and the events that it judged, of those that came. */
  readonly slow: { readonly state: string; readonly events: number; readonly lastError: string | null };
  /** From the sealed block. `beside`: it was sealed in a commit of its partition, or just before one. */
  readonly commits: {
    readonly count: number;
    readonly bytesEach: number;
    readonly beside: Late;
    readonly between: Late;
  };
  readonly rssMib: { readonly begin: number; readonly middle: number; readonly end: number };
  /** Share of its core that the judge took. */
  readonly judgeCpu: number;
  /** Findings that should be in the store and are not. */
  readonly missing: number;
}

export async function measureFanin(
  recorded: readonly Recorded[],
  { sensors, seconds, servers }: { sensors: number; seconds: number; servers: number },
): Promise<Fanin> {
  const tenants = tenantsFolder();
  const words = ["--policy", "pack", "--policy", probePolicy(), ...tenants.words];
  const backlog = backlogOf(recorded, { events: CAPACITY_EVENTS, eventsEach: EVENTS_EACH, sensors });
  const { eventsPerSecond: capacity } = await drain(backlog, [0], servers, words);
  const all = evenSensors(sensors, recorded, PARTITIONS, TENANTS);
  return inMeasuredFleet(servers, async (fleet) => {
    await fleet.makeStreams();
    const judge = await fleet.judge(words, 0);
    await fleet.shared([judge]);
    const commits = await CommitWatch.on(fleet.url);
    const load = new SteadyLoad(fleet, all, (capacity * SHARE * backlog.messages.length) / backlog.events);
    const loading = load.run();
    await sleep(WARM_MS);
    const steady = await phase(judge, seconds);
    tenants.addSlow();
    await sleep(WARM_MS);
    const besideSlow = await phase(judge, seconds / 2);
    await load.stop();
    await loading;
    await commits.close();
    const slow = (await judge.health()).policies.find(({ policy }) => policy === "slow");
    const { state = "none", events = 0, lastError = null } = slow ?? {};
    const tenantOf = new Map(all.map(({ task, tenant }) => [task, tenant]));
    const rows = await settled(fleet, load.probes);
    const latenessOf = ({ from, to }: Phase, isSlow: boolean): Lateness => {
      const found = rows.filter(
        ({ time, task }) => time >= from && time < to && (tenantOf.get(task) === SLOW) === isSlow,
      );
      return {
        call: late(found.map(({ at, time }) => at - time)),
        block: late(found.map(({ at, sealed }) => at - sealed)),
      };
    };
    const both = rows.filter(({ time }) => time >= steady.from && time < steady.to);
    const partitionOf = new Map(all.map(({ task, partition }) => [task, partition]));
    const byCommit = (isBeside: boolean): Late =>
      late(
        both
          .filter(({ task, sealed }) => commits.isBeside(partitionOf.get(task) ?? 0, sealed) === isBeside)
          .map(({ at, sealed }) => at - sealed),
      );
    return {
      ...{ sensors, tenants: Math.min(TENANTS, sensors), seconds, capacity, rate: load.rateOf(), sealMs: load.sealMs },
      ...{ eventsEach: backlog.events / backlog.messages.length, sentLateMs: quantile(load.lateMs, 0.99) },
      steady: {
        call: late(both.map(({ at, time }) => at - time)),
        block: late(both.map(({ at, sealed }) => at - sealed)),
      },
      ...{
        besideSlow: latenessOf(besideSlow, false),
        ofSlow: latenessOf(besideSlow, true),
        slow: { state, events, lastError },
      },
      commits: {
        ...{ count: commits.count, bytesEach: commits.bytes / Math.max(1, commits.count) },
        ...{ beside: byCommit(true), between: byCommit(false) },
      },
      rssMib: { begin: steady.rssMib[0], middle: steady.rssMib[1], end: steady.rssMib[2] },
      ...{ judgeCpu: steady.cpu, missing: load.probes - rows.length },
    };
  });
}

interface Phase {
  /** ms since the epoch. */
  readonly from: number;
  readonly to: number;
  readonly rssMib: readonly [begin: number, middle: number, end: number];
  /** Share of a core. */
  readonly cpu: number;
}

async function phase(judge: Judge, seconds: number): Promise<Phase> {
  const [from, cpu, begin] = [Date.now(), judge.cpuSeconds, judge.rssMib];
  await sleep(seconds * 500);
  const middle = judge.rssMib;
  await sleep(seconds * 500);
  const to = Date.now();
  return { from, to, rssMib: [begin, middle, judge.rssMib], cpu: ((judge.cpuSeconds - cpu) * 1000) / (to - from) };
}

/** Each sensor sends a block, again and again, in turns that are spread over the time that one is filled. */
class SteadyLoad {
  readonly sealMs: number;
  readonly lateMs: number[] = [];
  probes = 0;
  readonly #everyMs: number;
  readonly #fleet: MeasuredFleet;
  readonly #sensors: readonly LoadSensor[];
  readonly #going = new Map<LoadSensor, Promise<void>>();
  #events = 0;
  #begun = 0;
  #isOver = false;
  #ended = 0;

  /** `blocks`: a second, of all sensors together. */
  constructor(fleet: MeasuredFleet, sensors: readonly LoadSensor[], blocks: number) {
    this.#fleet = fleet;
    this.#sensors = sensors;
    this.#everyMs = (sensors.length * 1000) / blocks;
    this.sealMs = Math.min(SEAL_MS_MAX, this.#everyMs);
  }

  /** Events a second that came. */
  rateOf(): number {
    return (this.#events * 1000) / (this.#ended - this.#begun);
  }

  async run(): Promise<void> {
    this.#begun = performance.now();
    const [origin, step] = [performance.timeOrigin, this.#everyMs / this.#sensors.length];
    for (let turn = 0; !this.#isOver; turn++) {
      const due = this.#begun + turn * step;
      while (performance.now() < due && !this.#isOver)
        await sleep(Math.min(TURN_MS, Math.max(1, due - performance.now())));
      const sealed = performance.now();
      this.lateMs.push(sealed - due);
      const made = sealed - Math.random() * this.sealMs;
      const sensor = this.#sensors[turn % this.#sensors.length] as LoadSensor;
      const block = sensor.block(EVENTS_EACH, { made: origin + made, sealed: origin + sealed });
      this.#events += block.events;
      this.probes++;
      // One block of a sensor is on its way at a time.
      const sent = (this.#going.get(sensor) ?? Promise.resolve()).then(() => this.#fleet.publish(block));
      this.#going.set(sensor, sent);
    }
    this.#ended = performance.now();
    await Promise.all(this.#going.values());
  }

  stop(): void {
    this.#isOver = true;
  }
}

interface Found {
  readonly time: number;
  readonly at: number;
  readonly sealed: number;
  readonly task: string;
}

/** All probes that the store has, once it has all, or no more come. */
async function settled(fleet: MeasuredFleet, expected: number): Promise<Found[]> {
  const read = async (): Promise<Found[]> =>
    (await fleet.findings()).flatMap(({ time, at, output, task }) => {
      const sealed = sealedIn(output);
      return sealed === null ? [] : [{ time, at, sealed, task }];
    });
  let [rows, since] = [await read(), performance.now()];
  while (rows.length < expected && performance.now() - since < 30_000) {
    await sleep(1_000);
    const now = await read();
    if (now.length !== rows.length) since = performance.now();
    rows = now;
  }
  return rows;
}

function late(times: readonly number[]): Late {
  return { findings: times.length, p50: quantile(times, 0.5), p99: quantile(times, 0.99), most: quantile(times, 1) };
}

function quantile(times: readonly number[], part: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

/** A watched folder without policies, and a file that names the tenants. */
function tenantsFolder() {
  const folder = scratch();
  const [watched, file] = [join(folder, "policies.d"), join(folder, "tenants.yaml")];
  mkdirSync(join(watched, SLOW), { recursive: true });
  const names = Array.from({ length: TENANTS }, (_, number) => [`t${number}`, {}]);
  writeFileSync(file, JSON.stringify({ tenants: Object.fromEntries(names) }));
  const slow = slowPolicy(SLOW_TURNS);
  return {
    words: ["--policies-d", watched, "--tenants", file],
    addSlow: () => cpSync(slow, join(watched, SLOW, "slow"), { recursive: true }),
  };
}
