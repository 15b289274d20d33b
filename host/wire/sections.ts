// SPDX-License-Identifier: Apache-2.0
// What the envelope of a batch holds (docs/wire.md): where it comes from, and its four sections. Nothing is
// copied.
import { SCHEMA } from "../../build/generated/events.js";
import { VedetteError } from "../errors.js";
import { corrupt, EnvelopeReader } from "./envelope.js";

/** Second element of every batch. The host refuses any other number (VEDETTE_SCHEMA_MISMATCH). */
export const BATCH_VERSION = 1;
/** The most bytes that the four sections of a batch hold together. */
export const BATCH_BYTES_MAX = 1 << 20;
/** The most records that one batch holds. */
export const BATCH_RECORDS_MAX = 16384;
const LOST_MAX = 64;

/**
 * The constructor reads the envelope, and throws VEDETTE_BATCH_CORRUPT or VEDETTE_SCHEMA_MISMATCH for a bad
 * one.
 */
export class Sections {
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
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
