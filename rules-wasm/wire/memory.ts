// SPDX-License-Identifier: Apache-2.0
// The two moments of the runtime's memory (runtime/stub.ts), for the dispatch, and how little of it is
// cleared and looked through.

// @ts-ignore: decorator
@inline export function settle(): void { __vedette_settle(); }
// @ts-ignore: decorator
@inline export function empty(): void { __vedette_empty(); }

/** Clears few bytes, a multiple of eight. memory.fill is a call out of the module, and so takes longer. */
// @ts-ignore: decorator
@inline export function clear(at: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 8) store<u64>(at + i, 0);
}

const ONES: u64 = 0x0101010101010101;
const TOPS: u64 = 0x8080808080808080;

/**
 * Where the first such byte is before `end`; else `end`. It looks at eight bytes at once, so up to seven
 * behind the end must be memory.
 */
export function byteAt(from: usize, end: usize, byte: u64): usize {
  for (let at = from, all = byte * ONES; at < end; at += 8) {
    const differs = load<u64>(at) ^ all;
    const same = (differs - ONES) & ~differs & TOPS; // its lowest bit is that of the first byte without a difference
    if (same != 0) return min(end, at + <usize>(ctz(same) >> 3));
  }
  return end;
}
