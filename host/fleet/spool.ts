// SPDX-License-Identifier: Apache-2.0
// Blocks on a disk that wait for the bus, so that a host that is started again sends them. Each is a file of
// its own, and a recording: `vedette replay` reads it. Its name says what must be known before it is read.
//
//   000000000012-SOURCE-g-1234.vdrec      its turn, the agent's source, g: with a guarded event, else p; events
//
// A file is written aside and renamed into place, so one that is cut off is none of ours. There is no fsync:
// the disk dies with the task, and the files are for a host that is killed.
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { VedetteError } from "../errors.js";
import { lockedFolder, unlockFolder } from "../own-folder.js";
import { readGivenFile } from "../plain-file.js";
import { reasonOf } from "../reason.js";
import { blockHead, HEAD_BYTES } from "../recording/block.js";
import { MESSAGE_BYTES_MAX } from "./block.js";

const MAGIC = Buffer.from("VDREC001");
const NAME = /^(\d{12})-([0-9a-f]{32})-([gp])-(\d{1,7})\.vdrec$/;
/** What a file takes at least. */
const PAGE = 4096;
const FILE_BYTES_MAX = MAGIC.length + MESSAGE_BYTES_MAX + 2 * HEAD_BYTES;

/** A file of the folder. `size`: what it takes there, in bytes. */
export interface Spooled {
  readonly name: string;
  readonly turn: number;
  readonly source: string;
  readonly isGuarded: boolean;
  readonly events: number;
  readonly size: number;
}

/** The folder of one host. Who uses it sees to its bound, by `size`. */
export class Spool {
  readonly #folder: string;
  #bytes = 0;

  /** Throws VEDETTE_QUEUE_DISK where the folder cannot be used, or another process has it. */
  constructor(folder: string) {
    this.#folder = folder;
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      lockedFolder(folder, () => undefined);
    } catch (error) {
      throw this.#fault(error);
    }
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** What an earlier host left, in its order. What was being written when it died is removed. */
  left(): Spooled[] {
    const found: Spooled[] = [];
    for (const name of readdirSync(this.#folder).sort()) {
      if (name.endsWith(".new")) rmSync(join(this.#folder, name), { force: true });
      const [, turn, source = "", guard, events] = NAME.exec(name) ?? [];
      if (turn === undefined) continue;
      const size = onDisk(statSync(join(this.#folder, name), { throwIfNoEntry: false })?.size ?? 0);
      this.#bytes += size;
      found.push({ name, turn: Number(turn), source, isGuarded: guard === "g", events: Number(events), size });
    }
    return found;
  }

  /** What a block of so many bytes will take. */
  static sizeOf(block: Uint8Array): number {
    return onDisk(MAGIC.length + block.length + HEAD_BYTES);
  }

  /** Throws VEDETTE_QUEUE_DISK; then nothing of it is there. */
  write(block: Uint8Array, about: Omit<Spooled, "name" | "size">): Spooled {
    const { turn, source, isGuarded, events } = about;
    const name = `${String(turn).padStart(12, "0")}-${source}-${isGuarded ? "g" : "p"}-${events}.vdrec`;
    const path = join(this.#folder, name);
    try {
      writeFileSync(`${path}.new`, Buffer.concat([MAGIC, block, blockHead(0, 0, 0)]), { mode: 0o600 });
      renameSync(`${path}.new`, path);
    } catch (error) {
      rmSync(`${path}.new`, { force: true });
      throw this.#fault(error);
    }
    const size = Spool.sizeOf(block);
    this.#bytes += size;
    return { name, size, ...about };
  }

  /** The block; null: the file is gone, or is none of ours. */
  read({ name }: Spooled): Buffer | null {
    try {
      const file = readGivenFile(join(this.#folder, name), { most: FILE_BYTES_MAX });
      const isWhole = file.length > MAGIC.length + 2 * HEAD_BYTES && file.subarray(0, MAGIC.length).equals(MAGIC);
      return isWhole ? file.subarray(MAGIC.length, file.length - HEAD_BYTES) : null;
    } catch {
      return null;
    }
  }

  remove({ name, size }: Spooled): void {
    rmSync(join(this.#folder, name), { force: true });
    this.#bytes -= size;
  }

  /** What is there stays for the next host. */
  close(): void {
    unlockFolder(this.#folder);
  }

  #fault(cause: unknown): VedetteError {
    return new VedetteError("VEDETTE_QUEUE_DISK", { path: this.#folder, reason: reasonOf(cause) }, { cause });
  }
}

const onDisk = (size: number): number => Math.max(1, Math.ceil(size / PAGE)) * PAGE;
