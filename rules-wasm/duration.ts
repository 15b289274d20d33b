// SPDX-License-Identifier: Apache-2.0
// Times in ns, as events have them.

// @ts-ignore: decorator
@inline export function milliseconds(n: u64): u64 { return n * 1_000_000; }
// @ts-ignore: decorator
@inline export function seconds(n: u64): u64 { return n * 1_000_000_000; }
// @ts-ignore: decorator
@inline export function minutes(n: u64): u64 { return n * 60_000_000_000; }
// @ts-ignore: decorator
@inline export function hours(n: u64): u64 { return n * 3_600_000_000_000; }
