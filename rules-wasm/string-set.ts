// SPDX-License-Identifier: Apache-2.0
// A set of texts, made once and asked for each event. A hash looks at the size and at up to 24 bytes (the
// first, the middle and the last eight), so asking costs the same for a name and for a long path; a table of
// at least twice as many places as texts, probed linearly, holds the rest. Only what the policy put in is
// stored, so no event can make it slow. Most of what is asked for is not there: a word of 64 bits, one for
// each kind of size and first byte, says so before anything is hashed.
import { bit } from "./flag";
import { Str } from "./str";
import { utf8Size, writeUtf8 } from "./text";

const ENTRY: usize = 12; // u32 hash, u32 address, u32 size; address 0: free

/** A set of texts. Make it at the top of the policy: its memory is never given back. */
export class StringSet {
  private table: usize = 0;
  private mask: u32 = 0;
  private count: i32 = 0;
  private shortest: u32 = u32.MAX_VALUE;
  private longest: u32 = 0;
  private kinds: u64 = 0;

  constructor(texts: string[]) {
    let places: u32 = 4;
    while (places < <u32>texts.length * 2) places <<= 1;
    this.mask = places - 1;
    this.table = heap.alloc(<usize>places * ENTRY);
    memory.fill(this.table, 0, <usize>places * ENTRY);
    for (let i = 0, k = texts.length; i < k; i++) this.put(texts[i]);
  }

  get size(): i32 {
    return this.count;
  }

  has(text: Str): bool {
    return this.hasBytes(text.address, text.size);
  }

  hasBytes(at: usize, size: u32): bool {
    if (size < this.shortest || size > this.longest || (this.kinds >> kindOf(at, size) & 1) == 0) return false;
    return load<u32>(this.place(at, size), 4) != 0;
  }

  private put(text: string): void {
    const size = utf8Size(text);
    const copy = heap.alloc(size + 8); // room for the hash's loads of eight bytes
    writeUtf8(text, copy);
    const place = this.place(copy, size);
    if (load<u32>(place, 4) != 0) return;
    store<u32>(place, hashOf(copy, size));
    store<u32>(place, <u32>copy, 4);
    store<u32>(place, size, 8);
    this.count++;
    this.shortest = min(this.shortest, size);
    this.longest = max(this.longest, size);
    this.kinds |= size == 0 ? u64.MAX_VALUE : bit(kindOf(copy, size)); // an empty text has no first byte
  }

  /** Where the bytes stand in the table, or the free place where they would. */
  private place(at: usize, size: u32): usize {
    const hash = hashOf(at, size);
    let i = hash & this.mask;
    while (true) {
      const place = this.table + <usize>i * ENTRY;
      const key = load<u32>(place, 4);
      if (key == 0) return place;
      if (load<u32>(place) == hash && load<u32>(place, 8) == size && memory.compare(key, at, size) == 0) return place;
      i = (i + 1) & this.mask;
    }
  }
}

/** Of the size and the first byte: 0 to 63. */
// @ts-ignore: decorator
@inline function kindOf(at: usize, size: u32): u64 { return (<u64>load<u8>(at) ^ <u64>(size << 3)) & 63; }

/**
 * Of the size and up to 24 of the bytes. Reads up to 7 bytes beyond the end and masks them: frame and copies
 * have that room.
 */
export function hashOf(at: usize, size: u32): u32 {
  let a = load<u64>(at), b: u64 = 0, c: u64 = 0;
  if (size < 8) {
    a &= (<u64>1 << (size << 3)) - 1;
  } else {
    b = load<u64>(at + size - 8);
    if (size > 16) c = load<u64>(at + (size >> 1) - 4);
  }
  let h = (a ^ (<u64>size * 0x9e3779b97f4a7c15)) * 0xff51afd7ed558ccd;
  h ^= rotl<u64>(b * 0xc4ceb9fe1a85ec53, 31) ^ rotl<u64>(c * 0x9e3779b97f4a7c15, 17);
  h = (h ^ (h >> 32)) * 0xff51afd7ed558ccd;
  return <u32>(h >> 32);
}

/** Two words into one. */
// @ts-ignore: decorator
@inline export function mix(a: u64, b: u64): u64 {
  let h = (a ^ rotl<u64>(b * 0x9e3779b97f4a7c15, 29)) * 0xff51afd7ed558ccd;
  h = (h ^ (h >> 32)) * 0xc4ceb9fe1a85ec53;
  return h ^ (h >> 29);
}

/**
 * Of all bytes, eight at once, of which the last may be among the eight before; never 0. Whoever knows `salt`
 * can write two texts of one hash without a search. So it is of the agent's source, which no watched program
 * knows, or whoever asks compares the texts, too.
 */
export function textHash(at: usize, size: u32, salt: u64): u64 {
  let hash = mix(salt, size);
  if (size < 8) return mix(hash, fewBytes(at, size)) | 2;
  for (let i: u32 = 8; i < size; i += 8) hash = mix(hash, load<u64>(at + i - 8));
  return mix(hash, load<u64>(at + size - 8)) | 2;
}

/** Less than eight bytes as a number: of one size, other bytes are another number. */
function fewBytes(at: usize, size: u32): u64 {
  if (size >= 4) return <u64>load<u32>(at) << 32 | load<u32>(at + size - 4);
  if (size == 0) return 0;
  return <u64>load<u8>(at) << 16 | <u64>load<u8>(at + (size >> 1)) << 8 | load<u8>(at + size - 1);
}
