// SPDX-License-Identifier: Apache-2.0
// Where lines go: a standard stream or a file. Written with write(2) itself, whole lines at a time.
// process.stdout and process.stderr are never touched: opening one makes the pipe behind it non-blocking, and
// that pipe is the workload's too. A reader that went away (EPIPE) ends the writing, never the workload; so
// does a full disk, but that is told. Into a pipe at most PIPE_BUF bytes go at once, which pipe(7) keeps
// together: the workload may be writing to the same one.
import { closeSync, fstatSync, openSync, writeSync } from "node:fs";
import { type ErrorCode, VedetteError } from "../errors.js";
import { reasonOf } from "../reason.js";
import { clearProgress } from "./progress.js";

const PIPE_BUF = 4096;
const CHUNK = 64 << 10;
const AGAIN_MS = 1;
const LINE_FEED = 0x0a;

/** Writes lines to a descriptor and waits for whoever reads. `isOurs`: close() closes the descriptor. */
export class Sink {
  readonly #fd: number;
  readonly #chunk: number;
  readonly #isOurs: boolean;
  #lines: string[] = [];
  #size = 0;
  readonly #onFault: (cause: unknown) => void;
  #isBroken = false;
  /** Broken, and not because nobody wants more. */
  #isMissed = false;
  #lost = 0;

  /** `onFault` is told once why nothing can be written any more, unless whoever read is gone. */
  constructor(fd: number, isOurs = false, onFault: (cause: unknown) => void = () => undefined) {
    this.#fd = fd;
    this.#isOurs = isOurs;
    this.#onFault = onFault;
    this.#chunk = isPipe(fd) ? PIPE_BUF : CHUNK;
  }

  /** `line` without its line feed. Nothing is on its way before flush(), or before a chunk is full. */
  line(line: string): void {
    if (this.#isBroken) {
      this.#lost++;
      return;
    }
    if (this.#size > 0 && this.#size + line.length >= this.#chunk) this.flush();
    this.#lines.push(line, "\n");
    this.#size += line.length + 1;
  }

  flush(): void {
    if (this.#size === 0) return;
    const bytes = Buffer.from(this.#lines.join(""));
    this.#lines = [];
    this.#size = 0;
    this.#write(bytes);
  }

  close(): void {
    this.flush();
    if (this.#isOurs) closeSync(this.#fd);
  }

  /** Nothing can be written any more; what was since is lost. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Lines that somebody waited for and did not get. */
  get lost(): number {
    return this.#isMissed ? this.#lost : 0;
  }

  #write(bytes: Buffer): void {
    clearProgress();
    for (let at = 0; at < bytes.length && !this.#isBroken; ) {
      try {
        at += writeSync(this.#fd, bytes, at);
      } catch (error) {
        // Somebody else made the pipe non-blocking: wait as write(2) would have.
        if ((error as NodeJS.ErrnoException).code === "EAGAIN") pause(AGAIN_MS);
        else this.#break(error, bytes.subarray(at));
      }
    }
  }

  #break(cause: unknown, rest: Buffer): void {
    this.#isBroken = true;
    this.#lost = rest.reduce((lines, byte) => lines + Number(byte === LINE_FEED), 0);
    if ((cause as NodeJS.ErrnoException).code === "EPIPE") return;
    this.#isMissed = true;
    this.#onFault(cause);
  }
}

/**
 * `stderr`, `stdout`, or a file: `a` to append, `w` to begin anew. Payloads may hold secrets: the file is its
 * owner's alone. Throws `code` where it cannot be opened; `onFault` gets the same where it cannot be written
 * later.
 */
export function openSink(
  target: string,
  flag: "a" | "w",
  code: ErrorCode,
  onFault: (error: VedetteError) => void,
): Sink {
  const fault = (cause: unknown) => new VedetteError(code, { path: target, reason: reasonOf(cause) }, { cause });
  const tell = (cause: unknown): void => onFault(fault(cause));
  if (target === "stderr") return new Sink(2, false, tell);
  if (target === "stdout") return new Sink(1, false, tell);
  try {
    return new Sink(openSync(target, flag, 0o600), true, tell);
  } catch (cause) {
    throw fault(cause);
  }
}

function isPipe(fd: number): boolean {
  try {
    const status = fstatSync(fd);
    return status.isFIFO() || status.isSocket();
  } catch {
    return false; // closed: the first write says so
  }
}

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
