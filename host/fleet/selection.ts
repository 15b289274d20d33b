// SPDX-License-Identifier: Apache-2.0
// Which events are forwarded: all, or those of some types. What is left out of a batch leaves a valid batch:
// its tables stay, its other records are gone, and zeros stand where only these had texts. So what is not to
// leave the task does not leave it, and zeros take no room once they are packed.

import { DESCRIPTOR_SIZE, PROCESS_SIZE } from "../../build/generated/events.js";
import type { Batch } from "../wire/batch.js";
import { encodeBatch } from "../wire/encode.js";
import { DESCRIPTOR_SPANS, EVENT_OF_ID, EVENT_OF_NAME, EVENT_SPANS, NULL, PROCESS_SPANS } from "../wire/layout.js";
import { keptEntry, type SentBatch } from "./block.js";

/** `--forward`: alerts alone; blocks of all events; or blocks of events of these types, by id. */
export type Forward = "alerts" | "all" | ReadonlySet<number>;

const TYPES = "types=";
const NONE = new Uint8Array(0);

/** As `--forward` has it; a text: what is wrong with it. */
export function parseForward(said: string): Forward | { readonly wrong: string } {
  if (said === "alerts" || said === "all") return said;
  if (!said.startsWith(TYPES)) return { wrong: "It must be alerts, all or types=NAME,NAME." };
  const names = said.slice(TYPES.length).split(",");
  const unknown = names.find((name) => !EVENT_OF_NAME.has(name));
  if (unknown !== undefined) return { wrong: `There is no event of type "${unknown.slice(0, 64)}".` };
  return new Set(names.map((name) => EVENT_OF_NAME.get(name)!.id));
}

/** What of it is sent. `bytes` are the batch's own where nothing is left out: copy them. */
export function selected(batch: Batch, wanted: ReadonlySet<number> | null): SentBatch & { count: number } {
  if (wanted === null) return { bytes: batch.bytes, kept: null, count: batch.count };
  const kept = [...batch.offsets.keys()].filter((i) => wanted.has(typeAt(batch, i)));
  if (kept.length === batch.count) return { bytes: batch.bytes, kept: null, count: batch.count };
  return { bytes: withOnly(batch, kept), kept: keptEntry(batch.count, kept), count: kept.length };
}

/** Whether a record of it is of a type that an agent never drops first (events.yaml, `tier: guarded`). */
export function holdsGuarded(batch: Batch): boolean {
  return batch.offsets.some((_, i) => EVENT_OF_ID[typeAt(batch, i)]?.tier === "guarded");
}

const typeAt = (batch: Batch, i: number): number => batch.recordView.getUint16(batch.offsets[i] as number, true);

function withOnly(batch: Batch, kept: readonly number[]): Uint8Array {
  const { source, seq, clock, first, lost, processes, descriptors } = batch;
  const envelope = { source, seq, clock, first, count: kept.length, lost };
  if (kept.length === 0)
    return encodeBatch({ ...envelope, processes: NONE, descriptors: NONE, strings: NONE, records: NONE });
  const records = Buffer.concat(
    kept.map((i) => batch.records.subarray(batch.offsets[i], batch.offsets[i + 1] ?? batch.records.length)),
  );
  const strings = Buffer.alloc(batch.strings.length);
  const keep = (view: DataView, at: number, spans: readonly number[]): void => {
    for (const span of spans) {
      const offset = view.getUint32(at + span, true);
      if (offset === NULL) continue;
      strings.set(batch.strings.subarray(offset, offset + view.getUint32(at + span + 4, true)), offset);
    }
  };
  for (let at = 0; at < processes.length; at += PROCESS_SIZE) keep(batch.processView, at, PROCESS_SPANS);
  for (let at = 0; at < descriptors.length; at += DESCRIPTOR_SIZE) keep(batch.descriptorView, at, DESCRIPTOR_SPANS);
  for (const i of kept) keep(batch.recordView, batch.offsets[i] as number, EVENT_SPANS[typeAt(batch, i)] ?? []);
  return encodeBatch({ ...envelope, processes, descriptors, strings, records });
}
