// SPDX-License-Identifier: Apache-2.0
// Reads one 8-byte slot: an integer, or a span of the string arena. Integers come as numbers while a number
// is exact and as bigint beyond 2^53; nothing else in the host has to know where that border is.
import type { Batch } from "./batch.js";
import { ABSENT_HIGH, NULL } from "./layout.js";

/** A number up to 2^53, a bigint beyond. */
export type Int = number | bigint;
const TWO_32 = 0x1_0000_0000;
const EXACT_HIGH = 0x20_0000; // 2^53 / 2^32

/** A signed integer, null where the slot has no value. */
export function readInt(view: DataView, at: number): Int | null {
  const low = view.getUint32(at, true);
  const high = view.getInt32(at + 4, true);
  if (high === 0) return low;
  if (high < EXACT_HIGH && high >= -EXACT_HIGH) return high * TWO_32 + low;
  if (high === ABSENT_HIGH && low === 0) return null;
  return view.getBigInt64(at, true);
}

/** The same slot as the kernel's unsigned number. */
export function readUint(view: DataView, at: number): Int | null {
  const value = readInt(view, at);
  return value === null || value >= 0 ? value : BigInt.asUintN(64, BigInt(value));
}

/** An index into a table, -1 for none. */
export function readIndex(view: DataView, at: number): number {
  const low = view.getUint32(at, true);
  return view.getInt32(at + 4, true) === 0 && low !== NULL ? low : -1;
}

/** The bytes of a span, null where the slot has no value. A view: copy what outlives the batch. */
export function readBytes(batch: Batch, view: DataView, at: number): Buffer | null {
  const offset = view.getUint32(at, true);
  return offset === NULL ? null : batch.text.subarray(offset, offset + view.getUint32(at + 4, true));
}

/** A text; bytes that are no UTF-8 become U+FFFD, as in Falco. */
export function readText(batch: Batch, view: DataView, at: number): string | null {
  const offset = view.getUint32(at, true);
  return offset === NULL ? null : batch.text.toString("utf8", offset, offset + view.getUint32(at + 4, true));
}

/** A strlist: texts one after another, each ended by NUL. */
export function readList(batch: Batch, view: DataView, at: number): string[] | null {
  const text = readText(batch, view, at);
  if (text === null) return null;
  if (text === "") return [];
  return (text.endsWith("\0") ? text.slice(0, -1) : text).split("\0");
}
