// SPDX-License-Identifier: Apache-2.0
// What the generated tables say, arranged for loads: which event an id is, at which byte of an entry a field
// stands, and which slots are spans. The numbers of capture/wire/batch.h that are no table stand here too.
import {
  DESCRIPTOR_FIELDS,
  EVENTS,
  type EventType,
  type Field,
  HEADER_SIZE,
  PROCESS_FIELDS,
} from "../../build/generated/events.js";

/** An index that names no process or descriptor, and the offset of a span that has no value. */
export const NULL = 0xffffffff;
/** No value in an integer slot: INT64_MIN, seen as two halves. */
export const ABSENT_HIGH = -0x80000000;
/** How a call was recorded, in the order of the record's two tier bits. */
export const TIERS = ["trace", "inline", "notify", "witness"] as const;
/** What `vedette.integrity` says of an event that its process may have recorded itself, and of the others. */
export const INTEGRITY = ["inline", "stops"] as const;
/**
 * Bits of a record's u16 flags (RecordFlags in capture/wire/batch.h). `truncated`: a text was cut at its
 * limit. `fault`: an argument pointed to memory that could not be read. `inFlight`: the call never returned.
 * `refused`: Vedette answered the call itself. `pathGuessed`: the path was joined from state that may be
 * stale.
 */
export const RecordFlag = {
  tierMask: 0x3,
  truncated: 0x4,
  fault: 0x8,
  inFlight: 0x10,
  refused: 0x20,
  pathGuessed: 0x40,
} as const;
/**
 * Bits of a descriptor's `flags` field. `asked`: our books did not know it, so the kernel was asked.
 * `guessed`: the path may be stale.
 */
export const DescriptorFlag = {
  asked: 1,
  server: 2,
  nameChanged: 4,
  connected: 8,
  listening: 16,
  deleted: 32,
  guessed: 64,
} as const;

/** Parameter types whose slot is a span; all others are integers. */
const SPANS: ReadonlySet<string> = new Set(["path", "relpath", "str", "bytes", "strlist", "sockaddr", "addr"]);

/** Whether this field's slot is an offset and a size in the strings. All other slots are integers. */
export const isSpan = (field: Field): boolean => SPANS.has(field.type);

/** By id; holes where no event has it. */
export const EVENT_OF_ID: readonly (EventType | undefined)[] = byId(EVENTS);
/** Events by the name that evt.type has. */
export const EVENT_OF_NAME: ReadonlyMap<string, EventType> = new Map(EVENTS.map((event) => [event.name, event]));
/** Bytes of a record by event id, header included; 0 where no event has the id. */
export const EVENT_SIZE: readonly number[] = EVENT_OF_ID.map((event) =>
  event === undefined ? 0 : HEADER_SIZE + 8 * event.slots,
);

/** Whether it may be recorded inline. */
export const EVENT_MAY_BE_INLINE: readonly boolean[] = EVENT_OF_ID.map((event) => event?.mayBeInline === true);

/** Byte offset of a field in an entry of the process or descriptor table. */
export const PROCESS_AT: Readonly<Record<string, number>> = offsets(PROCESS_FIELDS);
/** Byte offset of a field in an entry of the descriptor table, by the names of events.yaml. */
export const DESCRIPTOR_AT: Readonly<Record<string, number>> = offsets(DESCRIPTOR_FIELDS);

/** Byte offsets of all spans in an entry of the process table. */
export const PROCESS_SPANS = spanOffsets(PROCESS_FIELDS, 0);
/** Byte offsets of all spans in an entry of the descriptor table. */
export const DESCRIPTOR_SPANS = spanOffsets(DESCRIPTOR_FIELDS, 0);
/** Byte offsets of all spans in a record, header included, by event id. */
export const EVENT_SPANS: readonly (readonly number[])[] = EVENT_OF_ID.map((event) =>
  event === undefined ? [] : spanOffsets(event.params, HEADER_SIZE),
);

/** Process fields that are an index, and into which table. */
export const PROCESS_PARENTS = indexOffsets("process");
/** Byte offsets of the standard streams in a process's entry: indices into the descriptor table. */
export const PROCESS_STREAMS = indexOffsets("descriptor");

function byId(events: readonly EventType[]): (EventType | undefined)[] {
  const table: (EventType | undefined)[] = [];
  for (const event of events) table[event.id] = event;
  return Array.from(table);
}

function offsets(fields: readonly Field[]): Record<string, number> {
  return Object.fromEntries(fields.map((field) => [field.name, field.slot * 8]));
}

function spanOffsets(fields: readonly Field[], base: number): number[] {
  return fields.filter((field) => field.slot >= 0 && isSpan(field)).map((field) => base + field.slot * 8);
}

function indexOffsets(type: string): number[] {
  return PROCESS_FIELDS.filter((field) => field.type === type).map((field) => field.slot * 8);
}
