// SPDX-License-Identifier: Apache-2.0
// A record's header, by functions of the batch and the byte at which the record begins: an object for each
// event would cost more than reading it.
import type { EventType } from "../../build/generated/events.js";
import { DESCRIPTOR_SIZE, PROCESS_SIZE } from "../../build/generated/events.js";
import type { Batch } from "./batch.js";
import { EVENT_OF_ID, NULL, PROCESS_AT, RecordFlag, TIERS } from "./layout.js";
import { type Int, readInt, readText } from "./slot.js";

/** How a call was recorded (docs/glossary.md, "tier"). */
export type Tier = (typeof TIERS)[number];

/** The event's id, an index into EVENT_OF_ID. */
export const typeOf = (batch: Batch, at: number): number => batch.recordView.getUint16(at, true);
/** The row of events.yaml that this record is of. Every checked record has one. */
export const eventOf = (batch: Batch, at: number): EventType => EVENT_OF_ID[typeOf(batch, at)] as EventType;
/** Bits of RecordFlag. */
export const flagsOf = (batch: Batch, at: number): number => batch.recordView.getUint16(at + 2, true);
/** Bytes of the record, header and slots: the next record begins so much later. */
export const sizeOf = (batch: Batch, at: number): number => batch.recordView.getUint32(at + 4, true);
/** ns since the epoch, when the call returned. */
export const timeOf = (batch: Batch, at: number): bigint => batch.recordView.getBigUint64(at + 8, true);
/** The thread that made the call, as the agent's pid namespace numbers it. */
export const tidOf = (batch: Batch, at: number): number => batch.recordView.getUint32(at + 16, true);
/** >= 0, or -errno; null when the call never returned. */
export const resultOf = (batch: Batch, at: number): Int | null => readInt(batch.recordView, at + 24);
/** Null when the call never returned. */
export function hasFailed(batch: Batch, at: number): boolean | null {
  const result = resultOf(batch, at);
  return result === null ? null : result < 0;
}
/** Nanoseconds from the call's entry to its return. The 32 bits hold at most 4.29 s. */
export const latencyOf = (batch: Batch, at: number): number => batch.recordView.getUint32(at + 32, true);
/** The descriptor's number as the call had it; -1 for none. */
export const fdOf = (batch: Batch, at: number): number => batch.recordView.getInt32(at + 36, true);
/** How this call was recorded. */
export const tierOf = (batch: Batch, at: number): Tier => TIERS[flagsOf(batch, at) & RecordFlag.tierMask] as Tier;
/** evt.num, the record's place in all that its agent has recorded. */
export const numberOf = (batch: Batch, at: number): number => batch.first + batch.indexOf(at);

/** Where the record's process stands in batch.processView, -1 for none. */
export function processAt(batch: Batch, at: number): number {
  const index = batch.recordView.getUint32(at + 20, true);
  return index === NULL ? -1 : index * PROCESS_SIZE;
}

/** Where the record's descriptor stands in batch.descriptorView, -1 for none. */
export function descriptorAt(batch: Batch, at: number): number {
  const index = batch.recordView.getUint32(at + 40, true);
  return index === NULL ? -1 : index * DESCRIPTOR_SIZE;
}

/** Short, or what the orchestrator calls it; null outside a container. */
export function containerIdOf(batch: Batch, at: number): string | null {
  if (batch.container !== null) return batch.container.id;
  const process = processAt(batch, at);
  return process < 0 ? null : readText(batch, batch.processView, process + (PROCESS_AT.container_id as number));
}
