// SPDX-License-Identifier: Apache-2.0
// What the functions of one policy share while it is compiled: constants, dictionaries, sets of texts to
// search for, slots of the process cache and of the event cache, and the helper functions made so far.
import { createHash } from "node:crypto";
import { VedetteError } from "../../errors.js";
import { type MatchTable, SEARCH_MAX, searchTable } from "./automaton.js";
import { Data } from "./data.js";
import { Dictionary } from "./dictionary.js";
import type { FuncContext } from "./func-context.js";
import { EVENT_CACHE, EVENT_TEXTS_MAX } from "./layout.js";
import { codeOf, type Func, type Tree } from "./wasm.js";

const KEY_MAX = 200;

/** What all functions of one policy share. */
export class Program {
  readonly data = new Data();
  readonly funcs: Func[] = [];
  readonly #dictionaries = new Map<string, Dictionary>();
  readonly #tables = new Map<string, number>();
  readonly #searches = new Map<string, Search>();
  readonly #matches = new Map<string, MatchTable>();
  readonly #slots = new Map<string, number>();
  readonly #eventTexts = new Map<number | null, Map<string, number>>();
  readonly #made = new Map<string, string>();
  readonly #codes = new Map<string, Func>();
  readonly #numbers = new Map<string, number>();
  readonly #listKeys = new WeakMap<readonly unknown[], string>();
  #nameCount = 0;
  #cacheBytes = 0;
  #memoBits = 0;

  get stride(): number {
    return Math.max((this.#cacheBytes + 7) & ~7, 8);
  }

  dictionary(vocabulary: string): Dictionary {
    return entry(this.#dictionaries, vocabulary, () => new Dictionary());
  }

  /** Its address; no word may be added any more. */
  dictionaryTable(vocabulary: string): number {
    return entry(this.#tables, `words ${vocabulary}`, () => this.dictionary(vocabulary).table(this.data));
  }

  search(vocabulary: string, isCaseFolded: boolean): Search {
    return entry(this.#searches, `${vocabulary}/${isCaseFolded}`, () => new Search(isCaseFolded));
  }

  searchTable(search: Search, group: number): number {
    const key = `search ${[...this.#searches.values()].indexOf(search)} ${group}`;
    return entry(this.#tables, key, () => this.data.search(searchTable(search.group(group), search.isCaseFolded)));
  }

  /** Automata are made once, however many types of event ask. */
  match(key: string, make: () => MatchTable): MatchTable {
    return entry(this.#matches, key, make);
  }

  /**
   * What tells a list from others, whatever its order; found once for each list, however many types of event
   * ask.
   */
  listKey(values: readonly unknown[]): string {
    const known = this.#listKeys.get(values);
    if (known !== undefined) return known;
    const text = JSON.stringify([...values].map(String).sort());
    const key = text.length <= KEY_MAX ? text : createHash("sha256").update(text).digest("base64");
    this.#listKeys.set(values, key);
    return key;
  }

  constant(key: string, make: () => number): number {
    return entry(this.#tables, key, make);
  }

  /** An offset in the process cache, zero when the batch begins. */
  slot(key: string, bytes: 4 | 8): number {
    return entry(this.#slots, key, () => {
      if (bytes === 8) this.#cacheBytes = (this.#cacheBytes + 7) & ~7;
      this.#cacheBytes += bytes;
      return this.#cacheBytes - bytes;
    });
  }

  /** A place for one answer about a process: whether it is known, and what it is. */
  memo(): { known: number; value: number; bit: number } {
    const word = this.#memoBits >> 5;
    const bit = 1 << (this.#memoBits++ & 31);
    return { known: this.slot(`known ${word}`, 4), value: this.slot(`value ${word}`, 4), bit };
  }

  /**
   * The number of a text of the event cache, which is made anew for each event: each type numbers its own.
   */
  eventText(key: string, event: number | null): { number: number; at: number } {
    const own = entry(this.#eventTexts, event, () => new Map<string, number>());
    const number = entry(own, key, () => own.size);
    if (number >= EVENT_TEXTS_MAX) {
      const reason = `one event would need more than ${EVENT_TEXTS_MAX} texts made, such as paths, flags and transformed values`;
      throw new VedetteError("VEDETTE_FALCO_TOO_MUCH", { reason });
    }
    return { number, at: EVENT_CACHE + number * 8 };
  }

  get eventTextCount(): number {
    return Math.max(0, ...[...this.#eventTexts.values()].map((own) => own.size));
  }

  /** A helper function, made once for a key. `make` gets the name under which it will be known. */
  helper(key: string, make: (name: string) => Func): string {
    const known = this.#made.get(key);
    if (known) return known;
    const name = this.#name();
    this.#made.set(key, name);
    this.funcs.push(make(name));
    return name;
  }

  /**
   * A helper function about an event. A key says all within one type of event; two types share a function
   * where its code is the same, and for no other reason: no key can forget what the code reads.
   */
  eventHelper(key: string, event: number | null, make: (name: string) => Func): string {
    return entry(this.#made, `${key} of ${event}`, () => this.shared(make(this.#name())).name);
  }

  #name(): string {
    return `$h${this.#nameCount++}`;
  }

  /** A part of a function about an event, made apart. Gives its name. */
  part(whole: FuncContext, make: (f: FuncContext) => Tree): string {
    const f = whole.part(this.#name());
    return this.shared(f.done([make(f)], "i32")).name;
  }

  /** The function with this code: an older one, or this one from now on. */
  shared(func: Func): Func {
    const code = codeOf(func);
    const known = this.#codes.get(code);
    if (known) return known;
    this.#codes.set(code, func);
    this.funcs.push(func);
    return func;
  }

  /** Small numbers for keys, for the names of locals. */
  number(key: string): number {
    return entry(this.#numbers, key, () => this.#numbers.size);
  }

  text(value: string): { at: Tree; size: number } {
    return { at: this.data.text(value), size: value.length };
  }
}

/** The texts that `contains` asks for of one vocabulary, in groups of up to 64. */
export class Search {
  readonly #texts = new Map<string, number>();

  constructor(readonly isCaseFolded: boolean) {}

  add(text: string): void {
    if (!this.#texts.has(text)) this.#texts.set(text, this.#texts.size);
  }

  get size(): number {
    return this.#texts.size;
  }

  placeOf(text: string): { group: number; bit: bigint } {
    const index = this.#texts.get(text)!;
    return { group: Math.floor(index / SEARCH_MAX), bit: 1n << BigInt(index % SEARCH_MAX) };
  }

  group(group: number): string[] {
    return [...this.#texts.keys()].slice(group * SEARCH_MAX, (group + 1) * SEARCH_MAX);
  }
}

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
