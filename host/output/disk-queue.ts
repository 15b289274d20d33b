// SPDX-License-Identifier: Apache-2.0
// Lines of an output on a disk, so that a host that is killed has them when it starts again. A folder holds
// segments, each with records, and a cursor: the place up to which everything was acknowledged.
//
//   00000007.seg:  u32 size | u32 CRC-32 | bytes      u32 size | u32 CRC-32 | bytes      ...
//   cursor:        7 4096
//
// A line is written before append() returns, and the kernel has it then: SIGKILL loses none, a machine that
// loses its power may. The cursor is renamed into place after each batch that was acknowledged, so a line may
// come twice and never not at all. A record that was cut off, or whose bytes are others, ends its segment:
// what is behind it is counted in bytes. All segments together stay below a bound.
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { VedetteError } from "../errors.js";
import { lockedFolder, unlockFolder } from "../own-folder.js";
import { reasonOf } from "../reason.js";

/** A place between two records. */
export interface Place {
  readonly segment: number;
  readonly offset: number;
}

/** A line, and the place behind it. */
export interface StoredLine {
  readonly line: string;
  readonly end: Place;
}

const HEAD = 8;
const SEGMENT_BYTES = 4 << 20;
/** Of open(2) and read(2): the process or the system is short of something just now. */
const PASSING = new Set(["EMFILE", "ENFILE", "ENOMEM"]);
/** Of the bound, a segment is at most this part, so that acknowledged ones give room back. */
const SEGMENTS_LEAST = 4;
const CURSOR = "cursor";

/** The folder of one output, which is open once. */
export class DiskQueue {
  readonly #folder: string;
  #most = 0;
  #segmentBytes = 0;
  /** Those that are there, by number, and how many of their lines are unread. */
  readonly #segments = new Map<number, { size: number; unread: number }>();
  /** Damaged bytes that open() passed over. */
  readonly damaged: number;
  #size = 0;
  #unread = 0;
  #lost = 0;
  #fd: number | null = null;
  #next: number;
  #read: Place;
  #buffer: { segment: number; bytes: Buffer } | null = null;

  /** Throws VEDETTE_QUEUE_DISK where the folder cannot be used, or somebody has it. */
  constructor(folder: string, most: number) {
    this.#folder = folder;
    this.setBound(most);
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const { read, damaged } = lockedFolder(folder, () => this.#recover());
      this.#read = read;
      this.damaged = damaged;
    } catch (error) {
      throw error instanceof VedetteError ? error : this.#fault(error);
    }
    this.#next = Math.max(this.#read.segment, ...this.#segments.keys()) + 1;
  }

  /** From now on it takes lines up to `most` bytes. What is there stays, also where that is more. */
  setBound(most: number): void {
    this.#most = most;
    this.#segmentBytes = Math.min(SEGMENT_BYTES, Math.floor(most / SEGMENTS_LEAST));
  }

  /** Lines that nobody has read from here yet. */
  get unread(): number {
    return this.#unread;
  }

  /** Lines that could not be read any more since the last time it was asked. */
  takeLost(): number {
    const lost = this.#lost;
    this.#lost = 0;
    return lost;
  }

  /** Of all segments. */
  get bytes(): number {
    return this.#size;
  }

  hasRoom(bytes: number): boolean {
    return this.#size + HEAD + bytes <= this.#most;
  }

