// SPDX-License-Identifier: Apache-2.0
// A .scap file as blocks: pcap-ng's form, little-endian, possibly gzipped.
//
//   u32 type | u32 length of all | body | padding to 4 | u32 length of all
//
// The first block is the section header (0x0a0d0d0a, magic 0x1a2b3c4d, major 1). What type a block has says
// what it holds; an unknown type is passed over. A file that ends in the middle of a block was cut off: what
// came before is good.
import { constants, gunzipSync } from "node:zlib";
import { VedetteError } from "../../errors.js";

/** One block of the file, without its frame. */
export interface Block {
  type: number;
  readonly body: Buffer;
}

const SECTION_HEADER = 0x0a0d0d0a;
const MAGIC = 0x1a2b3c4d;
const MAJOR_MAX = 1;
const BLOCK_HEAD = 8;
const BLOCK_FRAME = 12;

/** The blocks in the file's order. They can be read once. */
export interface Blocks {
  readonly blocks: Iterable<Block>;
  isTruncated(): boolean; // known when all blocks were read
}

/**
 * Throws VEDETTE_SCAP_UNREADABLE where the file is no capture, is big-endian, or has a newer major version.
 */
export function readBlocks(file: Buffer, path: string): Blocks {
  const isGzip = file.length > 2 && file[0] === 0x1f && file[1] === 0x8b;
  const data = isGzip ? unzip(file, path) : file;
  const refuse = (reason: string): never => {
    throw new VedetteError("VEDETTE_SCAP_UNREADABLE", { path, reason });
  };
  if (data.length < BLOCK_FRAME + 12 || data.readUInt32LE(0) !== SECTION_HEADER)
    refuse("it does not begin like a .scap file");
  if (data.readUInt32LE(8) !== MAGIC) refuse("its byte order is not little-endian");
  const major = data.readUInt16LE(12);
  if (major > MAJOR_MAX) refuse(`its version is ${major}, and this reader knows ${MAJOR_MAX}`);
  let isTruncated = false;
  function* blocks(): Generator<Block> {
    let at = 0;
    while (at < data.length) {
      if (at + BLOCK_HEAD > data.length) break;
      const length = data.readUInt32LE(at + 4);
      if (length < BLOCK_FRAME || at + length > data.length) break;
      yield { type: data.readUInt32LE(at), body: data.subarray(at + BLOCK_HEAD, at + length - 4) };
      at += length;
    }
    isTruncated = at < data.length;
  }
  return { blocks: blocks(), isTruncated: () => isTruncated };
}

// A gzip stream that was cut off gives what it holds.
function unzip(file: Buffer, path: string): Buffer {
  try {
    return gunzipSync(file, { finishFlush: constants.Z_SYNC_FLUSH });
  } catch (error) {
    throw new VedetteError("VEDETTE_SCAP_UNREADABLE", { path, reason: "its gzip data is damaged" }, { cause: error });
  }
}

/**
 * Reads a block's body from front to back. What lies beyond its end reads as an error that the caller turns
 * into a truncation.
 */
export class Cursor {
  at = 0;

  constructor(readonly bytes: Buffer) {}

  get left(): number {
    return this.bytes.length - this.at;
  }

  u8(): number {
    return this.bytes.readUInt8(this.#step(1));
  }

  u16(): number {
    return this.bytes.readUInt16LE(this.#step(2));
  }

  u32(): number {
    return this.bytes.readUInt32LE(this.#step(4));
  }

  u64(): bigint {
    return this.bytes.readBigUInt64LE(this.#step(8));
  }

  i64(): number {
    return Number(this.bytes.readBigInt64LE(this.#step(8)));
  }

  take(size: number): Buffer {
    const at = this.#step(size);
    return this.bytes.subarray(at, at + size);
  }

  /** A text with its size before it. */
  text(): string {
    return this.take(this.u16()).toString();
  }

  #step(size: number): number {
    const at = this.at;
    if (at + size > this.bytes.length) throw new RangeError("beyond the block's end");
    this.at += size;
    return at;
  }
}
