// SPDX-License-Identifier: Apache-2.0
// What policies have measured, since the host began: the sums of all that was taken out of their memories
// (host/wasm/metrics-region.ts). They outlive instances, workers and versions, so no counter goes back. Whose
// a number is the host says: a policy gives the place of an instrument that it declared and values of labels,
// and nothing of what it writes names another policy or tenant.
import { basename } from "node:path";
import { EXPONENTIAL, type Instrument } from "../wasm/instruments.js";
import type { Measured, Measurement } from "../wasm/metrics-region.js";
import { Room, seriesBytes, Taken, titleBytes } from "./room.js";

/** Sets of labels of one instrument that have numbers of their own; what comes after shares one. */
export const SERIES_MAX = 2000;
/** The same of all instruments of one policy together. */
export const SERIES_OF_POLICY_MAX = 10_000;
/** Policies that are gone and of which the numbers are kept, in case they come back: how many, and bytes. */
export const GONE_OF_TENANT = { count: 8, bytes: 1 << 20 } as const;
/** The same of all tenants together. */
const GONE = { count: 64, bytes: 4 << 20 } as const;

/** Whose numbers they are. */
export interface Owner {
  /** Null: the operator's own policies. */
  readonly tenant: string | null;
  readonly policy: string;
  readonly version: string;
  /** Where it was loaded from: a tenant may have two of one name. */
  readonly place?: string;
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

/** A policy that is there, and what it declares. */
export interface Present {
  readonly owner: Owner;
  readonly instruments: readonly Instrument[];
}

/** Takes so many bytes if there is room; `isOwn`: for a set of labels of its own. */
type Take = (bytes: number, isOwn: boolean) => boolean;

class Sums {
  readonly #series = new Map<string, Series>();
  #other: Series | null = null;
  /** What it has taken. */
  bytes = 0;

  constructor(
    readonly instrument: Instrument,
    readonly start: bigint,
    /** Characters of the names of its policy and tenant. */
    readonly owners: number,
  ) {}

  get size(): number {
    return this.#series.size;
  }

  get series(): Series[] {
    return [...this.#series.values(), ...(this.#other === null ? [] : [this.#other])];
  }

  /** Gives whether it is counted. If not, there is no room, or a sum would be no number any more. */
  add({ labels, value, buckets }: Measurement, mayGrow: boolean, take: Take): boolean {
    const series = this.#find(labels, buckets.length, mayGrow && this.#series.size < SERIES_MAX, take);
    if (series === null) return false;
    const sum = this.instrument.kind === "gauge" ? value : series.value + value;
    const counts = buckets.map((count, i) => count + (series.buckets[i] as number));
    if (!Number.isFinite(sum) || !Number.isSafeInteger(counts.reduce((all, one) => all + one, 0))) return false;
    series.value = sum;
    for (const [i, count] of counts.entries()) series.buckets[i] = count;
    return true;
  }

  /** Null: there is no room, not even for one that all share. */
  #find(labels: readonly string[] | null, buckets: number, mayGrow: boolean, take: Take): Series | null {
    const key = labels === null ? null : JSON.stringify(labels);
    const known = key === null ? undefined : this.#series.get(key);
    if (known !== undefined) return known;
    const empty = { value: 0, buckets: new Array<number>(buckets).fill(0) };
    if (labels !== null && key !== null && mayGrow && this.#take(key, true, take)) {
      const own: Series = { ...empty, labels };
      this.#series.set(key, own);
      return own;
    }
    if (this.#other === null && this.#take("", false, take)) this.#other = { ...empty, labels: null };
    return this.#other;
  }

  #take(key: string, isOwn: boolean, take: Take): boolean {
    const title = this.bytes === 0 ? titleBytes(this.instrument, this.owners) : 0;
    const bytes = title + seriesBytes(this.instrument, this.owners, key);
    if (!take(bytes, isOwn)) return false;
    this.bytes += bytes;
    return true;
  }
}

interface Book {
  /** Of its latest version. */
  owner: Owner;
  readonly sums: Map<string, Sums>;
  readonly taken: Taken;
  refused: number;
  lost: number;
  isGone: boolean;
}

/** The totals of all policies. `now` gives ns since the epoch. */
export class Totals {
  readonly #books = new Map<string, Book>();
  #declared: readonly Present[] = [];
  readonly #room = new Room();
  readonly #now: () => bigint;

  constructor(now: () => bigint = () => BigInt(Date.now()) * 1_000_000n) {
    this.#now = now;
  }

  /** Adds what a policy with these instruments has measured. */
  add(owner: Owner, instruments: readonly Instrument[], { measurements, refused }: Measured): void {
    const book = this.#book(owner);
    book.refused = Math.min(book.refused + refused, Number.MAX_SAFE_INTEGER);
    let size = [...book.sums.values()].reduce((sum, one) => sum + one.size, 0);
    const take: Take = (bytes, isOwn) => this.#room.take(owner, book.taken, bytes, isOwn);
    for (const measurement of measurements) {
      const instrument = instruments[measurement.instrument];
      if (instrument === undefined) continue;
      const sums = this.#sums(book, instrument);
      const before = sums.size;
      if (!sums.add(measurement, size < SERIES_OF_POLICY_MAX, take)) book.refused++;
      size += sums.size - before;
    }
  }

