// SPDX-License-Identifier: Apache-2.0
// All the texts that rules compare one field with (`=`, `in`), as one hash table: a value is looked up once,
// and each comparison is then a look at a number, each list a look at a bit. Numbers: 1 is no word of the
// dictionary, words count from 2, and 0 is left for "not looked up yet".
//
// The hash takes the length and the first and last eight bytes, which tell names and paths apart; equal
// hashes stand one after another. The multiplier is chosen so that as many words as possible stand where
// their hash says.
import type { Data } from "./data.js";

/** The number of a value that was not looked up yet. */
export const UNKNOWN = 0;
/** The number of a value that is in no rule. */
export const NO_WORD = 1;
const FIRST = 2;

/** Collects words. table() ends that: no word may be added afterwards. */
export class Dictionary {
  readonly #words = new Map<string, number>();
  readonly #lists = new WeakSet<readonly string[]>();

  add(word: string): number {
    const known = this.#words.get(word);
    if (known !== undefined) return known;
    const id = this.#words.size + FIRST;
    this.#words.set(word, id);
    return id;
  }

  /** All words of a list, looked at once however many types of event ask. */
  addAll(list: readonly string[]): void {
    if (this.#lists.has(list)) return;
    this.#lists.add(list);
    for (const word of list) this.add(word);
  }

  /** The numbers of the list's words, in order, 4 bytes each. */
  numbers(list: readonly string[], data: Data): number {
    const ids = Uint32Array.from(new Set(list.map((word) => this.idOf(word)))).sort();
    return data.place(new Uint8Array(ids.buffer), 4);
  }

  idOf(word: string): number {
    return this.#words.get(word) ?? NO_WORD;
  }

  get size(): number {
    return this.#words.size;
  }

  /** A bit for each number whose word is in the list. */
  bits(list: readonly string[], data: Data): number {
    const out = new Uint8Array(((this.#words.size + FIRST) >> 3) + 1);
    for (const word of list) {
      const id = this.idOf(word);
      if (id >= FIRST) out[id >> 3]! |= 1 << (id & 7);
    }
    return data.place(out, 1);
  }

  /**
   * u32 mask, u32 multiplier; slots of 16 bytes: u32 hash, u32 text, u32 size (0xffffffff: empty), u32 number
   */
  table(data: Data): number {
    let slots = 4;
    while (slots < this.#words.size * 2) slots *= 2;
    const { multiplier, hashes } = bestMultiplier([...this.#words.keys()], slots);
    const out = new DataView(new ArrayBuffer(8 + slots * 16));
    out.setUint32(0, slots - 1, true);
    out.setUint32(4, multiplier, true);
    for (let i = 0; i < slots; i++) out.setUint32(8 + i * 16 + 8, 0xffffffff, true);
    for (const [word, id] of this.#words) {
      const hash = hashes.get(word)!;
      let at = hash & (slots - 1);
      while (out.getUint32(8 + at * 16 + 8, true) !== 0xffffffff) at = (at + 1) & (slots - 1);
      const slot = 8 + at * 16;
      out.setUint32(slot, hash, true);
      out.setUint32(slot + 4, data.text(word), true);
      out.setUint32(slot + 8, word.length, true);
      out.setUint32(slot + 12, id, true);
    }
    return data.place(new Uint8Array(out.buffer));
  }
}

const TRIES = 40;

function bestMultiplier(words: string[], slots: number): { multiplier: number; hashes: Map<string, number> } {
  const mixed = words.map(mix);
  let best = { multiplier: 0, collisions: Number.POSITIVE_INFINITY };
  for (let i = 0; i < TRIES && best.collisions > 0; i++) {
    const multiplier = (0x9e3779b1 + i * 0x61c88646) | 1;
    const seen = new Set(mixed.map((m) => finish(m, multiplier) & (slots - 1)));
    const collisions = words.length - seen.size;
    if (collisions < best.collisions) best = { multiplier: multiplier >>> 0, collisions };
  }
  return { multiplier: best.multiplier, hashes: new Map(words.map((w, i) => [w, finish(mixed[i]!, best.multiplier)])) };
}

// The same as $hash of the run-time, in 32-bit halves.
function mix(word: string): number {
  const n = word.length;
  const byte = (i: number) => word.charCodeAt(i);
  const load = (at: number) => {
    let low = 0;
    let high = 0;
    for (let i = 0; i < 4; i++) low |= (at + i < n ? byte(at + i) : 0) << (8 * i);
    for (let i = 0; i < 4; i++) high |= (at + 4 + i < n ? byte(at + 4 + i) : 0) << (8 * i);
    return [low, high];
  };
  const [a, b] = load(0);
  const [c, d] = n >= 8 ? load(n - 8) : [0, 0];
  return (
    (Math.imul(a!, 0x85ebca6b) ^
      Math.imul(b!, 0xc2b2ae35) ^
      Math.imul(c!, 0x27d4eb2f) ^
      Math.imul(d!, 0x165667b1) ^
      n) |
    0
  );
}

function finish(mixed: number, multiplier: number): number {
  const h = Math.imul(mixed ^ (mixed >>> 15), multiplier);
  return (h ^ (h >>> 16)) >>> 0;
}
