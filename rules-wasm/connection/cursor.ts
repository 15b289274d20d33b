// SPDX-License-Identifier: Apache-2.0
// What of an event's bytes is not consumed yet. A payload is cut at `--snaplen`, so there are bytes that are
// there, and behind them bytes that were moved and nobody saw.

/** Where the bytes that are there go on. */
export let at: usize = 0;
/** Bytes that are there. */
export let seen: u32 = 0;
/** Bytes that were moved, those that are there among them. */
export let total: u64 = 0;

/** The bytes of an event: `result` were moved, and the first `size` are at `address`. */
export function begin(address: usize, size: u32, result: i64): void {
  at = address;
  total = <u64>result;
  seen = <u32>min<u64>(size, total);
}

/** Consumes bytes, seen or not. */
// @ts-ignore: decorator
@inline export function skip(bytes: u64): void {
  const there = <u32>min<u64>(bytes, seen);
  at += there;
  seen -= there;
  total -= min<u64>(bytes, total);
}
