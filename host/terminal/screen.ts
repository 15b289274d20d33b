// SPDX-License-Identifier: Apache-2.0
// The terminal as a screen: the alternate one, so that what stood there before comes back; lines that
// changed, and no others; each frame between the marks of a synchronized update, so that a terminal that
// knows them shows no half of one. Nothing is wrapped, whatever width a terminal gives a character. A
// terminal that does not read (Ctrl-S, a slow line) is not waited for: frames are left out until it does.
import { writeSync } from "node:fs";
import { Stream } from "../output/stream.js";

const ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l";
/** What leave() writes, and what is written for whoever was killed. */
export const LEAVE = "\x1b[0m\x1b[?2026l\x1b[?7h\x1b[?25h\x1b[?1049l";
const [BEGIN, END] = ["\x1b[?2026h", "\x1b[?2026l"];
const AGAIN_MS = 20;

/** Draws lines on the terminal behind a descriptor. */
export class Screen {
  readonly #fd: number;
  readonly #stream: Stream;
  #shown: readonly string[] = [];
  /** What the terminal did not take yet. */
  #rest: Uint8Array = new Uint8Array();
  #timer: NodeJS.Timeout | null = null;
  #isEntered = false;

  constructor(fd: number) {
    this.#fd = fd;
    this.#stream = Stream.standard(fd);
  }

  /** Whether a frame is still on its way: another one would have to wait. */
  get isBusy(): boolean {
    return this.#rest.length > 0;
  }

  enter(): void {
    this.#isEntered = true;
    this.#write(ENTER);
    this.clear();
  }

  /** The next frame is drawn whole: the terminal has another size, or others wrote there. */
  clear(): void {
    this.#shown = [];
  }

  draw(lines: readonly string[]): void {
    if (!this.#isEntered) return; // stopped: the terminal is somebody else's
    const isWhole = this.#shown.length !== lines.length;
    const changed = lines.flatMap((line, i) =>
      isWhole || line !== this.#shown[i] ? [`\x1b[${i + 1};1H\x1b[0m\x1b[K${line}\x1b[0m`] : [],
    );
    this.#shown = lines;
    if (changed.length > 0) this.#write(`${BEGIN}${isWhole ? "\x1b[0m\x1b[2J" : ""}${changed.join("")}${END}`);
  }

  /** Gives the terminal back. It waits for it, and may be called at the end of the process. */
  leave(): void {
    if (!this.#isEntered) return;
    this.#isEntered = false;
    clearTimeout(this.#timer ?? undefined);
    this.#rest = new Uint8Array();
    try {
      writeSync(this.#fd, LEAVE);
    } catch {
      // The terminal is gone, and nothing on it needs to be put right.
    }
  }

  close(): void {
    this.leave();
    this.#stream.close();
  }

  #write(text: string): void {
    this.#rest = Buffer.concat([this.#rest, Buffer.from(text)]);
    this.#flush();
  }

  #flush(): void {
    this.#timer = null;
    try {
      while (this.#rest.length > 0) {
        const taken = this.#stream.writeNow(this.#rest);
        if (taken === 0) break;
        this.#rest = this.#rest.subarray(taken);
      }
    } catch {
      this.#rest = new Uint8Array(); // whoever holds the terminal's other end is gone: SIGHUP says so
    }
    if (this.#rest.length > 0) this.#timer = setTimeout(() => this.#flush(), AGAIN_MS).unref();
  }
}
