// SPDX-License-Identifier: Apache-2.0
//
// How many events a second a task of some size bears: the workload keeps its pace, nothing is lost, and what
// waits in the agent does not grow. Rates go up by doubling, and then twice half-way between the most that
// was borne and the least that was not. Several rounds: the median of what was borne.
import { inLab, type Lab, LOAD_S, type Load } from "./footprint.js";

/** The least memory that Fargate gives with so much CPU. */
export const FARGATE_MIB: ReadonlyMap<number, number> = new Map([
  [0.25, 512],
  [0.5, 1024],
  [1, 2048],
  [2, 4096],
  [4, 8192],
]);

export interface Borne {
  readonly cpu: number;
  readonly calls: "read" | "open";
  /** At the highest rate that was borne; null: not even at the first. */
  readonly most: Load | null;
  /** The lowest rate that was not, and what went wrong there. */
  readonly tooMuch: { readonly rate: number; readonly why: string } | null;
}

const MIB = 1 << 20;
const FIRST = { read: 20_000, open: 5_000 };
const MOST = 20_000_000;
const HALVINGS = 2;
const TRIES = 4;
/** Of the calls that were to be made. */
const PACE = 0.98;
/** Of the agent's 16: more grows for as long as the load lasts. */
const SPOOL_MIB = 4;

export async function* measureSizing(cpus: readonly number[], rounds: number): AsyncGenerator<Borne> {
  for (const cpu of cpus)
    for (const calls of ["read", "open"] as const) {
      const limits = { cpu, memoryBytes: FARGATE_MIB.get(cpu)! * MIB };
      const found: Borne[] = [];
      for (let round = 0; round < rounds; round++) found.push(await inLab(limits, (lab) => searched(lab, cpu, calls)));
      yield found.toSorted((a, b) => (a.most?.rate ?? 0) - (b.most?.rate ?? 0))[Math.floor(rounds / 2)]!;
    }
}

async function searched(lab: Lab, cpu: number, calls: Borne["calls"]): Promise<Borne> {
  let most: Load | null = null;
  let tooMuch: Borne["tooMuch"] = null;
  const tried = async (rate: number) => {
    const load = await loaded(lab, rate, calls);
    const why = whyNot(load);
    if (why === null) most = load;
    else tooMuch = { rate, why };
    return why === null;
  };
  for (let rate = FIRST[calls]; rate <= MOST && (await tried(rate)); ) rate *= 2;
  for (let step = 0; step < HALVINGS && most !== null && tooMuch !== null; step++)
    await tried(Math.round((most as Load).rate + ((tooMuch as { rate: number }).rate - (most as Load).rate) / 2));
  return { cpu, calls, most, tooMuch };
}

/** Again where the machine was too busy to look before the workload had ended. */
async function loaded(lab: Lab, rate: number, calls: Borne["calls"]): Promise<Load> {
  for (let left = TRIES; ; left--)
    try {
      return await lab.load(rate, {}, calls);
    } catch (error) {
      if (left === 1 || (error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
}

/** Null: the task bears it. */
function whyNot({ rate, events, lost, spoolMiB }: Load): string | null {
  if (lost > 0) return `${lost} of ${events} are lost`;
  if (events < PACE * rate * LOAD_S) return `the workload makes ${Math.round(events / LOAD_S)} a second`;
  return spoolMiB > SPOOL_MIB ? `${spoolMiB.toFixed(1)} MiB wait` : null;
}
