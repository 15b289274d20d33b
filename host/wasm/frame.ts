// SPDX-License-Identifier: Apache-2.0
// Puts a batch into a policy's memory: a header of 64 bytes and the batch's four sections, as they are (docs/abi/v1.md;
// rules-wasm/wire/frame.ts reads it). The copy is the price of isolation: 64 KiB take about a microsecond.
import { DESCRIPTOR_SIZE, PROCESS_SIZE } from "../../build/generated/events.js";
import type { ContainerFacts } from "../wire/container.js";

const MAGIC = 0x31464456;
export const FRAME_HEADER = 64;

/** What a frame is made of. `Batch` is one; a tenant's part of a batch is another. */
export interface FrameSource {
  readonly records: Uint8Array;
  readonly strings: Uint8Array;
  readonly processes: Uint8Array;
  readonly descriptors: Uint8Array;
  readonly count: number;
  readonly first: number;
  readonly clock: bigint;
  /** What is known of the container that it came from. */
  readonly container?: ContainerFacts | null;
}

/** Which records of the batch a frame holds: all, or those behind one that broke the policy. */
export interface FrameStart {
  readonly index: number;
  readonly offset: number;
}
const FROM_START: FrameStart = { index: 0, offset: 0 };

/** Writes the frame at `at` in `memory`; gives its size. The frame's region holds any batch (docs/wire.md bounds it). */
export function writeFrame(memory: ArrayBuffer, at: number, batch: FrameSource, from: FrameStart = FROM_START): number {
  const bytes = new Uint8Array(memory);
  const view = new DataView(memory, at, FRAME_HEADER);
  let end = FRAME_HEADER;
  const put = (field: number, section: Uint8Array): void => {
    bytes.set(section, at + end);
    view.setUint32(field, end, true);
    view.setUint32(field + 4, section.length, true);
    end += (section.length + 7) & ~7;
  };
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, batch.count - from.index, true);
  put(8, from.offset === 0 ? batch.records : batch.records.subarray(from.offset));
  put(16, batch.strings);
  put(24, batch.processes);
  put(32, batch.descriptors);
  view.setUint32(40, PROCESS_SIZE, true);
  view.setUint32(44, DESCRIPTOR_SIZE, true);
  view.setBigUint64(48, BigInt(batch.first + from.index), true);
  view.setBigUint64(56, batch.clock, true);
  return end;
}
