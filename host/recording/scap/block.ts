// SPDX-License-Identifier: Apache-2.0
// A .scap file as blocks: pcap-ng's form, little-endian, possibly gzipped.
//
//   u32 type | u32 length of all | body | padding to 4 | u32 length of all
//
// The first block is the section header (0x0a0d0d0a, magic 0x1a2b3c4d, major 1). What type a block has says
// what it holds; an unknown type is passed over. A file that ends in the middle of a block was cut off: what
// came before is good.
import { closeSync, createReadStream, openSync, readSync } from "node:fs";
import { open } from "node:fs/promises";
import { pipeline } from "node:stream";
import { constants, createGunzip, gunzipSync } from "node:zlib";
import { VedetteError } from "../../errors.js";
import { reasonOf } from "../../reason.js";

/** One block of the file, without its frame. */
const SECTION_HEADER = 0x0a0d0d0a;
const MAGIC = 0x1a2b3c4d;
const MAJOR_MAX = 1;
const BLOCK_HEAD = 8;
const BLOCK_FRAME = 12;
const HEADER_MIN = BLOCK_FRAME + 12;
const HEAD_BYTES = 64 << 10;
/** A list of all processes of a large machine has a tenth of that. It is kept until it is whole. */
const BLOCK_BYTES_MAX = 256 << 20;
/** So few that they stay in the processor's cache while they are read. */
const PIECE_BYTES = 1 << 18;

/** Bytes, and a view of them: V8 loads a number from a view at once, and from a Buffer byte by byte. */
export interface Piece {
  readonly bytes: Buffer;
  readonly view: DataView;
}

/** With a view of all bytes. */
export function pieceOf(bytes: Buffer): Piece {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length) };
}

/** Who is told of blocks. */
export interface BlockTaker {
  /** A block's type, and where its body lies in the piece. */
  onBlock(type: number, piece: Piece, start: number, end: number): void;
  /** All pieces that it was told of will be written over once it has returned. */
  onPieceEnd(): void;
}

/**
 * Cuts a file, which comes piece by piece, into blocks. Throws VEDETTE_SCAP_UNREADABLE where it does not
 * begin like a capture.
 */
export class BlockReader {
  readonly #path: string;
  readonly #taker: BlockTaker;
  /** The same memory for all: new memory for each would keep the garbage collector busy. */
  #piece: Piece = pieceOf(Buffer.alloc(2 * PIECE_BYTES));
  #size = 0;
  #isBegun = false;

  constructor(path: string, taker: BlockTaker) {
    this.#path = path;
    this.#taker = taker;
  }

  /** Where the next bytes may be put before take() is called with them, which saves a copy. */
  room(): Buffer {
    this.#reserve(PIECE_BYTES);
    return this.#piece.bytes.subarray(this.#size, this.#size + PIECE_BYTES);
  }

  take(bytes: Buffer): void {
    this.#reserve(bytes.length);
    const piece = this.#piece;
    const isThere = bytes.buffer === piece.bytes.buffer && bytes.byteOffset === piece.bytes.byteOffset + this.#size;
    if (!isThere) bytes.copy(piece.bytes, this.#size);
    this.#size += bytes.length;
    const size = this.#size;
    if (!this.#isBegun) {
      if (size < HEADER_MIN) return;
      checkHead(piece.bytes.subarray(0, size), this.#path);
      this.#isBegun = true;
    }
    const at = this.#tell(piece, size);
    this.#taker.onPieceEnd();
    if (at > 0) piece.bytes.copyWithin(0, at, size);
    this.#size = size - at;
  }

  /** Of all blocks that are whole; gives where the rest begins. */
  #tell(piece: Piece, size: number): number {
    const { view } = piece;
    const taker = this.#taker;
    let at = 0;
    while (at + BLOCK_HEAD <= size) {
      const length = view.getUint32(at + 4, true);
      if (length > BLOCK_BYTES_MAX || length < BLOCK_FRAME)
        refuse(this.#path, `a block claims to have ${length} bytes`);
      if (at + length > size) break;
      taker.onBlock(view.getUint32(at, true), piece, at + BLOCK_HEAD, at + length - 4);
      at += length;
    }
    return at;
  }

  /** Whether it ended within a block. */
  end(): boolean {
    if (!this.#isBegun) checkHead(this.#piece.bytes.subarray(0, this.#size), this.#path);
    return this.#size > 0;
  }

  #reserve(more: number): void {
    const { bytes } = this.#piece;
    const size = this.#size + more;
    if (size <= bytes.length) return;
    const larger = Buffer.alloc(Math.max(size, 2 * bytes.length));
    bytes.copy(larger, 0, 0, this.#size);
    this.#piece = pieceOf(larger);
  }
}

function checkHead(data: Buffer, path: string): void {
  if (data.length < HEADER_MIN || data.readUInt32LE(0) !== SECTION_HEADER)
    refuse(path, "it begins neither like a recording nor like a .scap file");
  if (data.readUInt32LE(8) !== MAGIC) refuse(path, "its byte order is not little-endian");
  const major = data.readUInt16LE(12);
  if (major > MAJOR_MAX) refuse(path, `its version is ${major}, and this reader knows ${MAJOR_MAX}`);
}

function refuse(path: string, reason: string): never {
  throw new VedetteError("VEDETTE_SCAP_UNREADABLE", { path, reason });
}

const isGzip = (file: Buffer): boolean => file.length > 2 && file[0] === 0x1f && file[1] === 0x8b;

/** Of a file in memory. A gzip stream that was cut off gives what it holds. */
export function* piecesOf(file: Buffer, path: string): Generator<Buffer> {
  const data = isGzip(file) ? unzip(file, path) : file;
  checkHead(data, path);
  for (let at = 0; at < data.length; at += PIECE_BYTES) yield data.subarray(at, at + PIECE_BYTES);
}

/**
 * Of a file that is read as it is asked for. What does not begin like a capture is refused at once. `room`:
 * where the next piece may be put.
 */
export function piecesAt(path: string, room: () => Buffer): AsyncIterable<Buffer> {
  const head = readHead(path);
  checkHead(isGzip(head) ? unzip(head, path) : head, path);
  return streamed(path, isGzip(head) ? unzipped(path) : plain(path, room), isGzip(head));
}

async function* streamed(path: string, pieces: AsyncIterable<Buffer>, isZipped: boolean): AsyncGenerator<Buffer> {
  try {
    yield* pieces;
  } catch (cause) {
    const reason = isZipped ? "its gzip data is damaged" : reasonOf(cause);
    throw new VedetteError("VEDETTE_SCAP_UNREADABLE", { path, reason }, { cause });
  }
}

function unzipped(path: string): AsyncIterable<Buffer> {
  const file = createReadStream(path, { highWaterMark: PIECE_BYTES });
  return pipeline(file, createGunzip({ finishFlush: constants.Z_SYNC_FLUSH, chunkSize: PIECE_BYTES }), () => {});
}

async function* plain(path: string, room: () => Buffer): AsyncGenerator<Buffer> {
  const file = await open(path);
  try {
    for (;;) {
      const piece = room();
      const { bytesRead } = await file.read(piece, 0, piece.length);
      if (bytesRead === 0) return;
      yield piece.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

function readHead(path: string): Buffer {
  try {
    const fd = openSync(path, "r");
    try {
      const head = Buffer.alloc(HEAD_BYTES);
      return head.subarray(0, readSync(fd, head));
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    throw new VedetteError("VEDETTE_SCAP_UNREADABLE", { path, reason: reasonOf(cause) }, { cause });
  }
}

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
