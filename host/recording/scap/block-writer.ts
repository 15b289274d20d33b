// SPDX-License-Identifier: Apache-2.0
// Writes blocks into a file: the twin of block.ts. A gzipped file is a row of gzip members, each complete in
// itself, so that it is packed in bounded memory and what was written before a crash can be read.
import { closeSync, constants, lstatSync, openSync, rmSync, unlinkSync, writeSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { VedetteError } from "../../errors.js";
import { reasonOf } from "../../reason.js";

const SECTION_HEADER = 0x0a0d0d0a;
const MAGIC = 0x1a2b3c4d;
const FRAME = 12;
const PIECE_BYTES = 1 << 20;
const BLOCK_MAX = 1 << 20;

/** How a file is to be written. */
export interface FileOptions {
  readonly isZipped: boolean;
  /** Whether a file or a link of this name may give way to it. */
  readonly isForced: boolean;
}

/** Readable by its owner alone (mode 0600). Throws VEDETTE_SCAP_UNWRITABLE. */
export class BlockWriter {
  readonly #path: string;
  readonly #isZipped: boolean;
  readonly #fd: number;
  readonly #data = Buffer.alloc(PIECE_BYTES + BLOCK_MAX);
  #size = 0;
  #isClosed = false;

  constructor(path: string, { isZipped, isForced }: FileOptions) {
    this.#path = path;
    this.#isZipped = isZipped;
    try {
      if (isForced) giveWay(path);
      this.#fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    } catch (error) {
      throw this.#unwritable(error);
    }
    const head = Buffer.alloc(16);
    head.writeUInt32LE(MAGIC, 0);
    head.writeUInt16LE(1, 4);
    head.writeUInt16LE(2, 6);
    head.writeBigInt64LE(-1n, 8); // how long the section is: not known
    this.block(SECTION_HEADER, head);
  }

  /** `body` is copied. */
  block(type: number, ...body: readonly Uint8Array[]): void {
    const size = body.reduce((sum, part) => sum + part.length, 0);
    const length = FRAME + ((size + 3) & ~3);
    const data = this.#data;
    let at = this.#size;
    data.writeUInt32LE(type, at);
    data.writeUInt32LE(length, at + 4);
    at += 8;
    for (const part of body) {
      data.set(part, at);
      at += part.length;
    }
    const end = this.#size + length - 4;
    data.fill(0, at, end);
    data.writeUInt32LE(length, end);
    this.#size = end + 4;
    if (this.#size >= PIECE_BYTES) this.#flush();
  }

  /** Writes what is left. */
  close(): void {
    this.#flush();
    this.#isClosed = true;
    closeSync(this.#fd);
  }

  /** Removes what was written: a part of a capture is worth nothing. */
  abandon(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    closeSync(this.#fd);
    rmSync(this.#path, { force: true });
  }

  #flush(): void {
    if (this.#size === 0) return;
    const plain = this.#data.subarray(0, this.#size);
    this.#size = 0;
    const bytes = this.#isZipped ? gzipSync(plain) : plain;
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at);
    } catch (error) {
      throw this.#unwritable(error);
    }
  }

  #unwritable(error: unknown): VedetteError {
    const isThere = (error as { code?: string }).code === "EEXIST";
    const reason = isThere ? "there is a file or a link of this name already" : reasonOf(error);
    return new VedetteError("VEDETTE_SCAP_UNWRITABLE", { path: this.#path, reason }, { cause: error });
  }
}

/** A link is removed, and not what it leads to. Whatever is no file stays. */
function giveWay(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found?.isFile() || found?.isSymbolicLink()) unlinkSync(path);
}
