// SPDX-License-Identifier: Apache-2.0
// The field traceparent of a head (W3C Trace Context): to which trace a request belongs. What does not read
// as version 00 has it is no traceparent; nothing else of the field leaves.
//
//   traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
import { isSameWord } from "./head";
import { byteAt } from "../wire/memory";

/** Of the field that was read last: the first half of the trace. */
export let traceHigh: u64 = 0;
/** The second half. */
export let traceLow: u64 = 0;
/** The span that asks. */
export let parentSpan: u64 = 0;
/** As the field has them. */
export let traceFlags: u32 = 0;

/** The caller's own flag: this trace is recorded. */
export const SAMPLED: u32 = 1;

const NAME = "traceparent";
const SIZE: u32 = 55;
const LF: u32 = 0x0a;
const DASH: u32 = 0x2d;
const BLANK: u32 = 0x20;

/** Whether a head has exactly one that reads; two contradict one another. */
export function readTraceparent(at: usize, size: u32): bool {
  const end = at + size, name = <u32>NAME.length;
  let found = 0;
  for (let line = at; line < end; line = byteAt(line, end, LF) + 1) {
    const left = <u32>(end - line);
    if (left < name + 1 || load<u8>(line + name) != 0x3a || !isSameWord(line, NAME)) continue;
    let from = line + name + 1;
    while (from < end && load<u8>(from) == BLANK) from++;
    if (!readValue(from, <u32>(end - from))) return false;
    found++;
  }
  return found == 1;
}

function readValue(at: usize, left: u32): bool {
  if (left <= SIZE || load<u8>(at + SIZE) > BLANK) return false;
  if (load<u8>(at) != 0x30 || load<u8>(at + 1) != 0x30) return false;
  for (let i = 0; i < 3; i++) if (load<u8>(at + DASHES[i]) != DASH) return false;
  isHex = true;
  traceHigh = hex(at + 3, 16);
  traceLow = hex(at + 19, 16);
  parentSpan = hex(at + 36, 16);
  traceFlags = <u32>hex(at + 53, 2);
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
