// SPDX-License-Identifier: Apache-2.0
// What the host says about itself, on stderr, while it guards: a line goes out at once where there is room,
// and waits in a small buffer where there is none. Nobody waits for whoever reads: the thread that speaks is
// the one that watches workers. What nobody takes within a second when the command ends is left unsaid.
import { clearProgress } from "./progress.js";
import { Stream } from "./stream.js";

const BUFFER_BYTES = 64 << 10;
const AGAIN_MS = 20;
/** When the command ends: so often without room, and what waits is dropped. */
const ATTEMPTS = 50;
const LINE_FEED = 0x0a;

/** Writes lines to `fd` and never blocks. It drops lines that find no room, and counts them. */
export class Voice {
  readonly #fd: number;
  #stream: Stream | null = null;
  #waiting: Buffer = Buffer.alloc(0);
  #attempts = 0;
  #timer: NodeJS.Timeout | null = null;
  #isGone = false;
  #isEnding = false;
  #unsaid = 0;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Lines that had no room. */
  get unsaid(): number {
    return this.#unsaid;
  }

  say(line: string): void {
    const bytes = Buffer.from(`${line}\n`);
    if (this.#isGone || this.#waiting.length + bytes.length > BUFFER_BYTES) this.#unsaid++;
    else {
      this.#waiting = this.#waiting.length === 0 ? bytes : Buffer.concat([this.#waiting, bytes]);
      if (this.#timer === null) this.#write();
    }
  }

  /** Nothing else is left to do: what waits has a second. */
  finish(): void {
    this.#isEnding = true;
    if (this.#waiting.length > 0) this.#later();
  }

  #write(): void {
    this.#timer = null;
    clearProgress();
    try {
      this.#stream ??= Stream.standard(this.#fd);
      while (this.#waiting.length > 0) {
        const count = this.#stream.writeNow(this.#waiting.subarray(0, this.#stream.chunk));
        if (count === 0) {
          this.#later();
          return;
        }
        this.#attempts = 0;
        this.#waiting = this.#waiting.subarray(count);
      }
    } catch {
      this.#isGone = true; // nobody reads, or it is closed: there is nowhere else to say it
      this.#drop();
    }
  }

  #later(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#isEnding && ++this.#attempts > ATTEMPTS) this.#drop();
    else {
      this.#timer = setTimeout(() => this.#write(), AGAIN_MS);
      if (!this.#isEnding) this.#timer.unref();
    }
  }

  #drop(): void {
    this.#attempts = 0;
    this.#unsaid += this.#waiting.reduce((lines, byte) => lines + Number(byte === LINE_FEED), 0);
    this.#waiting = Buffer.alloc(0);
  }
}
