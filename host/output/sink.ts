// SPDX-License-Identifier: Apache-2.0
// Where lines go: a standard stream or a file. Written with write(2) itself, whole lines at a time. process.stdout and
// process.stderr are never touched: opening one makes the pipe behind it non-blocking, and that pipe is the workload's too. A
// reader that went away (EPIPE) ends the writing, never the workload. Into a pipe at most PIPE_BUF bytes go at once, which
// pipe(7) keeps together: the workload may be writing to the same one.
import { closeSync, fstatSync, openSync, writeSync } from "node:fs";
import { type ErrorCode, VedetteError } from "../errors.js";
import { reasonOf } from "../reason.js";

const PIPE_BUF = 4096;
const CHUNK = 64 << 10;
const AGAIN_MS = 1;

export class Sink {
  readonly #fd: number;
  readonly #chunk: number;
  readonly #isOurs: boolean;
  #lines: string[] = [];
  #size = 0;
  #isBroken = false;

  constructor(fd: number, isOurs = false) {
    this.#fd = fd;
    this.#isOurs = isOurs;
    this.#chunk = isPipe(fd) ? PIPE_BUF : CHUNK;
  }

  /** `line` without its line feed. Nothing is on its way before flush(), or before a chunk is full. */
  line(line: string): void {
    if (this.#isBroken) return;
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

  /** Whoever read this is gone; what was written since is lost. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  #write(bytes: Buffer): void {
    for (let at = 0; at < bytes.length && !this.#isBroken; ) {
      try {
        at += writeSync(this.#fd, bytes, at);
      } catch (error) {
        // Somebody else made the pipe non-blocking: wait as write(2) would have.
        if ((error as NodeJS.ErrnoException).code === "EAGAIN") pause(AGAIN_MS);
        else this.#isBroken = true;
      }
    }
  }
}

/** `stderr`, `stdout`, or a file: `a` to append, `w` to begin anew. Payloads may hold secrets: the file is its owner's alone. */
export function openSink(target: string, flag: "a" | "w", code: ErrorCode): Sink {
  if (target === "stderr") return new Sink(2);
  if (target === "stdout") return new Sink(1);
  try {
    return new Sink(openSync(target, flag, 0o600), true);
  } catch (cause) {
    throw new VedetteError(code, { path: target, reason: reasonOf(cause) }, { cause });
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
