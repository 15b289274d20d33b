// SPDX-License-Identifier: Apache-2.0
// Which record is being judged. The dispatch that the compiler writes moves it; the host reads it
// (`vedette_record`) when a policy traps, so that a new instance goes on behind the record that broke the old
// one.
import { firstNumber } from "./frame";

/** Index of the record in its batch, from 0. */
export let index: u32 = 0;

// @ts-ignore: decorator
@inline export function moveTo(record: u32): void { index = record; }

/** Index of the record in the frame. */
export function recordIndex(): u32 { return index; }

/** evt.num of the record. */
// @ts-ignore: decorator
@inline export function recordNumber(): u64 { return firstNumber() + index; }

/** The record at `at`, seen as an event of type T. */
// @ts-ignore: decorator
@inline export function as<T>(at: usize): T { return changetype<T>(at); }
