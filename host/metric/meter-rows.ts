// SPDX-License-Identifier: Apache-2.0
// What meters of requests measured over the last hour, in rows: those who look choose by which labels. A
// meter of requests is an instrument by OpenTelemetry's names: a histogram in seconds whose name ends in
// `.duration`, as http.server.request.duration.
//
// Totals only grow (totals.ts). So a look at them is compared with the look before, and what is more belongs
// to the step of time that we are in. Numbers of two tenants or of two policies are never added up: both may
// have counted the same request.
//
// Workloads choose values of labels, so rows are bounded: of each owner, and of all together. A row of which
// nothing was heard for an hour goes. What finds no row is counted.
import { EXPONENTIAL, type Instrument } from "../wasm/instruments.js";
import { boundsOf, type Metric, type Owner, type Present, type Scope, type Series } from "./totals.js";

/** What is looked at. */
export interface Measures {
  /** Policies that are there, and what they declare. */
  readonly present: readonly Present[];
  readonly scopes: readonly Scope[];
}

/** What a row counts. */
export interface RequestNumbers {
  readonly requests: number;
  /** Null: the meter does not say which failed. */
  readonly errors: number | null;
  /** Seconds in which half, 95 % and 99 % of the requests were answered. */
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** One row. */
export interface MeterRow<Labels> extends RequestNumbers {
  /** Of this row as long as it is there. */
  readonly id: number;
  /** Null: a policy of the operator's. */
  readonly tenant: string | null;
  readonly policy: string;
  readonly metric: string;
  readonly labels: Labels;
  /** The meter's largest bound: what took longer is told as this. */
  readonly most: number;
}

/** What happened in one step of time. */
export interface RequestPoint extends RequestNumbers {
  /** Its beginning, ns since the epoch. */
  readonly time: string;
  /** How long it is; the last one goes on. */
  readonly seconds: number;
}

/** Whether a viewer may see what is this tenant's. */
export type Sees = (tenant: string | null) => boolean;

/** One step of time, s. */
export const STEP_S = 30;
/** Steps that are kept: an hour. */
export const STEPS = 3_600 / STEP_S;
/** Rows of one tenant, or of the operator, and of all tenants together. */
export const ROWS_OF_OWNER_MAX = 100;
const TENANTS_ROWS_MAX = 400;
/** Characters that are kept of a label. */
const TEXT_MAX = 300;
/** A look costs: two that come so soon one after the other are one, s. */
const LOOK_S = 1;
/** Labels that name the service: the first that is not empty. */
export const SERVICE = ["service.name", "container.name", "process.executable.name"];
const FAILURE = "error.type";
/** Exponential buckets are finer than anybody needs here: one for each power of two is kept. */
const COARSE = 2 ** EXPONENTIAL.scale;

interface Step {
  /** Since the epoch, in steps. */
  readonly at: number;
  /** Counts up to 2^53, as totals are: a tenant's meter says what it likes. */
  readonly buckets: Float64Array;
  errors: number;
}

interface Kept<Labels> {
  readonly id: number;
  readonly owner: Owner;
  readonly metric: string;
  readonly labels: Labels;
  readonly bounds: readonly number[];
  readonly saysErrors: boolean;
  /** Those in which something happened, in their order. */
  readonly steps: Step[];
}

/** Labels of a row, by what they are of. */
export type Named = Readonly<Record<string, string | null>>;

/**
 * What a row is told apart by. `label` gives the first of these labels that is there and not empty, else
 * null.
 */
export type LabelsOf<Labels> = (label: (...names: readonly string[]) => string | null, metric: string) => Labels;

/** All rows. `labelsOf` says by what they are told apart; `now` gives seconds since the epoch. */
export class MeterRows<Labels extends Named> {
  readonly #measures: () => Measures;
  readonly #labelsOf: LabelsOf<Labels>;
  readonly #now: () => number;
  #begun: number;
  readonly #rows = new Map<string, Kept<Labels>>();
  /** Requests that found no row, by tenant and step. */
  readonly #leftOut = new Map<string | null, Map<number, number>>();
  /** What the look before saw of each. */
  readonly #seen = new WeakMap<Series, readonly number[]>();
  #looked = Number.NEGATIVE_INFINITY;
  #ids = 0;

