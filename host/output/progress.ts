// SPDX-License-Identifier: Apache-2.0
// What a person at a terminal sees of something that takes longer than two seconds: one line on stderr, which
// is drawn over itself and goes away at the end. Whoever writes to a terminal calls clearProgress() before:
//
//   vedette: replaying work.rec: 1,234,567 events, 12 s
//
// Nothing is drawn off a terminal or under --quiet. Only the thread that draws may write meanwhile.
import { writeSync } from "node:fs";
import { isatty } from "node:tty";

const STDERR = 2;
const AFTER_MS = 2_000;
const EVERY_MS = 250;
const CLEAR = "\r\x1b[K";

let isOff = false;
let isDrawn = false;

/** `--quiet`: from here on nothing is drawn. */
export function hideProgress(): void {
  isOff = true;
}

/** Takes the line away, if there is one. */
export function clearProgress(): void {
  if (isDrawn) draw("");
}

/** One thing that is under way. close() it on every way out. */
export class Progress {
  readonly #what: string;
  readonly #unit: string | null;
  readonly #begun = performance.now();
  readonly #timer: NodeJS.Timeout | null = null;
  #drawn = this.#begun + AFTER_MS - EVERY_MS;
  #count = 0;
  #line = "";

  /** `what`: "replaying work.rec". `unit`: what add() counts, in the plural; null: nothing is counted. */
  constructor(what: string, unit: string | null = null) {
    this.#what = what;
    this.#unit = unit;
    if (isOff || !isatty(STDERR)) return;
    this.#timer = setInterval(() => this.#look(), EVERY_MS);
    this.#timer.unref();
  }

  /** So many more. It draws too: a loop that never waits lets no timer run. */
  add(count: number): void {
    this.#count += count;
    if (this.#timer !== null) this.#look();
  }

  /** What was counted. */
  get count(): number {
    return this.#count;
  }

  close(): void {
    if (this.#timer === null) return;
    clearInterval(this.#timer);
    clearProgress();
  }

  #look(): void {
    const now = performance.now();
    if (now - this.#drawn < EVERY_MS) return;
    this.#drawn = now;
    const seconds = `${Math.floor((now - this.#begun) / 1000)} s`;
    const count = this.#unit === null ? "" : `${this.#count.toLocaleString("en")} ${this.#unit}, `;
    const line = `vedette: ${this.#what}: ${count}${seconds}`;
    if (line !== this.#line || !isDrawn) draw(line);
    this.#line = line;
  }
}

/** Does the work, and shows that it is under way. */
export async function whileShowing<T>(what: string, work: () => Promise<T>): Promise<T> {
  const progress = new Progress(what);
  try {
    return await work();
  } finally {
    progress.close();
  }
}

/** A terminal that went away, or takes nothing now, misses nothing. */
function draw(line: string): void {
  isDrawn = line !== "";
  try {
    writeSync(STDERR, `${CLEAR}${line}`);
  } catch {}
}
