// SPDX-License-Identifier: Apache-2.0
// One line of a log about something that takes longer than two seconds. At a terminal, a line of progress
// stands for it (host/output/progress.ts).
import { isatty } from "node:tty";
import { say } from "./failure.js";

const AFTER_MS = 2_000;
const STDERR = 2;

/** For tests: how soon it is said, where to, and whether there is progress beside it. */
interface DelayOptions {
  readonly isTerminal?: boolean;
  readonly afterMs?: number;
  readonly tell?: (line: string) => void;
}

/** Says once what is under way, if it is not over soon. end() it on every way out. */
export class Delay {
  readonly #what: string;
  readonly #isTerminal: boolean;
  readonly #afterMs: number;
  readonly #tell: (line: string) => void;
  #hasBegun = false;
  #timer: NodeJS.Timeout | null = null;

  /** `what`: "compiling policies". */
  constructor(what: string, { isTerminal = isatty(STDERR), afterMs = AFTER_MS, tell = say }: DelayOptions = {}) {
    this.#what = what;
    this.#isTerminal = isTerminal;
    this.#afterMs = afterMs;
    this.#tell = tell;
  }

  /** From here on it takes time; only the first call counts. */
  begin(): void {
    if (this.#hasBegun || this.#isTerminal) return;
    this.#hasBegun = true;
    this.#timer = setTimeout(() => this.#tell(`vedette: ${this.#what}`), this.#afterMs);
    this.#timer.unref();
  }

  end(): void {
    this.#hasBegun = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }
}
