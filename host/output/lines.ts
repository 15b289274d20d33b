// SPDX-License-Identifier: Apache-2.0
// Carries alerts as lines to a file, stdout or stderr: two rows of registry.ts. A line that was cut off by a
// full disk or a pipe without room goes on where it stopped, so that lines stay whole. SIGHUP opens a file's
// name again: after logrotate has renamed the old one, the next line stands in the new one. A file that has a
// bound is renamed by ourselves (rotation.ts), between two lines.
import { type ErrorCode, VedetteError } from "../errors.js";
import { reasonOf } from "../reason.js";
import type { Carrier, Sent } from "./output.js";
import { clearProgress } from "./progress.js";
import { type FileBound, rotate } from "./rotation.js";
import { Stream } from "./stream.js";

const UNWRITABLE: ErrorCode = "VEDETTE_SINK_UNWRITABLE";
const STANDARD: Readonly<Record<string, number | undefined>> = { stdout: 1, stderr: 2 };

/** Whether alerts to `target` go to a standard stream. */
export const isStandard = (target: string): boolean => STANDARD[target] !== undefined;

/** Appends lines to `target`. start() throws where a file cannot be opened. */
export class LineCarrier implements Carrier {
  readonly #target: string;
  readonly #fd: number | null;
  readonly #bound: FileBound | null;
  #stream: Stream | null = null;
  /** Of the file, bytes. */
  #size = 0;
  /** Bytes of the first line that are written already. */
  #begun = 0;
  #isWriting = false;
  #isToReopen = false;

  /** `stdout`, `stderr`, or a file's path. `bound`: of a plain file; null: it grows. */
  constructor(target: string, bound: FileBound | null = null) {
    this.#target = target;
    this.#bound = bound;
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
    if (!this.#isToReopen) return sent;
    try {
      this.#reopen();
      return sent;
    } catch (error) {
      if (!(error instanceof VedetteError)) throw error;
      return { outcome: "again", taken: sent.outcome === "done" ? lines.length : sent.taken, error };
    }
  }

  reopen(): void {
    if (this.#fd !== null) return;
    if (this.#isWriting) this.#isToReopen = true;
    else this.#reopen();
  }

  close(): void {
    if (!this.#isWriting) this.#stream?.close(); // else the disk hangs, and the kernel closes it with us
    this.#stream = null;
  }

  async #send(lines: readonly string[]): Promise<Sent> {
    const bytes = Buffer.from(`${lines.join("\n")}\n`);
    const ends = endsOf(lines);
    let at = this.#begun;
    let taken = 0;
    const settle = (): number => {
      while (taken < ends.length && (ends[taken] as number) <= at) taken++;
      this.#begun = at - (ends[taken - 1] ?? 0);
      return taken;
    };
    try {
      if (this.#stream === null) this.#open();
      if (this.#isFull(bytes.length)) this.#rotate();
      const stream = this.#stream ?? this.#open();
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
    if (isGone) {
      // A named pipe: whoever reads next begins with a whole line.
      this.#stream?.close();
      this.#stream = null;
      this.#begun = 0;
    }
    return { outcome: "again", taken, error: this.#fault(cause) };
  }

  #open(): Stream {
    this.#stream = this.#fd === null ? Stream.file(this.#target) : Stream.standard(this.#fd);
    this.#size = this.#stream.size ?? 0;
    return this.#stream;
  }

  /** Whether these bytes belong into the next file. A line that was begun ends where it began. */
  #isFull(bytes: number): boolean {
    if (this.#bound === null || this.#begun > 0 || (this.#stream?.size ?? null) === null) return false;
    return this.#size > 0 && this.#size + bytes > this.#bound.bytes;
  }

  /** Where that cannot be, it is told, and as much again goes into the same file: no alert is dropped. */
  #rotate(): void {
    try {
      rotate(this.#target, this.#bound?.keep ?? 1);
    } catch (error) {
      this.#size = 0;
      throw error;
    }
    this.#stream?.close();
    this.#stream = null;
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
