// SPDX-License-Identifier: Apache-2.0
// Whether a batch holds what docs/wire.md promises, so that every reader after this can load without looking:
// sections are whole, records follow one another and carry their event's slots, every index and every span
// stays inside its table. capture/addon/check.cc is the twin through which everything in the ring has gone.
import { DESCRIPTOR_SIZE, HEADER_SIZE, PROCESS_SIZE } from "../../build/generated/events.js";
import { corrupt } from "./envelope.js";
import {
  ABSENT_HIGH,
  DESCRIPTOR_SPANS,
  EVENT_MAY_BE_INLINE,
  EVENT_SIZE,
  EVENT_SPANS,
  NULL,
  PROCESS_PARENTS,
  PROCESS_SPANS,
  PROCESS_STREAMS,
  RecordFlag,
  TIERS,
} from "./layout.js";
import type { Sections } from "./sections.js";

const INLINE = TIERS.indexOf("inline");

/**
 * Throws VEDETTE_BATCH_CORRUPT, with the byte offset, at the first thing that docs/wire.md does not allow.
 */
export function checkBatch(batch: Sections): void {
  const processes = checkTable(batch, batch.processes, PROCESS_SIZE);
  const descriptors = checkTable(batch, batch.descriptors, DESCRIPTOR_SIZE);
  for (let at = 0; at < batch.processes.length; at += PROCESS_SIZE) {
    checkSpans(batch, batch.processes, batch.processView, at, PROCESS_SPANS);
    checkIndices(batch, at, PROCESS_PARENTS, processes, "a parent is no process of this batch");
    checkIndices(batch, at, PROCESS_STREAMS, descriptors, "a standard stream is no descriptor of this batch");
  }
  for (let at = 0; at < batch.descriptors.length; at += DESCRIPTOR_SIZE)
    checkSpans(batch, batch.descriptors, batch.descriptorView, at, DESCRIPTOR_SPANS);
  checkRecords(batch, processes, descriptors);
}

function checkRecords(batch: Sections, processes: number, descriptors: number): void {
  const view = batch.recordView;
  const records = batch.records;
  let at = 0;
  for (let i = 0; i < batch.count; i++) {
    if (records.length - at < HEADER_SIZE) refuse(batch, records, at, "the records end before their count");
    const type = view.getUint16(at, true);
    const flags = view.getUint16(at + 2, true);
    const size = view.getUint32(at + 4, true);
    const process = view.getUint32(at + 20, true);
    const descriptor = view.getUint32(at + 40, true);
    const wanted = EVENT_SIZE[type] ?? 0;
    if (wanted === 0) refuse(batch, records, at, "there is no such event");
    if ((flags & RecordFlag.tierMask) === INLINE && !EVENT_MAY_BE_INLINE[type])
      refuse(batch, records, at, "such an event is never recorded inline");
    if (size !== wanted) refuse(batch, records, at, "a record has not the size of its event");
    if (size > records.length - at) refuse(batch, records, at, "the last record is cut off");
    if (process !== NULL && process >= processes) refuse(batch, records, at, "a record names no process of this batch");
    if (descriptor !== NULL && descriptor >= descriptors)
      refuse(batch, records, at, "a record names no descriptor of this batch");
    checkSpans(batch, records, view, at, EVENT_SPANS[type] as readonly number[]);
    at += size;
  }
  if (at !== records.length) refuse(batch, records, at, "bytes follow the last record");
}

function checkTable(batch: Sections, table: Uint8Array, stride: number): number {
  if (table.length % stride !== 0) refuse(batch, table, 0, "a table is not a whole number of entries");
  return table.length / stride;
}

function checkSpans(batch: Sections, section: Uint8Array, view: DataView, at: number, spans: readonly number[]): void {
  for (let i = 0; i < spans.length; i++) {
    const slot = at + (spans[i] as number);
    const offset = view.getUint32(slot, true);
    if (offset !== NULL && offset + view.getUint32(slot + 4, true) > batch.strings.length)
      refuse(batch, section, at, "a text lies outside the strings");
  }
}

function checkIndices(batch: Sections, at: number, slots: readonly number[], count: number, reason: string): void {
  for (const slot of slots) {
    const low = batch.processView.getUint32(at + slot, true);
    const high = batch.processView.getInt32(at + slot + 4, true);
    const isNone = high === 0 ? low === NULL : high === ABSENT_HIGH && low === 0;
    if (!isNone && (high !== 0 || low >= count)) refuse(batch, batch.processes, at, reason);
  }
}

function refuse(batch: Sections, section: Uint8Array, at: number, reason: string): never {
  return corrupt(reason, section.byteOffset - batch.bytes.byteOffset + at, batch.source);
}
