// SPDX-License-Identifier: Apache-2.0
// The time of day and the day of the week of an event's time, in UTC: what a sidecar's clock is set to. Give
// them `e.time`, so that a recording is judged by its own time.

const MINUTE_NS: u64 = 60_000_000_000;
const HOUR_NS: u64 = 60 * MINUTE_NS;
const DAY_NS: u64 = 24 * HOUR_NS;
/** 1 January 1970. */
const THURSDAY: u64 = 4;

/** 0 to 23. `time` in ns since the epoch. */
// @ts-ignore: decorator
@inline export function hourOf(time: u64): u32 { return <u32>((time / HOUR_NS) % 24); }

/** 0 to 59. `time` in ns since the epoch. */
// @ts-ignore: decorator
@inline export function minuteOf(time: u64): u32 { return <u32>((time / MINUTE_NS) % 60); }

/** 0 is Sunday, 6 Saturday. `time` in ns since the epoch. */
// @ts-ignore: decorator
@inline export function weekdayOf(time: u64): u32 { return <u32>((time / DAY_NS + THURSDAY) % 7); }
