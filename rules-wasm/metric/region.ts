// SPDX-License-Identifier: Apache-2.0
// Where a policy measures: a region of its memory that the host empties once a second (docs/abi/v1.md,
// "Metrics"; host/wasm/metrics-region.ts reads it). Each instrument has a fixed number of slots there, one
// for each set of labels, and finds them by hash. Slot 0 holds what no other slot could take. Totals are the
// host's, so nothing here has to outlive a batch.
//
//   u32 "VDM1"   u32 bytes of labels used   u64 refused   slots of each instrument   text of labels
//   slot   u32 1: used   u32 hash   (u32 offset, u32 size) of each label   f64 value   u32 of each bucket
import { Instrument } from "./instrument";

/** Bytes before the first slot. */
const HEAD: usize = 16;
const MAGIC: u32 = 0x314d4456; // "VDM1"
/** Something was measured. */
const SOME: i32 = 1;
/** There is little room left. */
const MUCH: i32 = 2;

/** Another one each time that the host has emptied the region: slots that were found before are no more. */
export let metricsRound: u32 = 0;

/** What the host reads after each batch, and sets to 0 when it has emptied the region. */
export let metricsDirty: i32 = 0;

let region: usize = 0;
let text: usize = 0;
let limit: usize = 0;
const instruments = new Array<Instrument>();

/** An instrument is made, at the top of a file. */
export function declare(instrument: Instrument): void {
  if (region != 0) throw new Error("an instrument is made in a rule: declare it at the top of the file, in a const");
  instruments.push(instrument);
}

/** Init is done: gives each instrument its slots, in the order of the names in the module's section. */
export function layMetrics(at: usize, size: u32, names: string[]): void {
  region = at;
  limit = at + size;
  let next = at + HEAD;
  for (let i = 0; i < names.length; i++) {
    for (let k = 0; k < instruments.length; k++) {
      if (instruments[k].name == names[i]) next = instruments[k].place(next);
    }
  }
  text = next;
  store<u32>(region, MAGIC);
}

/** Something is measured. Before init is done there is nowhere to write it. */
// @ts-ignore: decorator
@inline export function measured(): void {
  if (region == 0) throw new Error("a file measures nothing at its top: measure in a meter or a rule");
  if (metricsDirty != 0) return;
  metricsDirty = SOME;
  metricsRound++;
}

/** There was no slot, or hardly one. */
export function markFull(): void {
  metricsDirty = MUCH;
}

/** Something that is no number was to be measured. */
export function refuse(): void {
  measured();
  store<u64>(region, load<u64>(region, 8) + 1, 8);
}

/** Keeps text of a label; gives its offset in the region, or -1 where there is no room. */
export function keepText(from: usize, size: u32): i32 {
  const used = load<u32>(region, 4), at = text + used;
  if (at + size > limit) return -1;
  memory.copy(at, from, size);
  store<u32>(region, used + size, 4);
  return <i32>(at - region);
}

/** Where the text that was kept at an offset stands. */
// @ts-ignore: decorator
@inline export function textAt(offset: u32): usize { return region + offset; }
