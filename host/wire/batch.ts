// SPDX-License-Identifier: Apache-2.0
// A batch, read where it stands: docs/wire.md draws it, capture/wire/batch.h is its twin in C++. Opening one costs a look at
// the envelope and a walk over what it holds; nothing is copied and no record becomes an object. Bytes come from the side
// of a traced container: what does not hold is VEDETTE_BATCH_CORRUPT, before anybody loads from it.
//
//   record: u16 type  u16 flags  u32 size | u64 time | u32 tid  u32 process | i64 result | u32 latency  i32 fd |
//           u32 descriptor  u32 0 | slots of 8 bytes
import { SCHEMA } from "../../build/generated/events.js";
import { VedetteError } from "../errors.js";
import { checkBatch } from "./check.js";
import type { ContainerFacts } from "./container.js";
import { corrupt, EnvelopeReader } from "./envelope.js";

/** Second element of every batch. The host refuses any other number (VEDETTE_SCHEMA_MISMATCH). */
export const BATCH_VERSION = 1;
/** The most bytes that the four sections of a batch hold together. */
export const BATCH_BYTES_MAX = 1 << 20;
/** The most records that one batch holds. */
export const BATCH_RECORDS_MAX = 16384;
const LOST_MAX = 64;

/**
 * One batch as views of the bytes it came in. The constructor throws VEDETTE_BATCH_CORRUPT or
 * VEDETTE_SCHEMA_MISMATCH for a bad envelope, and checks no record: openBatch() does both.
 */
export class Batch {
  /** The whole frame. */
  readonly bytes: Uint8Array;
  readonly source: Uint8Array;
  readonly seq: number;
  /** ns since the epoch when it was sealed. */
  readonly clock: bigint;
  /** evt.num of record 0. */
  readonly first: number;
  readonly count: number;
  /** Cumulative, in the order of `lost:` in events.yaml. */
  readonly lost: readonly number[];
  readonly processes: Uint8Array;
  readonly descriptors: Uint8Array;
  readonly strings: Uint8Array;
  readonly records: Uint8Array;
  /** The same, for loads. */
  readonly processView: DataView;
  readonly descriptorView: DataView;
  readonly recordView: DataView;
  readonly text: Buffer;
  /** What the orchestrator says of the container it came from; whoever opens the batch knows, and sets it. */
  container: ContainerFacts | null = null;
  #offsets: Uint32Array | undefined;
  #near = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    const read = new EnvelopeReader(bytes);
    if (read.array() !== 13) read.refuse("it is not an array of 13 elements");
    if (read.text() !== "vedette") read.refuse("it does not begin with the name of the format");
    const version = read.uint64();
    const schema = read.uint64();
    if (version !== BigInt(BATCH_VERSION) || schema !== SCHEMA)
      throw new VedetteError("VEDETTE_SCHEMA_MISMATCH", {
        theirs: `${version}:${schema.toString(16)}`,
        ours: `${BATCH_VERSION}:${SCHEMA.toString(16)}`,
      });
    this.source = read.bin(16);
    if (this.source.length !== 16) read.refuse("its source is not 16 bytes");
    this.seq = read.uint();
    this.clock = read.uint64();
    this.first = read.uint();
    this.count = read.uint();
    if (this.count > BATCH_RECORDS_MAX) read.refuse(`it claims ${this.count} records`);
    this.lost = read.uints(LOST_MAX);
    this.processes = read.bin(BATCH_BYTES_MAX);
    this.descriptors = read.bin(BATCH_BYTES_MAX);
    this.strings = read.bin(BATCH_BYTES_MAX);
    this.records = read.bin(BATCH_BYTES_MAX);
    read.end();
    if (this.processes.length + this.descriptors.length + this.strings.length + this.records.length > BATCH_BYTES_MAX)
      corrupt("it is larger than 1 MiB", bytes.length, this.source);
    this.processView = viewOf(this.processes);
    this.descriptorView = viewOf(this.descriptors);
    this.recordView = viewOf(this.records);
    this.text = Buffer.from(this.strings.buffer, this.strings.byteOffset, this.strings.length);
  }

  /** Where each record begins, in `records`. */
  get offsets(): Uint32Array {
    if (this.#offsets === undefined) {
      this.#offsets = new Uint32Array(this.count);
      for (let at = 0, i = 0; i < this.count; i++, at += this.recordView.getUint32(at + 4, true)) this.#offsets[i] = at;
    }
    return this.#offsets;
  }

  /** Which record begins at `offset`: `first` plus this is its evt.num. Readers go forward: it is mostly the next one. */
  indexOf(offset: number): number {
    const offsets = this.offsets;
    if (offsets[this.#near] !== offset)
      this.#near = offsets[this.#near + 1] === offset ? this.#near + 1 : search(offsets, offset);
    return this.#near;
  }
}

/** Opens bytes that nobody has checked yet: a recording, what another host sent. */
export function openBatch(bytes: Uint8Array): Batch {
  const batch = new Batch(bytes);
  checkBatch(batch);
  return batch;
}

/** Opens what comes from the ring: the addon made checkBatch()'s checks before it let the bytes in. */
export function openChecked(bytes: Uint8Array): Batch {
  return new Batch(bytes);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The greatest index whose offset is not beyond `wanted`. */
function search(offsets: Uint32Array, wanted: number): number {
  let low = 0;
  let high = offsets.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((offsets[middle] as number) <= wanted) low = middle;
    else high = middle - 1;
  }
  return low;
}
