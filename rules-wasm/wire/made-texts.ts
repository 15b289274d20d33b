// SPDX-License-Identifier: Apache-2.0
// The texts that were put together of texts of the batch: a command line, a list joined by blanks. Each is
// made once a batch and kept until the batch is judged, so that a policy may ask for it at every event: a
// program with long arguments and many calls cannot use up the policy's memory. Processes that share their
// arguments share the text. An open-addressed table in the batch's memory, which doubles when half is taken:
//
//   entry (24 bytes)   u64 span of the first text | u64 span of the list | u32 span that was made, 0: free
import { mix } from "../string-set";
import { frameNumber } from "./frame";

/** In the place of the first text where there is none: no span has this value. */
export const LIST_ALONE: u64 = 0xfffffffefffffffe;

const ENTRY_SIZE: usize = 24;
const SLOTS_LEAST: u32 = 16;

// @ts-ignore: decorator
@lazy let table: usize = 0;
// @ts-ignore: decorator
@lazy let slots: u32 = 0;
// @ts-ignore: decorator
@lazy let used: u32 = 0;
// @ts-ignore: decorator
@lazy let frame: u32 = 0;

/** What was made of these spans in this batch; 0: nothing yet. */
export function madeText(first: u64, list: u64): usize {
  return frame == frameNumber() ? load<u32>(entryOf(first, list), 16) : 0;
}

/** Remembers that `made` was made of these spans; gives it back. */
export function keepText(first: u64, list: u64, made: usize): usize {
  if (frame != frameNumber()) begin();
  else if (used * 2 >= slots) grow();
  put(first, list, made);
  used++;
  return made;
}

/** The table of the batch before is gone with its memory. */
function begin(): void {
  frame = frameNumber();
  used = 0;
  take(SLOTS_LEAST);
}

function grow(): void {
  const old = table, end = old + slots * ENTRY_SIZE;
  take(2 * slots);
  for (let at = old; at < end; at += ENTRY_SIZE) {
    if (load<u32>(at, 16) != 0) put(load<u64>(at), load<u64>(at, 8), load<u32>(at, 16));
  }
}

function take(count: u32): void {
  slots = count;
  table = heap.alloc(count * ENTRY_SIZE);
  memory.fill(table, 0, count * ENTRY_SIZE);
}

function put(first: u64, list: u64, made: usize): void {
  const at = entryOf(first, list);
  store<u64>(at, first);
  store<u64>(at, list, 8);
  store<u32>(at, <u32>made, 16);
}

/** The entry of these spans, or the free one where they belong. */
function entryOf(first: u64, list: u64): usize {
  let slot: u32 = <u32>(mix(first, list) >> 32) & (slots - 1);
  let at = table + slot * ENTRY_SIZE;
  while (load<u32>(at, 16) != 0 && (load<u64>(at) != first || load<u64>(at, 8) != list)) {
    slot = (slot + 1) & (slots - 1);
    at = table + slot * ENTRY_SIZE;
  }
  return at;
}
