// SPDX-License-Identifier: Apache-2.0
// The frame: where the host puts a batch, and where its sections begin (docs/abi/v1.md draws it;
// host/wasm/frame.ts writes it). Views of events, processes and descriptors are addresses into the frame, and
// hold only while the batch is judged. The host has checked every offset and index of the batch; "none" reads
// as an entry whose slots are all absent, so that no rule has to ask first.
import { DESCRIPTOR_SIZE, PROCESS_SIZE } from "../generated/contract";
import { fillNoDescriptor } from "../generated/descriptor";
import { fillNoProcess } from "../generated/process";

/**
 * Address of the frame, and its size: the compiler puts static data behind it (asconfig.json `memoryBase`).
 */
export const FRAME: usize = 0x400;
/** Bytes of the frame: a batch of the largest size, and a page for header and facts. */
export const FRAME_SIZE: usize = 0x100000 + 0x1000;

const MAGIC: u32 = 0x31464456; // "VDF1"
const NULL: u32 = 0xffffffff;

/** No process and no descriptor: every slot is absent. Views of an index that names none stand here. */
const noProcess: usize = heap.alloc(PROCESS_SIZE);
const noDescriptor: usize = heap.alloc(DESCRIPTOR_SIZE);
fillNoProcess(noProcess);
fillNoDescriptor(noDescriptor);

// @ts-ignore: decorator
@lazy let records: usize = 0;
// @ts-ignore: decorator
@lazy let recordsEnd: usize = 0;
// @ts-ignore: decorator
@lazy let strings: usize = 0;
// @ts-ignore: decorator
@lazy let processes: usize = 0;
// @ts-ignore: decorator
@lazy let processesCount: u64 = 0;
// @ts-ignore: decorator
@lazy let processStride: u32 = 0;
// @ts-ignore: decorator
@lazy let descriptors: usize = 0;
// @ts-ignore: decorator
@lazy let descriptorsCount: u64 = 0;
// @ts-ignore: decorator
@lazy let descriptorStride: u32 = 0;
// @ts-ignore: decorator
@lazy let first: u64 = 0;
// @ts-ignore: decorator
@lazy let clock: u64 = 0;
// @ts-ignore: decorator
@lazy let source: u64 = 0;
// @ts-ignore: decorator
@lazy let lost: u64 = 0;

// @ts-ignore: decorator
@lazy let frames: u32 = 0;

/** Reads the frame's header. False: it is no frame of this version. */
export function openFrame(size: u32): bool {
  if (size < 64 || load<u32>(FRAME) != MAGIC) return false;
  frames++;
  records = FRAME + load<u32>(FRAME, 8);
  recordsEnd = records + load<u32>(FRAME, 12);
  strings = FRAME + load<u32>(FRAME, 16);
  processes = FRAME + load<u32>(FRAME, 24);
  descriptors = FRAME + load<u32>(FRAME, 32);
  processStride = load<u32>(FRAME, 40);
  descriptorStride = load<u32>(FRAME, 44);
  processesCount = load<u32>(FRAME, 28) / processStride;
  descriptorsCount = load<u32>(FRAME, 36) / descriptorStride;
  first = load<u64>(FRAME, 48);
  clock = load<u64>(FRAME, 56);
  // A host of ABI 1.0 has a header of 64 bytes.
  const isLong = load<u32>(FRAME, 8) >= 80;
  source = isLong ? load<u64>(FRAME, 64) : 0;
  lost = isLong ? load<u64>(FRAME, 72) : 0;
  return true;
}

// @ts-ignore: decorator
@inline export function recordsBegin(): usize { return records; }
// @ts-ignore: decorator
@inline export function recordsLimit(): usize { return recordsEnd; }
// @ts-ignore: decorator
@inline export function recordType(record: usize): u32 { return <u32>load<u16>(record); }
// @ts-ignore: decorator
@inline export function recordAfter(record: usize): usize { return record + load<u32>(record, 4); }
// @ts-ignore: decorator
@inline export function firstNumber(): u64 { return first; }
/** Another one for each frame: memory that was taken for another one is gone. */
// @ts-ignore: decorator
@inline export function frameNumber(): u32 { return frames; }
/** When the batch was sealed (ns since the epoch): the only clock of a policy, and the same in a replay. */
// @ts-ignore: decorator
@inline export function batchClock(): u64 { return clock; }

/** Which agent the batch is of: another number for another agent. */
// @ts-ignore: decorator
@inline export function batchSource(): u64 { return source; }
/** How many events of that agent are lost until now. */
// @ts-ignore: decorator
@inline export function batchLost(): u64 { return lost; }

// @ts-ignore: decorator
@inline export function processAt(index: u64): usize {
  return index < processesCount ? processes + <usize>index * processStride : noProcess;
}

// @ts-ignore: decorator
@inline export function descriptorAt(index: u64): usize {
  return index < descriptorsCount ? descriptors + <usize>index * descriptorStride : noDescriptor;
}

/** Bytes of the span at `slot`; 0 when it holds no value. */
// @ts-ignore: decorator
@inline export function spanSize(slot: usize): u32 {
  return load<u32>(slot) == NULL ? 0 : load<u32>(slot, 4);
}

// @ts-ignore: decorator
@inline export function spanAddress(slot: usize): usize { return strings + load<u32>(slot); }

/** Whether the span at `slot` holds a value (which may be empty). */
// @ts-ignore: decorator
@inline export function spanExists(slot: usize): bool { return load<u32>(slot) != NULL; }

/** A new span for the `size` bytes at `address`: 8 bytes that live until the batch is judged. */
export function spanOf(address: usize, size: u32): usize {
  return setSpan(heap.alloc(8), address, size);
}

/** A span of a field without a value. */
export function noSpan(): usize {
  return clearSpan(heap.alloc(8));
}

/** Makes the 8 bytes at `span` name a field without a value. */
export function clearSpan(span: usize): usize {
  store<u32>(span, NULL);
  store<u32>(span, 0, 4);
  return span;
}

/** Makes the 8 bytes at `span` name `size` bytes at `address`. */
export function setSpan(span: usize, address: usize, size: u32): usize {
  store<u32>(span, <u32>(address - strings));
  store<u32>(span, size, 4);
  return span;
}

/** Memory for text that a Str will name: with room behind it for loads of eight bytes. */
export function textMemory(size: u32): usize {
  return heap.alloc(<usize>size + 8);
}
