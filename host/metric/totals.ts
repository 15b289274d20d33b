// SPDX-License-Identifier: Apache-2.0
// What policies have measured, since the host began: the sums of all that was taken out of their memories
// (host/wasm/metrics-region.ts). They outlive instances, workers and versions, so no counter goes back. Whose
// a number is the host says: a policy gives the place of an instrument that it declared and values of labels,
// and nothing of what it writes names another policy or tenant.
import { EXPONENTIAL, type Instrument } from "../wasm/instruments.js";
import type { Measured, Measurement } from "../wasm/metrics-region.js";

/** Sets of labels of one instrument that have numbers of their own; what comes after shares one. */
export const SERIES_MAX = 2000;
/** Policies that are gone and of which the numbers are kept, in case they come back. */
const GONE_MAX = 64;
/** The same of all instruments of one policy together. */
export const SERIES_OF_POLICY_MAX = 10_000;

/** Whose numbers they are. */
export interface Owner {
  /** Null: the operator's own policies. */
  readonly tenant: string | null;
  readonly policy: string;
  readonly version: string;
}

/** The numbers of one set of labels. */
export interface Series {
  /** In the instrument's order; null: all sets that have none of their own. */
  readonly labels: readonly string[] | null;
  /** A counter's total, what a gauge shows, the sum of a histogram. */
  value: number;
  /** How many fell into each bucket, and not into those before. */
  readonly buckets: number[];
}

/** One instrument of one policy. */
export interface Metric {
  readonly instrument: Instrument;
  /** Since when it counts, ns since the epoch. */
  readonly start: bigint;
  readonly series: readonly Series[];
}

/** All instruments of one policy. */
export interface Scope {
  readonly owner: Owner;
  readonly metrics: readonly Metric[];
}

class Sums {
  readonly #series = new Map<string, Series>();
  #other: Series | null = null;

  constructor(
    readonly instrument: Instrument,
    readonly start: bigint,
  ) {}

  get size(): number {
    return this.#series.size;
  }

  get series(): Series[] {
    return [...this.#series.values(), ...(this.#other === null ? [] : [this.#other])];
  }

  add({ labels, value, buckets }: Measurement, mayGrow: boolean): void {
    const series = this.#find(labels, buckets.length, mayGrow && this.#series.size < SERIES_MAX);
    if (this.instrument.kind === "gauge") series.value = value;
    else series.value += value;
    for (const [i, count] of buckets.entries()) series.buckets[i] = (series.buckets[i] as number) + count;
  }

  #find(labels: readonly string[] | null, buckets: number, mayGrow: boolean): Series {
    const key = labels === null ? null : JSON.stringify(labels);
    const known = key === null ? undefined : this.#series.get(key);
    if (known !== undefined) return known;
    const series: Series = { labels: null, value: 0, buckets: new Array<number>(buckets).fill(0) };
    if (key === null || !mayGrow) {
      this.#other ??= series;
      return this.#other;
    }
    const own = { ...series, labels };
    this.#series.set(key, own);
    return own;
  }
}

interface Book {
  /** Of its latest version. */
  owner: Owner;
  readonly sums: Map<string, Sums>;
  refused: number;
  lost: number;
  isGone: boolean;
}

/** The totals of all policies. `now` gives ns since the epoch. */
export class Totals {
  readonly #books = new Map<string, Book>();
  readonly #now: () => bigint;

  constructor(now: () => bigint = () => BigInt(Date.now()) * 1_000_000n) {
    this.#now = now;
  }

  /** Adds what a policy with these instruments has measured. */
  add(owner: Owner, instruments: readonly Instrument[], { measurements, refused }: Measured): void {
    const book = this.#book(owner);
    book.refused += refused;
    let size = [...book.sums.values()].reduce((sum, one) => sum + one.size, 0);
    for (const measurement of measurements) {
      const instrument = instruments[measurement.instrument];
      if (instrument === undefined) continue;
      const sums = this.#sums(book, instrument);
      const before = sums.size;
      sums.add(measurement, size < SERIES_OF_POLICY_MAX);
      size += sums.size - before;
    }
  }

  /** A worker was ended with what this policy had measured since it was last asked: at most a second's. */
  lose(owner: Owner): void {
    this.#book(owner).lost++;
  }

  /** Only these policies are there from now on. One that comes back goes on where it was. */
  keep(owners: readonly Owner[]): void {
    const kept = new Set(owners.map(keyOf));
    for (const [key, book] of this.#books) book.isGone = !kept.has(key);
    const gone = [...this.#books].filter(([, { isGone }]) => isGone);
    for (const [key] of gone.slice(0, -GONE_MAX)) this.#books.delete(key);
  }

  /** All of it, the operator's own policies first. */
  scopes(): Scope[] {
    const books = this.#present();
    return [...books.filter(isOperators), ...books.filter((book) => !isOperators(book))].map(({ owner, sums }) => ({
      owner,
      metrics: [...sums.values()].map(({ instrument, start, series }) => ({ instrument, start, series })),
    }));
  }

  /** What went wrong with each policy's measurements. */
  troubles(): { readonly owner: Owner; readonly refused: number; readonly lost: number }[] {
    return this.#present().map(({ owner, refused, lost }) => ({ owner, refused, lost }));
  }

  #present(): Book[] {
    return [...this.#books.values()].filter(({ isGone }) => !isGone);
  }

  #book(owner: Owner): Book {
    const key = keyOf(owner);
    const known = this.#books.get(key);
    if (known !== undefined) {
      known.owner = owner;
      known.isGone = false;
      return known;
    }
    const book = { owner, sums: new Map<string, Sums>(), refused: 0, lost: 0, isGone: false };
    this.#books.set(key, book);
    return book;
  }

  /** An instrument that is declared in another way than before begins anew. */
  #sums({ sums }: Book, instrument: Instrument): Sums {
    const known = sums.get(instrument.name);
    if (known !== undefined && formOf(known.instrument) === formOf(instrument)) return known;
    const made = new Sums(instrument, this.#now());
    sums.set(instrument.name, made);
    return made;
  }
}

const isOperators = ({ owner }: { readonly owner: Owner }): boolean => owner.tenant === null;

const keyOf = ({ tenant, policy }: Owner): string => JSON.stringify([tenant, policy]);

/** What must be the same for numbers to be added up. */
function formOf(instrument: Instrument): string {
  const { kind, unit, labels } = instrument;
  return JSON.stringify([kind, unit, labels, kind === "histogram" ? instrument.bounds : []]);
}

/** Upper bounds of a histogram's buckets without the last, which has none. */
export function boundsOf(instrument: Instrument): readonly number[] {
  if (instrument.kind === "histogram") return instrument.bounds;
  if (instrument.kind !== "exponential") return [];
  const { first, buckets, scale } = EXPONENTIAL;
  return Array.from({ length: buckets + 1 }, (_, i) => 2 ** ((first + i) / 2 ** scale));
}
