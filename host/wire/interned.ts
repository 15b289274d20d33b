// SPDX-License-Identifier: Apache-2.0
// Bytes that grow, and the texts of a batch among them: equal ones are stored once. Whoever has the bytes of
// a text stores them as they are, without a string in between.

/** Bytes that grow. */
export class Growing {
  #bytes = new Uint8Array(FIRST_BYTES);
  #size = 0;
  view = new DataView(this.#bytes.buffer);

  get size(): number {
    return this.#size;
  }

  /** Gives where they begin. */
  append(bytes: Uint8Array, start = 0, end = bytes.length): number {
    const begin = this.#size;
    const size = end - start;
    if (begin + size > this.#bytes.length) this.#grow(begin + size);
    if (size < COPY_MIN) for (let i = 0; i < size; i++) this.#bytes[begin + i] = bytes[start + i] as number;
    else this.#bytes.set(size === bytes.length ? bytes : bytes.subarray(start, end), begin);
    this.#size += size;
    return begin;
  }

  /** Whether these bytes stand at `at`. */
  has(at: number, bytes: Uint8Array, start: number, end: number): boolean {
    for (let i = start; i < end; i++) if (this.#bytes[at + i - start] !== bytes[i]) return false;
    return true;
  }

  whole(): Uint8Array {
    return this.#bytes.subarray(0, this.#size);
  }

  /** Keeps the memory. */
  clear(): void {
    this.#size = 0;
  }

  #grow(least: number): void {
    const bytes = new Uint8Array(Math.max(least, 2 * this.#bytes.length));
    bytes.set(this.#bytes);
    this.#bytes = bytes;
    this.view = new DataView(bytes.buffer);
  }
}

/** Of more bytes, the call of set() is the quicker one. */
const COPY_MIN = 64;
const FIRST_BYTES = 1024;
const FIRST_TEXTS = 64; // a power of two
/** Of each text: where it begins, its size, and its hash. */
const WORDS = 3;

/** Texts one behind the other. */
export class InternedTexts {
  readonly #bytes = new Growing();
  #table = new Int32Array(2 * FIRST_TEXTS); // by hash: the number of a text, from 1
  #texts = new Int32Array(WORDS * FIRST_TEXTS);
  #count = 0;

  /** Gives where the text begins. */
  add(bytes: Uint8Array, start = 0, end = bytes.length): number {
    const size = end - start;
    const hash = hashOf(bytes, start, end);
    const mask = this.#table.length - 1;
    let at = hash & mask;
    for (; ; at = (at + 1) & mask) {
      const text = ((this.#table[at] as number) - 1) * WORDS;
      if (text < 0) break;
      const begin = this.#texts[text] as number;
      const isLike = this.#texts[text + 1] === size && this.#texts[text + 2] === hash;
      if (isLike && this.#bytes.has(begin, bytes, start, end)) return begin;
    }
    if (2 * (this.#count + 1) > this.#table.length) this.#grow();
    return this.#store(bytes, start, end, hash);
  }

  whole(): Uint8Array {
    return this.#bytes.whole();
  }

  /** Keeps the memory. */
  clear(): void {
    this.#bytes.clear();
    this.#table.fill(0);
    this.#count = 0;
  }

  #store(bytes: Uint8Array, start: number, end: number, hash: number): number {
    const begin = this.#bytes.append(bytes, start, end);
    this.#texts.set([begin, end - start, hash], WORDS * this.#count);
    this.#count++;
    this.#place(this.#count, hash);
    return begin;
  }

  #place(number: number, hash: number): void {
    const mask = this.#table.length - 1;
    let at = hash & mask;
    while (this.#table[at] !== 0) at = (at + 1) & mask;
    this.#table[at] = number;
  }

  #grow(): void {
    const texts = new Int32Array(2 * this.#texts.length);
    texts.set(this.#texts);
    this.#texts = texts;
    this.#table = new Int32Array(2 * this.#table.length);
    for (let i = 0; i < this.#count; i++) this.#place(i + 1, texts[WORDS * i + 2] as number);
  }
}

/** FNV-1a, whose high bits are mixed into the low ones. */
function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5 | 0;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
  return hash ^ (hash >>> 15);
}
