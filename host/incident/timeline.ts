// SPDX-License-Identifier: Apache-2.0
// The rows of one incident. Findings come before steps: when there is no room, a step's row goes for a
// finding's. A rule that has no row yet gets one even then, in place of a row of the rule that has most: a
// flood of one rule does not hide another.
import type { Budget } from "./budget.js";
import type { Row } from "./parts.js";

/** What is told of one event. */
export interface Told extends Omit<Row, "first" | "last" | "count" | "samples"> {
  /** What happens again under this key is the same row. */
  readonly key: string;
  readonly time: bigint;
  /** Time and thread: an event is told once, as a finding or as a step. */
  readonly event: string;
  /** Of a finding. */
  readonly id: string | null;
}

interface KeptRow {
  readonly told: Told;
  first: bigint;
  last: bigint;
  count: number;
  samples: string[];
}

const SAMPLES_MAX = 5;
const EVENTS_MAX = 500;
/** At most so many of an incident's rows are steps. */
const STEPS_MAX = 250;

/** Rows by key, within a budget that all timelines share. */
export class Timeline {
  readonly #budget: Budget;
  readonly #rows = new Map<string, KeptRow>();
  /** Events that a finding tells of, and those that made a step's row. */
  readonly #found = new Set<string>();
  readonly #stepped = new Map<string, string>();
  #steps = 0;
  /** How many rows each rule has. */
  readonly #rowsOf = new Map<string, number>();
  readonly #leftOut = { findings: 0, steps: 0 };

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  get leftOut(): { readonly findings: number; readonly steps: number } {
    return this.#leftOut;
  }

  /** By time. */
  rows(): Row[] {
    return [...this.#rows.values()]
      .map(({ told: { key: _key, time: _time, event: _event, id: _id, ...said }, ...kept }) => ({ ...said, ...kept }))
      .sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  }

  finding(told: Told): void {
    this.#unstep(told.event);
    if (this.#found.size < EVENTS_MAX) this.#found.add(told.event);
    if (this.#again(told)) return;
    const take = (): boolean => this.#budget.take(this.#rows.size);
    if (take() || (this.#makeRoom(told) && take())) this.#put(told);
    else this.#leftOut.findings++;
  }

  step(told: Told): void {
    if (this.#found.has(told.event) || this.#stepped.has(told.event) || this.#again(told)) return;
    if (this.#steps >= STEPS_MAX || !this.#budget.take(this.#rows.size)) {
      this.#leftOut.steps++;
      return;
    }
    this.#put(told);
    this.#stepped.set(told.event, told.key);
  }

  /** All of another's, which is given up. */
  absorb(other: Timeline): void {
    const { findings, steps } = other.leftOut;
    const rows = [...other.#rows.values()];
    for (const event of other.#found) if (this.#found.size < EVENTS_MAX) this.#found.add(event);
    other.release();
    this.#leftOut.findings += findings;
    this.#leftOut.steps += steps;
    for (const { told, first, last, count, samples } of rows) {
      if (isStep(told)) this.step(told);
      else this.finding(told);
      const row = this.#rows.get(told.key);
      if (row === undefined) {
        this.#leftOut[isStep(told) ? "steps" : "findings"] += count - 1;
        continue;
      }
      row.count += count - 1;
      if (first < row.first) row.first = first;
      if (last > row.last) row.last = last;
      row.samples = [...new Set([...row.samples, ...samples])].slice(0, SAMPLES_MAX);
    }
  }

  /** It is told no more: its rows are free for others. */
  release(): void {
    this.#budget.give(this.#rows.size, this.#rows.size);
    this.#rows.clear();
    this.#rowsOf.clear();
    this.#steps = 0;
    this.#stepped.clear();
  }

  #put(told: Told): void {
    const { key, time, id } = told;
    if (isStep(told)) this.#steps++;
    else this.#rowsOf.set(ruleOf(told), (this.#rowsOf.get(ruleOf(told)) ?? 0) + 1);
    this.#rows.set(key, { told, first: time, last: time, count: 1, samples: id === null ? [] : [id] });
  }

  #again({ key, time, id }: Told): boolean {
    const row = this.#rows.get(key);
    if (row === undefined) return false;
    row.count++;
    if (time < row.first) row.first = time;
    if (time > row.last) row.last = time;
    if (id !== null && row.samples.length < SAMPLES_MAX && !row.samples.includes(id)) row.samples.push(id);
    return true;
  }

  /** A rule matched this event, so it is no mere step. */
  #unstep(event: string): void {
    const key = this.#stepped.get(event);
    const row = key === undefined ? undefined : this.#rows.get(key);
    if (key === undefined || row === undefined) return;
    this.#stepped.delete(event);
    if (--row.count === 0) this.#drop(key);
  }

  /** The room of another row is this one's; false: none is less worth. */
  #makeRoom(told: Told): boolean {
    if (this.#steps > 0) {
      const [key, row] = [...this.#rows].find(([, one]) => isStep(one.told))!;
      this.#leftOut.steps += row.count;
      this.#drop(key);
      return true;
    }
    if (this.#rowsOf.has(ruleOf(told))) return false;
    const [rule, count] = [...this.#rowsOf].reduce((a, b) => (b[1] > a[1] ? b : a), ["", 0]);
    if (count < 2) return false;
    const [key, row] = [...this.#rows].findLast(([, one]) => ruleOf(one.told) === rule)!;
    this.#leftOut.findings += row.count;
    this.#drop(key);
    return true;
  }

  #drop(key: string): void {
    const { told } = this.#rows.get(key)!;
    if (isStep(told)) {
      this.#steps--;
      this.#stepped.delete(told.event);
    } else {
      const left = this.#rowsOf.get(ruleOf(told))! - 1;
      if (left === 0) this.#rowsOf.delete(ruleOf(told));
      else this.#rowsOf.set(ruleOf(told), left);
    }
    this.#rows.delete(key);
    this.#budget.give(this.#rows.size + 1, 1);
  }
}

const isStep = ({ kind }: Told): boolean => kind === "exec" || kind === "connect";
const ruleOf = ({ policy, rule }: Told): string => `${policy}/${rule}`;
