// SPDX-License-Identifier: Apache-2.0
// Carries alerts as lines to a file, stdout or stderr: two rows of registry.ts. A line that was cut off by a
// full disk or a pipe without room goes on where it stopped, so that lines stay whole. SIGHUP opens a file's
// name again: after logrotate has renamed the old one, the next line stands in the new one. A file that has a
// bound is renamed by ourselves (rotation.ts), between two lines. So others may do, who write to the same
// file: where the name is another file's by now, a file of the same owner, lines go to that one. Whoever can
// write to the folder could put a link there, so that none is followed but by the operator's word: at the
// start and at SIGHUP. Where the name is nobody's, the file of before goes on, or where that is asked for a
// new one is made. So is one after we have put ours away; where somebody was quicker, the file that was put
// away goes on. Where a named pipe was whose reader left, only that one, or another of its owner, is opened.
import { type BigIntStats, constants, lstatSync, realpathSync } from "node:fs";
import { lstat } from "node:fs/promises";
import { type ErrorCode, VedetteError } from "../errors.js";
import { reasonOf } from "../reason.js";
import type { Carrier, Sent } from "./output.js";
import { clearProgress } from "./progress.js";
import { type FileBound, rotate } from "./rotation.js";
import { Stream } from "./stream.js";

const UNWRITABLE: ErrorCode = "VEDETTE_SINK_UNWRITABLE";
const NOW = { bigint: true, throwIfNoEntry: false } as const;
const KIND = BigInt(constants.S_IFMT);
const LINE_FEED = Buffer.from("\n");
const STANDARD: Readonly<Record<string, number | undefined>> = { stdout: 1, stderr: 2 };

/** Whether alerts to `target` go to a standard stream. */
export const isStandard = (target: string): boolean => STANDARD[target] !== undefined;

/** Appends lines to `target`. start() throws where a file cannot be opened. */
export class LineCarrier implements Carrier {
  readonly #target: string;
  readonly #fd: number | null;
  readonly #bound: FileBound | null;
  readonly #isRemade: boolean;
  #stream: Stream | null = null;
  /** What the operator named last, behind all links. */
  #named: Place | null = null;
  /** Of the file, bytes; and those of them that its bound does not count, since it could not be put away. */
  #size = 0;
  #spared = 0;
  /** Nobody has looked how it ends since it was opened, or since others wrote to it. */
  #isFresh = true;
  /** We have put the file away that had the name. */
  #hasPutAway = false;
  /** Bytes of the first line that are written already. */
  #begun = 0;
  #isWriting = false;
  #isToReopen = false;
  #isClosed = false;

  /**
   * `stdout`, `stderr`, or a file's path. `bound`: of a plain file; null: it grows. `isRemade`: a file that
   * was renamed or removed is made anew with the next batch, and not at SIGHUP alone.
   */
  constructor(target: string, bound: FileBound | null = null, isRemade = false) {
    this.#target = target;
    this.#bound = bound;
    this.#isRemade = isRemade;
    this.#fd = STANDARD[target] ?? null;
  }

