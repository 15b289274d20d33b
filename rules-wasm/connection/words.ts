// SPDX-License-Identifier: Apache-2.0
// Words of a protocol that may leave. Whatever else somebody says is `_OTHER`.
import { textHash } from "../string-set";
import { isSame } from "../text";

/** What stands for a word that may not leave. */
export const OTHER = "_OTHER";

/** Of `1 A 2 NS`: texts by their numbers. */
export function named(list: string): Map<u32, string> {
  const words = list.split(" "), names = new Map<u32, string>();
  for (let i = 0; i + 1 < words.length; i += 2) names.set(<u32>parseInt(words[i]), words[i + 1]);
  return names;
}

/** A power of two. */
const KNOWN: i32 = 32;

/** Words that are known by their numbers; 0 is `_OTHER`. */
export class Words {
  private readonly texts: string[] = [OTHER];
  private readonly numbers: Map<u64, u32> = new Map<u64, u32>();
  /** Hashes that were looked up last, and their numbers. A hash is never 0. */
  private readonly hashes: StaticArray<u64> = new StaticArray<u64>(KNOWN);
  private readonly found: StaticArray<u32> = new StaticArray<u32>(KNOWN);

  /** `texts`: with blanks between them. */
  constructor(texts: string) {
    const words = texts.split(" ");
    for (let i = 0, n = words.length; i < n; i++) this.add(words[i]);
  }

  /** One more, which may have blanks. */
  add(text: string): this {
    const bytes = Uint8Array.wrap(String.UTF8.encode(text));
    this.numbers.set(textHash(bytes.dataStart, bytes.length, 0), <u32>this.texts.length);
    this.texts.push(text);
    return this;
  }

  number(at: usize, size: u32): u32 {
    const hash = textHash(at, size, 0), place = <i32>(hash >> 32) & (KNOWN - 1);
    if (unchecked(this.hashes[place]) != hash) {
      if (!this.numbers.has(hash)) return 0;
      this.hashes[place] = hash;
      this.found[place] = this.numbers.get(hash);
    }
    const found = unchecked(this.found[place]);
    return isSame(at, size, this.texts[found]) ? found : 0;
  }

  text(number: u32): string {
    return this.texts[number];
  }
}
