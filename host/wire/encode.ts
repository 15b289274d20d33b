// SPDX-License-Identifier: Apache-2.0
// Writes the envelope of a batch, as the agent does (capture/agent/encode.cc): for batches that are made on
// this side, of a tenant's part of one, of tests.yaml, or by hand.
import { SCHEMA } from "../../build/generated/events.js";
import { BATCH_VERSION, type Batch } from "./batch.js";

type Envelope = "source" | "seq" | "clock" | "first" | "count" | "lost";
type Sections = "processes" | "descriptors" | "strings" | "records";

/**
 * The members of a Batch that go into its envelope. `first` and `count` must fit `records`: nobody checks
 * them here.
 */
export interface BatchParts extends Pick<Batch, Envelope | Sections> {
  /** Another contract than ours, for tests of who refuses it. */
  readonly schema?: bigint;
}

/**
 * Gives the frame without the four bytes of its size. It copies all sections, into what `room` gives for so
 * many bytes: by default new memory.
 */
export function encodeBatch(
  parts: BatchParts,
  room = (size: number): Uint8Array => Buffer.allocUnsafe(size),
): Uint8Array {
  const { source, seq, clock, first, count, lost } = parts;
  return joined(room, [
    Buffer.from([0x9d]),
    text("vedette"),
    uint(BATCH_VERSION),
    uint(parts.schema ?? SCHEMA),
    ...bin(source),
    ...[seq, clock, first, count].map(uint),
    Buffer.from(lost.length < 16 ? [0x90 | lost.length] : [0xdc, 0, lost.length]),
    ...lost.map(uint),
    ...[parts.processes, parts.descriptors, parts.strings, parts.records].flatMap(bin),
  ]);
}

function joined(room: (size: number) => Uint8Array, parts: readonly Uint8Array[]): Uint8Array {
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  const out = room(size).subarray(0, size);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function text(value: string): Buffer {
  return Buffer.concat([Buffer.from([0xa0 | value.length]), Buffer.from(value)]);
}

function bin(bytes: Uint8Array): Uint8Array[] {
  const head = Buffer.from([0xc6, 0, 0, 0, 0]);
  head.writeUInt32BE(bytes.length, 1);
  return [head, bytes];
}

function uint(value: number | bigint): Buffer {
  if (value < 0x80) return Buffer.from([Number(value)]);
  const bytes = Buffer.from([0xcf, 0, 0, 0, 0, 0, 0, 0, 0]);
  bytes.writeBigUInt64BE(BigInt(value), 1);
  return bytes;
}
