// SPDX-License-Identifier: Apache-2.0
// Comparing UTF-8 bytes in memory with AssemblyScript's UTF-16 strings, without making either into the other.
// Literals in policies are ASCII nearly always, so each loop takes one byte against one code unit, and only a
// literal that is not ASCII pays for encoding.

/** How many bytes `text` has in UTF-8. */
export function utf8Size(text: string): u32 {
  return <u32>String.UTF8.byteLength(text);
}

/** Writes `text` as UTF-8; `at` has room for utf8Size(text). */
export function writeUtf8(text: string, at: usize): void {
  String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, at);
}

/**
 * Whether the `size` bytes at `at` begin with `text`. Four code units are squeezed into four bytes at a time.
 */
export function beginsWith(at: usize, size: u32, text: string): bool {
  const length = <u32>text.length;
  if (length > size) return false; // no character takes fewer bytes than code units
  const units = changetype<usize>(text);
  let i: u32 = 0;
  for (const whole = length & ~3; i < whole; i += 4) {
    let four = load<u64>(units + (i << 1));
    if ((four & NOT_ASCII) != 0) return beginsWithEncoded(at, size, text);
    four = (four | (four >> 8)) & 0x0000ffff0000ffff;
    if (load<u32>(at + i) != <u32>(four | (four >> 16))) return false;
  }
  for (; i < length; i++) {
    const unit = <u32>load<u16>(units + (i << 1));
    if (unit >= 0x80) return beginsWithEncoded(at, size, text);
    if (<u32>load<u8>(at + i) != unit) return false;
  }
  return true;
}

const NOT_ASCII: u64 = 0xff80ff80ff80ff80;

/** Whether the bytes are exactly `text`. */
export function isSame(at: usize, size: u32, text: string): bool {
  const length = <u32>text.length;
  if (size == length) return beginsWith(at, size, text);
  if (size < length || length == 0) return false;
  // Longer than the text has code units: equal only if the text is not ASCII.
  const unit = <u32>load<u16>(changetype<usize>(text));
  if (unit < 0x80 && <u32>load<u8>(at) != unit) return false;
  return utf8Size(text) == size && beginsWithEncoded(at, size, text);
}

/** Where `text` first stands in the bytes, or -1. ASCII blanks in `text` also meet `separator`. */
export function find(at: usize, size: u32, text: string, separator: u32): i32 {
  const length = utf8Size(text);
  if (length == 0) return 0;
  if (length > size) return -1;
  const copy = heap.alloc(length);
  writeUtf8(text, copy);
  const found = findBytes(at, size, copy, length, separator);
  heap.free(copy);
  return found;
}

function findBytes(at: usize, size: u32, what: usize, length: u32, separator: u32): i32 {
  const start = <u32>load<u8>(what);
  for (let i: u32 = 0, last = size - length; i <= last; i++) {
    if (!isLike(<u32>load<u8>(at + i), start, separator)) continue;
    let k: u32 = 1;
    while (k < length && isLike(<u32>load<u8>(at + i + k), <u32>load<u8>(what + k), separator)) k++;
    if (k == length) return <i32>i;
  }
  return -1;
}

// @ts-ignore: decorator
@inline function isLike(byte: u32, wanted: u32, separator: u32): bool {
  return byte == wanted || (wanted == 0x20 && byte == separator);
}

function beginsWithEncoded(at: usize, size: u32, text: string): bool {
  const bytes = utf8Size(text);
  if (bytes > size) return false;
  const copy = heap.alloc(bytes);
  writeUtf8(text, copy);
  const same = memory.compare(at, copy, bytes) == 0;
  heap.free(copy);
  return same;
}

/** Writes a number in its digits, and gives where they end. */
export function writeNumber(value: u64, base: u64, to: usize): usize {
  let digits = 1;
  for (let rest = value / base; rest != 0; rest /= base) digits++;
  for (let i = digits - 1, rest = value; i >= 0; i--, rest /= base) {
    const digit = <u32>(rest % base);
    store<u8>(to + i, <u8>(digit < 10 ? digit + 0x30 : digit + 0x57));
  }
  return to + digits;
}