  /** A worker was ended with what this policy had measured since it was last asked: at most a second's. */
  lose(owner: Owner): void {
    this.#book(owner).lost++;
  }

  /**
   * Only these policies are there from now on, with these instruments. A policy that comes back goes on where
   * it was. What a new version does not declare any more is gone.
   */
  keep(present: readonly Present[]): void {
    this.#declared = present;
    const kept = new Map(present.map((one) => [keyOf(one.owner), new Set(one.instruments.map(({ name }) => name))]));
    for (const [key, book] of [...this.#books]) {
      const declared = kept.get(key);
      if (declared === undefined) this.#retire(key, book);
      else for (const [name, sums] of book.sums) if (!declared.has(name)) this.#drop(book, name, sums);
    }
    this.#forget();
  }

  /** Policies that are there. */
  present(): readonly Present[] {
    return this.#declared;
  }

  /** All of it, the operator's own policies first. */
  scopes(): Scope[] {
    const books = this.#present();
    return [...books.filter(isOperators), ...books.filter((book) => !isOperators(book))].map(({ owner, sums }) => ({
      owner: this.#shown(owner, books),
      metrics: [...sums.values()].map(({ instrument, start, series }) => ({ instrument, start, series })),
    }));
  }

  /** What went wrong with each policy's measurements. */
  troubles(): { readonly owner: Owner; readonly refused: number; readonly lost: number }[] {
    const books = this.#present();
    return books.map(({ owner, refused, lost }) => ({ owner: this.#shown(owner, books), refused, lost }));
  }

  /** Two of one name say where they are from, as in `meter@copy`, which is no policy's name. */
  #shown(owner: Owner, books: readonly Book[]): Owner {
    const { tenant, policy } = owner;
    const isAlone = books.every(({ owner: one }) => one === owner || one.tenant !== tenant || one.policy !== policy);
    return isAlone ? owner : { ...owner, policy: placedName(owner) };
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
    const sums = new Map<string, Sums>();
    const book: Book = { owner, sums, taken: new Taken(), refused: 0, lost: 0, isGone: false };
    this.#books.set(key, book);
    return book;
  }

  /** An instrument that is declared in another way than before begins anew. */
  #sums(book: Book, instrument: Instrument): Sums {
    const known = book.sums.get(instrument.name);
    if (known !== undefined && formOf(known.instrument) === formOf(instrument)) return known;
    if (known !== undefined) this.#drop(book, instrument.name, known);
    const names = Buffer.byteLength(`${book.owner.tenant ?? ""}${placedName(book.owner)}`);
    const made = new Sums(instrument, this.#now(), names);
    book.sums.set(instrument.name, made);
    return made;
  }

  #drop(book: Book, name: string, { bytes }: Sums): void {
    book.sums.delete(name);
    this.#room.free(book.owner, book.taken, bytes);
  }

  /** It is gone, and stands behind those that went before. */
  #retire(key: string, book: Book): void {
    if (book.isGone) return;
    book.isGone = true;
    this.#books.delete(key);
    this.#books.set(key, book);
  }

  /** Of what is gone, what went last stays: so much of each tenant, so that none pushes out another's. */
  #forget(): void {
    const all = { count: 0, bytes: 0 };
    const tenants = new Map<string | null, { count: number; bytes: number }>();
    for (const [key, { owner, taken, isGone }] of [...this.#books].reverse()) {
      if (!isGone) continue;
      const ofTenant = tenants.get(owner.tenant) ?? { count: 0, bytes: 0 };
      tenants.set(owner.tenant, ofTenant);
      if (fits(ofTenant, taken.bytes, GONE_OF_TENANT) && fits(all, taken.bytes, GONE)) {
        for (const one of [ofTenant, all]) Object.assign(one, { count: one.count + 1, bytes: one.bytes + taken.bytes });
      } else {
        this.#books.delete(key);
        this.#room.free(owner, taken, taken.bytes);
      }
    }
  }
}

interface Kept {
  readonly count: number;
  readonly bytes: number;
}

const fits = (used: Kept, bytes: number, most: Kept): boolean =>
  used.count < most.count && used.bytes + bytes <= most.bytes;

const isOperators = ({ owner }: { readonly owner: Owner }): boolean => owner.tenant === null;

/** A tenant has one folder for all its policies, the operator any. */
const placedName = ({ tenant, policy, place = "" }: Owner): string =>
  `${policy}@${tenant === null ? place : basename(place)}`;

const keyOf = ({ tenant, policy, place = "" }: Owner): string => JSON.stringify([tenant, policy, place]);

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
