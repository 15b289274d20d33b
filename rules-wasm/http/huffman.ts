// SPDX-License-Identifier: Apache-2.0
// The code of HPACK's texts (RFC 7541, appendix B). Codes of a length follow each other in the order of
// their symbols, so the lengths say all of it.

/** Bits of each symbol's code. Behind those of all bytes stands the end's, which is in no text. */
// @ts-ignore: decorator
@lazy const LENGTHS = memory.data<u8>([
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
  28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
  5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
  6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
  24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
  21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
  26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
]);
const SYMBOLS_COUNT: u32 = 257;
const END: u32 = 256;
const SHORTEST: u32 = 5;
const LONGEST: u32 = 30;

/** The symbols by their codes, u16 each. */
// @ts-ignore: decorator
@lazy const symbols: usize = arranged();
/** Of each length, u32 each: its first code, that one's place among the symbols, the code behind its last. */
// @ts-ignore: decorator
@lazy const firsts: usize = memory.data(4 * 31);
// @ts-ignore: decorator
@lazy const places: usize = memory.data(4 * 31);
/** With as many bits as the longest has. */
// @ts-ignore: decorator
@lazy const limits: usize = memory.data(4 * 31);

function arranged(): usize {
  const symbols = memory.data(2 * 257);
  let code: u32 = 0, place: u32 = 0;
  for (let length: u32 = 1; length <= LONGEST; length++) {
    code <<= 1;
    store<u32>(firsts + 4 * length, code);
    store<u32>(places + 4 * length, place);
    for (let symbol: u32 = 0; symbol < SYMBOLS_COUNT; symbol++) {
      if (<u32>load<u8>(LENGTHS + symbol) != length) continue;
      store<u16>(symbols + 2 * place, <u16>symbol);
      place++;
      code++;
    }
    store<u32>(limits + 4 * length, code << (LONGEST - length));
  }
  return symbols;
}

/**
 * Writes the text to `to`, of which at most `room` bytes. Gives how many it wrote; -1 where it is no text,
 * as far as it was read.
 */
export function unpack(at: usize, size: u32, to: usize, room: u32): i32 {
  let bits: u64 = 0, have: u32 = 0, read: u32 = 0, written: u32 = 0;
  while (written < room) {
    while (have <= 56 && read < size) {
      bits |= <u64>load<u8>(at + read++) << (56 - have);
      have += 8;
    }
    const next = <u32>(bits >> (64 - LONGEST));
    let length = SHORTEST;
    while (length < LONGEST && next >= load<u32>(limits + 4 * length)) length++;
    if (length > have) return have < 8 && isEnd(bits, have) ? <i32>written : -1;
    const place = load<u32>(places + 4 * length) + (next >> (LONGEST - length)) - load<u32>(firsts + 4 * length);
    const symbol: u32 = load<u16>(symbols + 2 * place);
    if (symbol == END) return -1;
    store<u8>(to + written++, <u8>symbol);
    bits <<= length;
    have -= length;
  }
  return <i32>written;
}

/** Behind a text its last byte has ones. */
function isEnd(bits: u64, have: u32): bool {
  return have == 0 || bits >> (64 - have) == (<u64>1 << have) - 1;
}
