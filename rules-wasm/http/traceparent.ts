// SPDX-License-Identifier: Apache-2.0
// The field traceparent of a head (W3C Trace Context): to which trace a request belongs. What does not read
// as version 00 has it is no traceparent; nothing else of the field leaves. HTTP/2 has the value alone
// (hpack.ts).
//
//   traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
import { isSameWord } from "./head";
import { byteAt } from "../wire/memory";

/** Of the field that was read last: the trace, as two numbers, the span that asks, and flags. */
let traceHigh: u64 = 0;
let traceLow: u64 = 0;
let parentSpan: u64 = 0;
let traceFlags: u64 = 0;

/** Bytes of what is kept: these, as u64 each. */
export const TRACE: usize = 32;

/** The caller's own flag: this trace is recorded. */
export const SAMPLED: u32 = 1;

/** The field's name. */
export const NAME = "traceparent";
/** Bytes of its value. */
export const SIZE: u32 = 55;
const LF: u32 = 0x0a;
const DASH: u32 = 0x2d;
const BLANK: u32 = 0x20;

/** Whether a head has exactly one that reads; two contradict one another. */
export function readTraceparent(at: usize, size: u32): bool {
  const end = at + size, name = <u32>NAME.length;
  let found = 0;
  for (let line = at; line < end; line = byteAt(line, end, LF) + 1) {
    if (<u32>(end - line) < name + 1 || load<u8>(line + name) != 0x3a || !isSameWord(line, NAME)) continue;
    let from = line + name + 1;
    while (from < end && load<u8>(from) == BLANK) from++;
    const left = <u32>(end - from);
    if (left <= SIZE || load<u8>(from + SIZE) > BLANK || !readValue(from)) return false;
    found++;
  }
  return found == 1;
}

/** Writes what was read last. */
export function keepTraceparent(at: usize): void {
  store<u64>(at, traceHigh);
  store<u64>(at, traceLow, 8);
  store<u64>(at, parentSpan, 16);
  store<u64>(at, traceFlags, 24);
}

/** Of so many bytes as a value has, whether they are one. */
export function readValue(at: usize): bool {
  if (load<u8>(at) != 0x30 || load<u8>(at + 1) != 0x30) return false;
  for (let i = 0; i < 3; i++) if (load<u8>(at + DASHES[i]) != DASH) return false;
  isHex = true;
  traceHigh = hex(at + 3, 16);
  traceLow = hex(at + 19, 16);
  parentSpan = hex(at + 36, 16);
  traceFlags = hex(at + 53, 2);
  return isHex && (traceHigh | traceLow) != 0 && parentSpan != 0;
}

// @ts-ignore: decorator
@lazy const DASHES: StaticArray<u32> = [2, 35, 52];
let isHex: bool = false;

/** Small letters alone, as the specification has them. */
function hex(at: usize, digits: u32): u64 {
  let value: u64 = 0;
  for (let i: u32 = 0; i < digits; i++) {
    const byte: u32 = load<u8>(at + i), digit = byte - 0x30 <= 9 ? byte - 0x30 : byte - 0x61 <= 5 ? byte - 0x57 : 16;
    if (digit > 15) isHex = false;
    value = value << 4 | digit;
  }
  return value;
}
