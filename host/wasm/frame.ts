// SPDX-License-Identifier: Apache-2.0
// Puts batches into a policy's memory: a header of 80 bytes and the batch's four sections, as they are
// (docs/abi/v1.md; rules-wasm/wire/frame.ts reads it). The copy is the price of isolation: 64 KiB take about
// a microsecond. Views of the memory are kept, since a batch may hold a handful of events and making them
// anew would cost more than to fill them.
import { DESCRIPTOR_SIZE, PROCESS_SIZE } from "../../build/generated/events.js";
import type { ContainerFacts } from "../wire/container.js";

const MAGIC = 0x31464456;
/** Bytes before the first section. */
export const FRAME_HEADER = 80;

/** Bytes of a source's name that a policy sees: enough to tell agents apart. */
const SOURCE = 8;

/** What a frame is made of. `Batch` is one; a tenant's part of a batch is another. */
export interface FrameSource {
  readonly records: Uint8Array;
  readonly strings: Uint8Array;
  readonly processes: Uint8Array;
  readonly descriptors: Uint8Array;
  readonly count: number;
  readonly first: number;
  readonly clock: bigint;
  /** 16 bytes that name the agent, and how many of its events are lost until now, by reason. */
  readonly source: Uint8Array;
  readonly lost: readonly number[];
  /** What is known of the container that it came from. */
  readonly container?: ContainerFacts | null;
}

/** Which records of the batch a frame holds: all, or those behind one that broke the policy. */
export interface FrameStart {
  readonly index: number;
  readonly offset: number;
}

/** The frame at `at` in a memory. Its region holds any batch (docs/wire.md bounds it). */
export class Frame {
  #bytes: Uint8Array;
  #header: DataView;
  #end = 0;
  readonly #memory: WebAssembly.Memory;

  constructor(
    memory: WebAssembly.Memory,
    readonly at: number,
  ) {
    this.#memory = memory;
    this.#bytes = new Uint8Array(memory.buffer);
    this.#header = new DataView(memory.buffer, at, FRAME_HEADER);
  }

  /** Where the records of what was written last begin. */
  get records(): number {
    return this.at + FRAME_HEADER;
  }

  /** Writes a batch; gives the frame's size. */
  write(batch: FrameSource, from: FrameStart): number {
    // A memory that grew has another buffer.
    if (this.#bytes.buffer !== this.#memory.buffer) {
      this.#bytes = new Uint8Array(this.#memory.buffer);
      this.#header = new DataView(this.#memory.buffer, this.at, FRAME_HEADER);
    }
    const header = this.#header;
    this.#end = FRAME_HEADER;
    header.setUint32(0, MAGIC, true);
    header.setUint32(4, batch.count - from.index, true);
    this.#put(8, from.offset === 0 ? batch.records : batch.records.subarray(from.offset));
    this.#put(16, batch.strings);
    this.#put(24, batch.processes);
    this.#put(32, batch.descriptors);
    header.setUint32(40, PROCESS_SIZE, true);
    header.setUint32(44, DESCRIPTOR_SIZE, true);
    const first = batch.first + from.index;
    header.setUint32(48, first % 2 ** 32, true);
    header.setUint32(52, first / 2 ** 32, true);
    header.setBigUint64(56, batch.clock, true);
    for (let i = 0; i < SOURCE; i++) header.setUint8(64 + i, batch.source[i] as number);
    let lost = 0;
    for (const count of batch.lost) lost += count;
    header.setUint32(72, lost % 2 ** 32, true);
    header.setUint32(76, lost / 2 ** 32, true);
    return this.#end;
  }

  #put(field: number, section: Uint8Array): void {
    this.#bytes.set(section, this.at + this.#end);
    this.#header.setUint32(field, this.#end, true);
    this.#header.setUint32(field + 4, section.length, true);
    this.#end += (section.length + 7) & ~7;
  }
}
