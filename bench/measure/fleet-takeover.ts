// SPDX-License-Identifier: Apache-2.0
//
// One of two judges is killed, or stopped until long after its lease, while eight tasks send. How long is it
// until each partition that it had is judged on, and is each finding in the store once? The policy counts, so
// a judge that forgets something, or judges it twice, finds others (test/host/fleet/forwarded.ts).
//
// A partition is judged on when the store commits a finding of one of its tasks, a second or more after the
// signal: what the old owner had sent by then is committed sooner, and nobody may take a lease so early.
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { countingPolicy, expectedIds, ForwardedAgent } from "../../test/host/fleet/forwarded.js";
import { until } from "../../test/until.js";
import { inMeasuredFleet, type Judge, type MeasuredFleet, type StoredFinding } from "./fleet.js";

const PARTITIONS = 4;
const AGENTS = 8;
const PACE_MS = 100;
/** A round begins at any moment between two commits, which are five seconds apart. */
const BEFORE_MS = 4_000;
const SPREAD_MS = 5_000;
const SOON_MS = 1_000;
/** Twice as long as a lease. */
const FROZEN_MS = 8_000;

/** What comes over the owner. */
export type Blow = "kill" | "freeze";

/** Of all rounds. `seconds`: each partition of each round, sorted. */
export interface Takeovers {
  readonly rounds: number;
  readonly seconds: readonly number[];
  readonly expected: number;
  readonly stored: number;
  readonly lost: number;
  readonly doubled: number;
  /** In the store, and no sidecar would have found it. */
  readonly wrong: number;
  /** Times that a judge saw that a partition was not its any more. */
  readonly fenced: number;
}

export function measureTakeover(blow: Blow, rounds: number, servers: number): Promise<Takeovers> {
  return inMeasuredFleet(servers, (fleet) => new Rounds(fleet).run(blow, rounds), PARTITIONS);
}

class Rounds {
  readonly #fleet: MeasuredFleet;
  readonly #policy = countingPolicy();
  readonly #agents = Array.from({ length: AGENTS }, (_, number) => new ForwardedAgent(number, PARTITIONS));
  readonly #over = new AbortController();

  constructor(fleet: MeasuredFleet) {
    this.#fleet = fleet;
  }

  async run(blow: Blow, rounds: number): Promise<Takeovers> {
    const fleet = this.#fleet;
    await fleet.makeStreams();
    const words = ["--policy", this.#policy];
    let judges: [Judge, Judge] = [await fleet.judge(words), await fleet.judge(words)];
    const sending = this.#send();
    const blows: { at: number; partitions: readonly number[] }[] = [];
    let fenced = 0;
    for (let round = 0; round < rounds; round++) {
      await fleet.shared(judges);
      await sleep(BEFORE_MS + (round * SPREAD_MS) / rounds);
      const [victim, other] = judges;
      const partitions = (await victim.health()).partitions.map(({ partition }) => partition);
      blows.push({ at: Date.now(), partitions });
      victim.program.child.kill(blow === "kill" ? "SIGKILL" : "SIGSTOP");
      if (blow === "kill") await once(victim.program.child, "exit");
      else await sleep(FROZEN_MS);
      await ownsAll(other);
      await sleep(SOON_MS);
      if (blow === "freeze") victim.program.child.kill("SIGCONT");
      judges = [other, blow === "kill" ? await fleet.judge(words) : victim];
    }
    await fleet.shared(judges);
    this.#over.abort();
    await sending;
    const expected = await expectedIds(this.#policy, this.#agents);
    const rows = await this.#settled(expected.length);
    for (const judge of judges) fenced += (await judge.health()).fenced;
    return { rounds, seconds: this.#seconds(blows, rows), fenced, ...compared(expected, rows) };
  }

  /** Each agent, one batch after the other, at its pace. */
  async #send(): Promise<void> {
    const { signal } = this.#over;
    while (!signal.aborted) {
      const begun = performance.now();
      const send = async (agent: ForwardedAgent): Promise<void> =>
        this.#fleet.publish({ subject: agent.subject, body: agent.block(agent.make(1)) });
      await Promise.all(this.#agents.map(send));
      await sleep(Math.max(1, PACE_MS - (performance.now() - begun)));
    }
  }

  /** Rows of findings, once no more of them come; not all may. */
  async #settled(expected: number): Promise<StoredFinding[]> {
    let [rows, since] = [await this.#fleet.findings(), performance.now()];
    while (rows.length < expected && performance.now() - since < 30_000) {
      await sleep(500);
      const now = await this.#fleet.findings();
      if (now.length !== rows.length) since = performance.now();
      rows = now;
    }
    return rows;
  }

  #seconds(blows: readonly { at: number; partitions: readonly number[] }[], rows: readonly StoredFinding[]): number[] {
    const of = (partition: number): Set<string> =>
      new Set(this.#agents.flatMap(({ stream }, number) => (stream === `VB_${partition}` ? [`h${number}`] : [])));
    return blows
      .flatMap(({ at, partitions }) =>
        partitions.map((partition) => {
          const tasks = of(partition);
          const later = rows.filter((row) => tasks.has(row.task) && row.at > at + SOON_MS).map((row) => row.at);
          return later.length === 0 || tasks.size === 0 ? Number.NaN : (Math.min(...later) - at) / 1000;
        }),
      )
      .filter((seconds) => !Number.isNaN(seconds))
      .sort((a, b) => a - b);
  }
}

async function ownsAll(judge: Judge): Promise<void> {
  await until("one judge has all partitions", async () => (await judge.health()).partitions.length === PARTITIONS, {
    everyMs: 50,
  });
}

function compared(expected: readonly string[], rows: readonly StoredFinding[]) {
  const [ids, wanted] = [new Set(rows.map(({ id }) => id)), new Set(expected)];
  return {
    ...{ expected: expected.length, stored: rows.length, doubled: rows.length - ids.size },
    lost: expected.filter((id) => !ids.has(id)).length,
    wrong: [...ids].filter((id) => !wanted.has(id)).length,
  };
}
