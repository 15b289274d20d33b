// SPDX-License-Identifier: Apache-2.0
// Writes blocks into a file: the twin of block.ts. A gzipped file is a row of gzip members, each complete in
// itself, so that it is packed in bounded memory and what was written before a crash can be read.
//
// What is written stands beside its place, as NAME.RANDOM.part, and gets its name when it is whole and on the
// disk. Until then, and after every error, an old file of that name is there as it was.
import { randomBytes } from "node:crypto";
import { closeSync, constants, fsyncSync, lstatSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
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
  readonly #part: string;
  readonly #isZipped: boolean;
  readonly #isForced: boolean;
  readonly #fd: number;
  readonly #data = Buffer.alloc(PIECE_BYTES + BLOCK_MAX);
  #size = 0;
  #flushed = 0;
  #isClosed = false;

  constructor(path: string, { isZipped, isForced }: FileOptions) {
    this.#path = path;
    this.#part = `${path}.${randomBytes(8).toString("hex")}.part`; // pids come again in each container
    this.#isZipped = isZipped;
    this.#isForced = isForced;
    const old = this.#try(() => lstatSync(path, { throwIfNoEntry: false }));
    const mayGiveWay = isForced && (old?.isFile() === true || old?.isSymbolicLink() === true);
    if (old !== undefined && !mayGiveWay) throw this.#unwritable(isForced ? "it is no file" : IS_THERE);
    this.#fd = this.#try(() => openSync(this.#part, NEW, 0o600));
    const head = Buffer.alloc(16);
    head.writeUInt32LE(MAGIC, 0);
    head.writeUInt16LE(1, 4);
    head.writeUInt16LE(2, 6);
    head.writeBigInt64LE(-1n, 8); // how long the section is: not known
    this.block(SECTION_HEADER, head);
  }

  /** Bytes so far, before they are compressed. */
  get bytes(): number {
    return this.#flushed + this.#size;
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

  /** Writes what is left, and gives the file its name. Where that fails, nothing of it is left. */
  close(): void {
    try {
      this.#flush();
      this.#try(() => {
        fsyncSync(this.#fd);
        // Whoever made a file of this name in the meantime keeps it.
        if (!this.#isForced) closeSync(openSync(this.#path, NEW, 0o600));
        try {
          renameSync(this.#part, this.#path); // in the place of a link, and not of what it leads to
        } catch (error) {
          if (!this.#isForced) rmSync(this.#path, { force: true }); // the empty one that we made
          throw error;
        }
        syncFolder(dirname(this.#path));
      });
    } catch (error) {
      this.abandon();
      throw error;
    }
    this.#isClosed = true;
    closeSync(this.#fd);
  }

  /** Removes what was written: a part of a capture is worth nothing. */
  abandon(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    closeSync(this.#fd);
    rmSync(this.#part, { force: true });
  }

  #flush(): void {
    if (this.#size === 0) return;
    const plain = this.#data.subarray(0, this.#size);
    this.#flushed += this.#size;
    this.#size = 0;
    const bytes = this.#isZipped ? gzipSync(plain) : plain;
    this.#try(() => {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at);
    });
  }

  #try<T>(act: () => T): T {
    try {
      return act();
    } catch (error) {
      throw this.#unwritable((error as { code?: string }).code === "EEXIST" ? IS_THERE : reasonOf(error), error);
    }
  }

  #unwritable(reason: string, cause?: unknown): VedetteError {
    return new VedetteError("VEDETTE_SCAP_UNWRITABLE", { path: this.#path, reason }, { cause });
  }
}

const NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
const IS_THERE = "there is a file or a link of this name already";

/** So that a new name is there after a loss of power, too. */
function syncFolder(path: string): void {
  try {
    const fd = openSync(path, "r");
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch {
    // Some folders cannot be read or synced. The file is there all the same.
  }
}