  start(): void {
    try {
      this.#open();
    } catch (error) {
      // A standard stream that is closed is told of at the first alert. A named pipe may get its reader
      // later.
      if (this.#fd === null && codeOf(error) !== "ENXIO") throw this.#fault(error);
    }
  }

  async send(lines: readonly string[]): Promise<Sent> {
    this.#isWriting = true;
    clearProgress();
    const sent = await this.#send(lines);
    this.#isWriting = false;
    if (this.#isClosed) this.close();
    if (!this.#isToReopen || this.#isClosed) return sent;
    try {
      this.#reopen();
      return sent;
    } catch (error) {
      if (!(error instanceof VedetteError)) throw error;
      return { outcome: "again", taken: sent.outcome === "done" ? lines.length : sent.taken, error };
    }
  }

  reopen(): void {
    if (this.#fd !== null || this.#isClosed) return;
    if (this.#isWriting) this.#isToReopen = true;
    else this.#reopen();
  }

  /** Where the disk hangs, when that ends. */
  close(): void {
    this.#isClosed = true;
    if (this.#isWriting) return;
    this.#stream?.close();
    this.#stream = null;
  }

  async #send(lines: readonly string[]): Promise<Sent> {
    const bytes = Buffer.from(`${lines.join("\n")}\n`);
    const ends = endsOf(lines);
    let stream: Stream;
    try {
      stream = await this.#ready(bytes.length);
    } catch (error) {
      return this.#failed(error, 0);
    }
    let at = this.#begun;
    let taken = 0;
    const settle = (): number => {
      while (taken < ends.length && (ends[taken] as number) <= at) taken++;
      this.#begun = at - (ends[taken - 1] ?? 0);
      return taken;
    };
    try {
      while (at < bytes.length) {
        const count = await stream.write(bytes.subarray(at, pieceEnd(at, settle(), ends, stream.chunk)));
        if (count === 0) return { outcome: "busy", taken: settle() };
        at += count;
        this.#size += count;
      }
    } catch (error) {
      return this.#failed(error, settle());
    }
    settle();
    return { outcome: "done" };
  }

  #failed(cause: unknown, taken: number): Sent {
    const isGone = codeOf(cause) === "EPIPE" || codeOf(cause) === "ENXIO";
    if (isGone && this.#fd !== null) return { outcome: "gone", taken };
    if (isGone && (this.#stream?.file ?? null) === null) {
      // A named pipe: whoever reads next begins with a whole line.
      this.#stream?.close();
      this.#stream = null;
      this.#begun = 0;
    }
    return { outcome: "again", taken, error: this.#fault(cause) };
  }

  /** What so many bytes go to. A line that was begun ends where it began, unless others came between. */
  async #ready(bytes: number): Promise<Stream> {
    let stream = this.#stream ?? this.#openAgain();
    if (stream.file === null) return stream;
    if (this.#begun > 0) {
      if ((await stream.size()) === this.#size) return stream;
      this.#begun = 0;
      this.#isFresh = true;
    }
    stream = this.#followed(stream, await lstat(this.#target, NOW).catch(() => undefined));
    if (this.#isFull(bytes)) stream = this.#followed(stream, named(this.#target)); // and nobody comes between
    if (this.#isFull(bytes)) stream = this.#rotated(stream);
    if (this.#isFresh && (await stream.endsInLine())) this.#size += await stream.write(LINE_FEED);
    this.#isFresh = false;
    return stream;
  }

  /** The file that has the name now; the same one where that has none, until SIGHUP or the bound. */
  #followed(stream: Stream, now: BigIntStats | undefined): Stream {
    if (now === undefined && (this.#isRemade || this.#hasPutAway)) return this.#replaced(stream);
    if (now?.isFile() !== true) return stream;
    if (!isSame(stream.file, now)) return now.uid === stream.file?.uid ? this.#replaced(stream) : stream;
    const size = Number(now.size);
    if (size !== this.#size) this.#isFresh = true; // others write to it, too
    this.#size = size;
    this.#spared = Math.min(this.#spared, size);
    return stream;
  }

  /** Not where somebody was quicker than we, and what has the name is no plain file of the same owner. */
  #replaced(stream: Stream): Stream {
    const next = newOrOf(this.#target, stream.file?.uid);
    if (next === null) return stream;
    stream.close();
    return this.#adopted(next);
  }

  /** By the operator's word: a link is followed, and a file is made. */
  #open(): Stream {
    if (this.#fd !== null) return this.#adopted(Stream.standard(this.#fd));
    try {
      return this.#adopted(Stream.file(this.#target));
    } finally {
      this.#named = placeOf(this.#target) ?? this.#named;
    }
  }

  /** Without that word: the same, or a named pipe of the same owner. */
  #openAgain(): Stream {
    if (this.#fd !== null) return this.#open();
    const next = Stream.file(this.#named?.path ?? this.#target, "there");
    if (isSuccessor(this.#named?.status, next.status)) return this.#adopted(next);
    next.close();
    throw new Error("it is another file by now; SIGHUP has Vedette take it");
  }

  #adopted(stream: Stream): Stream {
    this.#stream = stream;
    this.#size = Number(stream.file?.size ?? 0);
    this.#spared = 0;
    this.#isFresh = true;
    this.#hasPutAway = false;
    return stream;
  }

  /** Whether these bytes belong into the next file. */
  #isFull(bytes: number): boolean {
    if (this.#bound === null) return false;
    const size = this.#size - this.#spared;
    return size > 0 && size + bytes > this.#bound.bytes;
  }

  /** Where that cannot be, it is told, and as much again goes into the old file: no alert is dropped. */
  #rotated(stream: Stream): Stream {
    try {
      rotate(this.#target, this.#bound?.keep ?? 1);
      this.#hasPutAway = true;
      const next = this.#replaced(stream);
      if (next === stream) throw new Error("it was put away, and something else has its name by now");
      return next;
    } catch (error) {
      this.#spared = this.#size;
      throw error;
    }
  }

  #reopen(): void {
    this.#isToReopen = false;
    const before = this.#stream;
    try {
      this.#open();
    } catch (error) {
      throw this.#fault(error);
    }
    before?.close();
    this.#begun = 0; // the line that was cut off stands whole in the new file
  }

  #fault(cause: unknown): VedetteError {
    return new VedetteError(UNWRITABLE, { path: this.#target, reason: reasonOf(cause) }, { cause });
  }
}

/** A file by its path and what it was like. */
interface Place {
  readonly path: string;
  readonly status: BigIntStats;
}

/** Where the path leads; null: nowhere that has a path. */
function placeOf(target: string): Place | null {
  try {
    const path = realpathSync(target);
    return { path, status: lstatSync(path, { bigint: true }) };
  } catch {
    return null;
  }
}

/** A file that was not there, or a plain one of that owner; null: something else has the name. */
function newOrOf(path: string, uid: bigint | undefined): Stream | null {
  try {
    return Stream.file(path, "new");
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  }
  try {
    const there = Stream.file(path, "there");
    if (there.file !== null && there.file.uid === uid) return there;
    there.close();
  } catch {} // a link, a pipe, or a file that we may not write to
  return null;
}

/** What stands at the path itself, which may be a link; undefined: nothing that can be looked at. */
function named(path: string): BigIntStats | undefined {
  try {
    return lstatSync(path, NOW);
  } catch {
    return undefined;
  }
}

const isSame = (one: BigIntStats | null, other: BigIntStats): boolean =>
  one?.ino === other.ino && one.dev === other.dev;

/** Of one kind and owner, and the same one or a named pipe. The number alone may be another file's by now. */
function isSuccessor(before: BigIntStats | undefined, now: BigIntStats | null): boolean {
  if (before === undefined || now === null || before.uid !== now.uid) return false;
  if (((before.mode ^ now.mode) & KIND) !== 0n) return false;
  return now.isFIFO() || isSame(before, now);
}

/** Where each line ends, its line feed included. */
function endsOf(lines: readonly string[]): number[] {
  let end = 0;
  return lines.map((line) => {
    end += Buffer.byteLength(line) + 1;
    return end;
  });
}

/** As many whole lines as go into `chunk` bytes; a longer one by itself, which the kernel may cut. */
function pieceEnd(at: number, line: number, ends: readonly number[], chunk: number): number {
  let end = ends[line] as number;
  for (let i = line + 1; i < ends.length && (ends[i] as number) - at <= chunk; i++) end = ends[i] as number;
  return end;
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | null)?.code;
}
