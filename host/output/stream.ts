// SPDX-License-Identifier: Apache-2.0
// A descriptor that is written to without ever waiting for whoever reads. A standard stream may be shared
// with the workload, so its own flags stay as they are: O_NONBLOCK belongs to the open file description, and
// would be the workload's too (open(2), fcntl(2)). What stands behind it decides how:
//
//   a pipe or a terminal   opened once more by /proc/self/fd/N, with O_NONBLOCK: the same pipe, a description
// of our own   a plain file           through libuv's threads: a slow disk holds up one of those   anything
// else          the addon's writeNow(): poll(2) and at most PIPE_BUF bytes, or MSG_DONTWAIT to a socket
import {
  type BigIntStats,
  closeSync,
  constants,
  fstat,
  fstatSync,
  openSync,
  type Stats,
  write,
  writeSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { getSystemErrorName, promisify } from "node:util";
import { loadAddon } from "../capture/addon.js";

/** At most so many bytes into a pipe stay together (pipe(7)). */
const PIPE_BUF = 4096;
const CHUNK = 64 << 10;
const { O_APPEND, O_CREAT, O_EXCL, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = constants;
/** A file by the operator's word; only one that is there; only one that was not. The first follows links. */
const OPENINGS = { asked: O_CREAT, there: O_NOFOLLOW, new: O_CREAT | O_EXCL };
const LINE_FEED = 10;
const LOOKS_MAX = 4;
const fstatOf = promisify(fstat);
/** Payloads may hold secrets: the file is its owner's alone. */
const OWNER_ONLY = 0o600;

type Way = "own" | "file" | "shared";

/**
 * A descriptor and the way to write to it without waiting. Make one with Stream.standard() or Stream.file().
 */
export class Stream {
  readonly #fd: number;
  readonly #way: Way;
  readonly #isOurs: boolean;
  /** Whole lines up to so many bytes are to be written at once. */
  readonly chunk: number;
  /** What stood at the path when it was opened. Null: it was not opened by a path. */
  readonly status: BigIntStats | null;

  private constructor(fd: number, way: Way, isOurs: boolean, isPipe: boolean, status: BigIntStats | null = null) {
    this.#fd = fd;
    this.#way = way;
    this.#isOurs = isOurs;
    this.status = status;
    this.chunk = isPipe || way === "shared" ? PIPE_BUF : CHUNK;
  }

  /** Of a standard stream; an error of the system where nobody reads (ENXIO) or it is closed (EBADF). */
  static standard(fd: number): Stream {
    const status = fstatSync(fd);
    if (status.isFile()) return new Stream(fd, "file", false, false);
    const own = status.isSocket() ? null : ownDescription(fd);
    if (own !== null) return new Stream(own, "own", true, isPipe(status));
    return new Stream(fd, "shared", false, true);
  }

  /** The same, where it is a plain file. */
  get file(): BigIntStats | null {
    return this.status?.isFile() === true ? this.status : null;
  }

  /**
   * Of a file, to append to. ENXIO: a named pipe that nobody reads. ELOOP: the path is a link, and none is to
   * be followed. EEXIST: it is not new.
   */
  static file(path: string, opening: keyof typeof OPENINGS = "asked"): Stream {
    const fd = openSync(path, O_APPEND | O_NOCTTY | O_NONBLOCK | O_WRONLY | OPENINGS[opening], OWNER_ONLY);
    const status = fstatSync(fd, { bigint: true });
    if (status.isFile()) return new Stream(fd, "file", true, false, status);
    return new Stream(fd, "own", true, isPipe(status), status);
  }

  /** Of a plain file: its bytes now. */
  async size(): Promise<number> {
    return (await fstatOf(this.#fd)).size;
  }

  /**
   * Whether it is a plain file that ends within a line. What others just write is there in parts for a
   * moment, so it is looked at more than once. Nobody knows that of a file that we may not read.
   */
  async endsInLine(): Promise<boolean> {
    const file = this.file === null ? null : await open(`/proc/self/fd/${this.#fd}`).catch(() => null);
    if (file === null) return false;
    try {
      for (let look = 0, seen = 0; look < LOOKS_MAX; look++) {
        const { size } = await file.stat();
        if (size === 0 || size === seen) return size > 0;
        const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
        if (buffer[0] === LINE_FEED) return false;
        seen = size;
      }
      return true;
    } finally {
      await file.close();
    }
  }

  /** Gives how many bytes were taken; 0: none now. Throws the system's error. */
  write(bytes: Uint8Array): Promise<number> | number {
    if (this.#way !== "file") return this.writeNow(bytes);
    return new Promise((resolve, reject) => {
      write(this.#fd, bytes, 0, bytes.length, null, (error, count) =>
        error === null ? resolve(count) : reject(error),
      );
    });
  }

  /** The same without a thread's help: a plain file's disk may be waited for. */
  writeNow(bytes: Uint8Array): number {
    if (this.#way === "shared") return writtenBy(loadAddon().writeNow(this.#fd, bytes.subarray(0, PIPE_BUF)));
    try {
      return writeSync(this.#fd, bytes);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EAGAIN") return 0;
      throw error;
    }
  }

  close(): void {
    if (this.#isOurs) closeSync(this.#fd);
  }
}

/** Null where it cannot be opened again: it belongs to another user, or there is no /proc. */
function ownDescription(fd: number): number | null {
  try {
    return openSync(`/proc/self/fd/${fd}`, O_NOCTTY | O_NONBLOCK | O_WRONLY);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENXIO") throw error;
    return null;
  }
}

function isPipe(status: Stats | BigIntStats): boolean {
  return status.isFIFO() || status.isSocket();
}

/** A count, or an errno below zero; EAGAIN is told as 0. */
function writtenBy(result: number): number {
  if (result >= 0) return result;
  const code = getSystemErrorName(result);
  throw Object.assign(new Error(`write ${code}`), { errno: result, code });
}