  constructor(measures: () => Measures, labelsOf: LabelsOf<Labels>, now: () => number = () => Date.now() / 1_000) {
    this.#measures = measures;
    this.#labelsOf = labelsOf;
    this.#now = now;
    this.#begun = now();
  }

  /** Call it at least once in a step. */
  look(): void {
    const now = this.#now();
    if (Math.abs(now - this.#looked) < LOOK_S) return;
    this.#looked = now;
    this.#begun = Math.min(this.#begun, now);
    const at = Math.floor(now / STEP_S);
    this.#forget(at);
    for (const { owner, metrics } of this.#measures().scopes)
      for (const metric of metrics) if (isOfRequests(metric.instrument)) this.#take(owner, metric, at);
  }

  /** Policies that measure requests. */
  meters(sees: Sees): number {
    return this.#measures().present.filter(
      ({ owner, instruments }) => sees(owner.tenant) && instruments.some(isOfRequests),
    ).length;
  }

  /** What numbers of the last minutes are of. */
  seconds(minutes: number): number {
    const now = this.#now();
    return Math.max(1, Math.round(Math.min(now - this.#begun, now - this.#from(minutes) * STEP_S)));
  }

  /** Rows in which there were requests, those with most first. */
  recent(minutes: number, sees: Sees): MeterRow<Labels>[] {
    const from = this.#from(minutes);
    return [...this.#rows.values()]
      .filter(({ owner }) => sees(owner.tenant))
      .map((kept) => rowOf(kept, from))
      .filter(({ requests }) => requests > 0)
      .sort((a, b) => b.requests - a.requests || a.id - b.id);
  }

  /** The row of this id, step by step. Null: there is none that may be seen. */
  overTime(id: number | undefined, minutes: number, sees: Sees): RequestPoint[] | null {
    const chosen = [...this.#rows.values()].find((row) => row.id === id && sees(row.owner.tenant));
    return chosen === undefined ? null : pointsOf(chosen, this.#from(minutes), this.#now());
  }

  /** Requests of the last hour that found no row. */
  leftOut(sees: Sees): number {
    return sum([...this.#leftOut].flatMap(([tenant, steps]) => (sees(tenant) ? [...steps.values()] : [])));
  }

  #from(minutes: number): number {
    return Math.floor(this.#now() / STEP_S) - (minutes * 60) / STEP_S + 1;
  }

  #take(owner: Owner, { instrument, series }: Metric, at: number): void {
    for (const one of series) {
      const before = this.#seen.get(one);
      const more = one.buckets.map((count, i) => count - (before?.[i] ?? 0));
      const all = sum(more);
      if (all === 0) continue;
      this.#seen.set(one, [...one.buckets]);
      const row = this.#rowOf(owner, instrument, one);
      if (row === null) {
        const steps = this.#leftOut.get(owner.tenant) ?? new Map<number, number>();
        this.#leftOut.set(owner.tenant, steps.set(at, (steps.get(at) ?? 0) + all));
      } else add(row, at, instrument, more, labelOf(instrument, one, [FAILURE]) !== null ? all : 0);
    }
  }

  /** Null: there are too many. */
  #rowOf(owner: Owner, instrument: Instrument, series: Series): Kept<Labels> | null {
    const told = this.#labelsOf((...names) => labelOf(instrument, series, names), instrument.name);
    const bounds = coarseBounds(instrument);
    const key = JSON.stringify([owner.tenant, owner.policy, instrument.name, bounds, told]);
    const known = this.#rows.get(key);
    if (known !== undefined) return known;
    const tenants = [...this.#rows.values()].map(({ owner: { tenant } }) => tenant);
    const isOwnFull = tenants.filter((tenant) => tenant === owner.tenant).length >= ROWS_OF_OWNER_MAX;
    const areTenantsFull = tenants.filter((tenant) => tenant !== null).length >= TENANTS_ROWS_MAX;
    if (isOwnFull || (areTenantsFull && owner.tenant !== null)) return null;
    const labels = Object.fromEntries(Object.entries(told).map(([name, text]) => [name, cut(text)])) as Labels;
    const saysErrors = instrument.labels.includes(FAILURE);
    const row = { id: ++this.#ids, owner, metric: instrument.name, labels, bounds, saysErrors, steps: [] };
    this.#rows.set(key, row);
    return row;
  }

  /** What is too old, and steps that are yet to come: the clock was set back. */
  #forget(at: number): void {
    const first = at - STEPS + 1;
    for (const [key, { steps }] of this.#rows) {
      while (steps[0] !== undefined && steps[0].at < first) steps.shift();
      while ((steps.at(-1)?.at ?? at) > at) steps.pop();
      if (steps.length === 0) this.#rows.delete(key);
    }
    for (const [tenant, steps] of this.#leftOut) {
      for (const step of steps.keys()) if (step < first || step > at) steps.delete(step);
      if (steps.size === 0) this.#leftOut.delete(tenant);
    }
  }
}

function isOfRequests({ kind, unit, name }: Instrument): boolean {
  return (kind === "histogram" || kind === "exponential") && unit === "s" && name.endsWith(".duration");
}

/** The first of these labels that it has, and that is not empty. */
function labelOf({ labels }: Instrument, series: Series, names: readonly string[]): string | null {
  const values = names.map((name) => series.labels?.[labels.indexOf(name)] ?? "");
  return values.find((value) => value !== "") ?? null;
}

const cut = (text: string | null): string | null =>
  text === null || text.length <= TEXT_MAX ? text : `${text.slice(0, TEXT_MAX)}…`;

/** Upper bounds of the buckets that are kept; one more bucket has what is beyond them. */
function coarseBounds(instrument: Instrument): readonly number[] {
  const bounds = boundsOf(instrument);
  if (instrument.kind !== "exponential") return bounds;
  return bounds.filter((_, i) => i % COARSE === 0 && i < EXPONENTIAL.buckets);
}

function add(row: Kept<Named>, at: number, { kind }: Instrument, more: readonly number[], failed: number): void {
  let step = row.steps.at(-1);
  if (step === undefined || step.at < at) {
    step = { at, buckets: new Float64Array(row.bounds.length + 1), errors: 0 };
    row.steps.push(step);
  }
  step.errors += failed;
  for (const [i, count] of more.entries()) {
    const bucket = Math.min(kind === "exponential" ? Math.ceil(i / COARSE) : i, row.bounds.length);
    step.buckets[bucket]! += count;
  }
}

function rowOf<Labels>(kept: Kept<Labels>, from: number): MeterRow<Labels> {
  const { id, owner, metric, labels, bounds, saysErrors, steps } = kept;
  const { tenant, policy } = owner;
  const counted = steps.filter(({ at }) => at >= from);
  return { id, tenant, policy, metric, labels, ...numbersOf(counted, bounds, saysErrors), most: bounds.at(-1) ?? 0 };
}

function pointsOf({ bounds, saysErrors, steps }: Kept<Named>, from: number, now: number): RequestPoint[] {
  return steps
    .filter(({ at }) => at >= from)
    .map((step) => ({
      time: String(BigInt(step.at * STEP_S) * 1_000_000_000n),
      seconds: Math.max(1, Math.min(STEP_S, Math.round(now - step.at * STEP_S))),
      ...numbersOf([step], bounds, saysErrors),
    }));
}

function numbersOf(steps: readonly Step[], bounds: readonly number[], saysErrors: boolean): RequestNumbers {
  const buckets = Array.from({ length: bounds.length + 1 }, (_, i) => sum(steps.map((step) => step.buckets[i] ?? 0)));
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => quantile(share, buckets, bounds)) as [
    number,
    number,
    number,
  ];
  return { requests: sum(buckets), errors: saysErrors ? sum(steps.map(({ errors }) => errors)) : null, p50, p95, p99 };
}

/** As Prometheus has it: within a bucket, times are taken to be spread evenly. */
export function quantile(share: number, buckets: readonly number[], bounds: readonly number[]): number {
  let left = share * sum(buckets);
  for (const [i, count] of buckets.entries()) {
    const [low, high] = [i === 0 ? 0 : bounds[i - 1]!, bounds[i]];
    if (high === undefined) break;
    if (count > 0 && left <= count) return low + (high - low) * (left / count);
    left -= count;
  }
  return bounds.at(-1) ?? 0;
}

const sum = (counts: readonly number[]): number => counts.reduce((all, one) => all + one, 0);
