// SPDX-License-Identifier: Apache-2.0
// What evidence has to know of a batch before anybody opens it.
import { EVENTS } from "../../build/generated/events.js";
import type { RawBatch } from "../capture/ring.js";
import { openChecked } from "../wire/batch.js";

/** Bits of frequent calls, as the ring's bitmap has them. */
const HOT = new Uint32Array(16);
for (const { id, tier } of EVENTS) if (tier === "hot") HOT[id >> 5] = (HOT[id >> 5] as number) | (1 << (id & 31));

/** Whether it has frequent calls alone. */
export function isHot(types: RawBatch["types"]): boolean {
  return types.every((word, i) => (word & ~(HOT[i] as number)) === 0);
}

/** When it was sealed, in ns since the epoch. The ring has checked the bytes. */
export function clockOf(bytes: Uint8Array): bigint {
  return openChecked(bytes).clock;
}