  /** Gives the place behind the line. Throws VEDETTE_QUEUE_DISK; then the segment is as it was. */
  append(line: string): Place {
    const bytes = Buffer.from(line);
    const record = Buffer.alloc(HEAD + bytes.length);
    record.writeUInt32LE(bytes.length, 0);
    record.writeUInt32LE(crc32(bytes), 4);
    bytes.copy(record, HEAD);
    let segment = this.#next - 1;
    let offset = this.#fd === null ? 0 : (this.#segments.get(segment)?.size ?? 0);
    try {
      if (this.#fd === null || offset + record.length > this.#segmentBytes) {
        this.#fd = this.#openNext();
        [segment, offset] = [this.#next - 1, 0];
      }
      // At its place: what #undo() takes away of a record without room does not move the descriptor back.
      for (let at = 0; at < record.length; ) at += writeSync(this.#fd, record, at, record.length - at, offset + at);
    } catch (error) {
      this.#undo(offset);
      throw this.#fault(error);
    }
    const end = offset + record.length;
    this.#segments.set(segment, { size: end, unread: (this.#segments.get(segment)?.unread ?? 0) + 1 });
    this.#size += record.length;
    this.#unread++;
    return { segment, offset: end };
  }

  /** The newest line is in memory, too, and nothing else is unread: nobody need read it from here. */
  pass(end: Place): void {
    const here = this.#segments.get(end.segment);
    if (here !== undefined) here.unread--;
    this.#unread--;
    this.#read = end;
  }

  /** The next lines, up to `most`. Throws VEDETTE_QUEUE_DISK where none can be read just now: they stay. */
  read(most: number): StoredLine[] {
    const lines: StoredLine[] = [];
    try {
      while (lines.length < most && this.#unread > 0) {
        const found = this.#readOne();
        if (found === null) break;
        lines.push(found);
      }
    } catch (error) {
      if (lines.length === 0) throw this.#fault(error);
    }
    return lines;
  }

  /** Everything before `end` was acknowledged. Without room for the cursor, lines may come twice. */
  done(end: Place): void {
    for (const number of [...this.#segments.keys()]) if (number < end.segment) this.#drop(number);
    if (end.offset === this.#segments.get(end.segment)?.size) {
      if (end.segment === this.#next - 1) this.#endSegment();
      this.#drop(end.segment);
    }
    try {
      const fresh = join(this.#folder, `${CURSOR}.new`);
      writeFileSync(fresh, `${end.segment} ${end.offset}\n`, { mode: 0o600 });
      renameSync(fresh, join(this.#folder, CURSOR));
    } catch {}
  }

  /** What is here stays for the next process. */
  close(): void {
    this.#endSegment();
    unlockFolder(this.#folder);
  }

  /** A segment that cannot be read any more is passed over, and its lines are lost. */
  #readOne(): StoredLine | null {
    for (;;) {
      const { segment, offset } = this.#read;
      const here = this.#segments.get(segment);
      if (here !== undefined && here.unread > 0) {
        const record = recordAt(this.#bytesOf(segment, here.size), offset);
        const taken = record === null ? here.unread : 1;
        here.unread -= taken;
        this.#unread -= taken;
        if (record === null) this.#lost += taken;
        else {
          this.#read = { segment, offset: record.end };
          return { line: record.line, end: this.#read };
        }
      }
      const next = Math.min(...[...this.#segments.keys()].filter((number) => number > segment));
      if (!Number.isFinite(next)) return null;
      this.#read = { segment: next, offset: 0 };
    }
  }

  /** One segment is kept, and read again where it has grown. */
  #bytesOf(segment: number, size: number): Buffer {
    if (this.#buffer?.segment !== segment || this.#buffer.bytes.length < size)
      this.#buffer = { segment, bytes: segmentAt(this.#path(segment)) };
    return this.#buffer.bytes;
  }

  #openNext(): number {
    const fd = openSync(this.#path(this.#next), "wx", 0o600);
    this.#endSegment();
    this.#segments.set(this.#next++, { size: 0, unread: 0 });
    return fd;
  }

  /** What was written of a record that had no room. */
  #undo(offset: number): void {
    try {
      if (this.#fd !== null) ftruncateSync(this.#fd, offset);
    } catch {}
  }

  /** The kernel has what was written, whatever close(2) says of it. */
  #endSegment(): void {
    try {
      if (this.#fd !== null) closeSync(this.#fd);
    } catch {}
    this.#fd = null;
  }

  /** On a disk that can only be read by now it stays there, and its lines may come twice. */
  #drop(segment: number): void {
    try {
      rmSync(this.#path(segment), { force: true });
    } catch {}
    this.#size -= this.#segments.get(segment)?.size ?? 0;
    this.#segments.delete(segment);
    if (this.#buffer?.segment === segment) this.#buffer = null;
  }

  /** Counts what is there from the cursor on. */
  #recover(): { read: Place; damaged: number } {
    const cursor = this.#cursor();
    let damaged = 0;
    for (const number of this.#numbers()) {
      const bytes = number < cursor.segment ? Buffer.alloc(0) : readFileSync(this.#path(number));
      const begin = number === cursor.segment ? Math.min(cursor.offset, bytes.length) : 0;
      const { end, count } = wholeRecords(bytes, begin);
      damaged += bytes.length - end;
      if (count === 0) {
        rmSync(this.#path(number));
        continue;
      }
      this.#segments.set(number, { size: end, unread: count });
      this.#size += end;
      this.#unread += count;
    }
    return { read: cursor, damaged };
  }

  #numbers(): number[] {
    return readdirSync(this.#folder)
      .filter((name) => /^\d{8}\.seg$/.test(name))
      .map((name) => Number(name.slice(0, -".seg".length)))
      .sort((one, other) => one - other);
  }

  #cursor(): Place {
    const [, segment = "0", offset = "0"] = /^(\d{1,8}) (\d{1,9})\n$/.exec(textAt(join(this.#folder, CURSOR))) ?? [];
    return { segment: Number(segment), offset: Number(offset) };
  }

  #path(segment: number): string {
    return join(this.#folder, `${String(segment).padStart(8, "0")}.seg`);
  }

  #fault(cause: unknown): VedetteError {
    return new VedetteError("VEDETTE_QUEUE_DISK", { path: this.#folder, reason: reasonOf(cause) }, { cause });
  }
}

/** Null: there is none that is whole. */
function recordAt(bytes: Buffer, offset: number): { line: string; end: number } | null {
  if (offset + HEAD > bytes.length) return null;
  const end = offset + HEAD + bytes.readUInt32LE(offset);
  if (end > bytes.length) return null;
  const body = bytes.subarray(offset + HEAD, end);
  return crc32(body) === bytes.readUInt32LE(offset + 4) ? { line: body.toString(), end } : null;
}

function textAt(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** Nothing where it cannot be read any more. Throws where it can be in a moment. */
function segmentAt(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if (PASSING.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
    return Buffer.alloc(0);
  }
}

/** How many records stand there whole, and where the last of them ends. */
function wholeRecords(bytes: Buffer, begin: number): { end: number; count: number } {
  let [end, count] = [begin, 0];
  for (let record = recordAt(bytes, end); record !== null; record = recordAt(bytes, end), count++) end = record.end;
  return { end, count };
}
