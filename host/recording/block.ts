// SPDX-License-Identifier: Apache-2.0
// One block of a recording, which is also one message of the bus (host/fleet/block.ts): entries that were
// packed together, complete in itself. Whoever wrote the bytes may lie, so each size is checked against a
// bound before memory is taken for it.
//
//   block   u32 "VDBK"  u32 size  u32 raw size  u32 CRC-32 of what follows   `size` bytes, deflated (RFC 1951)
//   raw     entries: u32 kind  u32 stream  u32 size  then `size` bytes
import { crc32, deflateRawSync, inflateRawSync } from "node:zlib";

const MAGIC = 0x4b424456;
const LEVEL = 1; // half as large as level 6, and four times as fast, on batches
/** Bytes in front of what is packed. */
export const HEAD_BYTES = 16;
/** The most that a block has, packed and unpacked. */
export const BLOCK_BYTES_MAX = 32 << 20;
/** Bytes in front of an entry's own. */
export const ENTRY_BYTES = 12;
/** What an entry is. A reader leaves out kinds that it does not know. */
export const KIND = { batch: 1, host: 2, container: 3, sender: 4, kept: 5 } as const;

/** What stands in front of a block, in bytes. All 0: the recording ends here. */
export interface BlockHead {
  readonly size: number;
  readonly raw: number;
  readonly crc: number;
}

/** An entry as it stands in its block. `stream` is the number that its peer had. */
export interface RawEntry {
  readonly kind: number;
  readonly stream: number;
  readonly bytes: Buffer;
}

/** The whole block with these entries. */
export function packBlock(raw: Uint8Array): Buffer {
  const packed = deflateRawSync(raw, { level: LEVEL });
  return Buffer.concat([blockHead(packed.length, raw.length, crc32(packed)), packed]);
}

/** What begins a block. All 0: the end of a recording. */
export function blockHead(size: number, raw: number, crc: number): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  for (const [i, word] of [MAGIC, size, raw, crc].entries()) head.writeUInt32LE(word, 4 * i);
  return head;
}

/** Of HEAD_BYTES bytes; a text: why it is none. `most`: bytes that a block may have, packed and unpacked. */
export function readBlockHead(head: Buffer, most = BLOCK_BYTES_MAX): BlockHead | string {
  const [magic, size, raw, crc] = [0, 4, 8, 12].map((at) => head.readUInt32LE(at)) as [number, number, number, number];
  if (magic !== MAGIC) return "no block begins here";
  if (size > most || raw > most) return "a block claims to be larger than any is";
  return { size, raw, crc };
}

/** The entries of a block as they were before they were packed; a text: why they cannot be had. */
export function unpackBlock(packed: Buffer, { raw: size, crc }: BlockHead): Buffer | string {
  if (crc32(packed) !== crc) return "a block's checksum is wrong";
  try {
    const raw = inflateRawSync(packed, { maxOutputLength: size });
    if (raw.length === size) return raw;
  } catch {
    // Said below: whatever zlib calls it, the block is not what was written.
  }
  return "a block does not unpack to its size";
}

/** What stands in front of an entry of `size` bytes, written into `block` at `at`. */
export function writeEntryHead(block: Buffer, at: number, { kind, stream }: Omit<RawEntry, "bytes">, size: number) {
  block.writeUInt32LE(kind, at);
  block.writeUInt32LE(stream, at + 4);
  block.writeUInt32LE(size, at + 8);
}

/** All entries in order; a text in their place where they end in the middle of one. */
export function* entriesIn(raw: Buffer): Generator<RawEntry | string> {
  for (let at = 0; at < raw.length; ) {
    if (at + ENTRY_BYTES > raw.length) return yield "an entry is cut off";
    const [kind, stream, size] = [0, 4, 8].map((field) => raw.readUInt32LE(at + field)) as [number, number, number];
    if (size > raw.length - at - ENTRY_BYTES) return yield "an entry is cut off";
    yield { kind, stream, bytes: raw.subarray(at + ENTRY_BYTES, at + ENTRY_BYTES + size) };
    at += ENTRY_BYTES + size;
  }
}
