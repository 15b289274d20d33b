// SPDX-License-Identifier: Apache-2.0
// Gives alerts to a program of the operator's, a line each on its standard input: Falco's program_output. A
// shell runs it with the environment and the other standard streams of this process, once for each alert, one
// after the other, or once for all. Nothing of an alert stands in a command line. The shell is the head of a
// process group, which is killed where it takes too long, and when the output is closed.
//
//   alert - shell - line, end of input - status 0: it is there. Or: shell - line - line - ... - end of input
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { getSystemErrorName } from "node:util";
import { loadAddon } from "../capture/addon.js";
import { VedetteError } from "../errors.js";
import { reasonOf } from "../reason.js";
import type { Carrier, Sent } from "./output.js";

/** What is to be run, in the language of sh. */
export interface ProgramSettings {
  readonly program: string;
  /** One process gets all alerts; else each alert has a process of its own. */
  readonly isKept: boolean;
  /** So many alerts may wait. */
  readonly capacity: number;
}

/** In milliseconds: the longest run for one alert, and how long one may go on that gets no more. */
export interface ProgramTimes {
  readonly runMs: number;
  readonly endMs: number;
}

/** The output is not called by its command, which may hold a token. */
const NAME = "program_output";
const TIMES: ProgramTimes = { runMs: 10_000, endMs: 2_000 };
const MS_PER_S = 1_000;
const SHELL = "/bin/sh";
const GONE = "it has ended";
const UNKILLED = "it could not be killed";

/** Starts a process when there is something to tell it. `times`: for tests. */
export class ProgramCarrier implements Carrier {
  readonly #settings: ProgramSettings;
  readonly #times: ProgramTimes;
  #run: Run | null = null;
  /** Of processes that get no more. */
  readonly #leaving = new Set<Promise<void>>();

  constructor(settings: ProgramSettings, times = TIMES) {
    this.#settings = settings;
    this.#times = times;
  }

  send(lines: readonly string[], signal: AbortSignal): Promise<Sent> {
    return this.#settings.isKept ? this.#feed(lines, signal) : this.#runEach(lines, signal);
  }

  /** As Falco does at SIGUSR1: the next alert has a new process. */
  reopen(): void {
    const run = this.#run;
    if (!this.#settings.isKept || run === null) return;
    this.#run = null;
    this.#leave(run);
  }

  async close(): Promise<void> {
    if (this.#run !== null && this.#settings.isKept) this.#leave(this.#run);
    else this.#run?.kill();
    await Promise.all(this.#leaving);
  }

  async #runEach(lines: readonly string[], signal: AbortSignal): Promise<Sent> {
    for (const [taken, line] of lines.entries()) {
      if (signal.aborted) return { outcome: "again", taken, error: fault("the time is up") };
      const { runMs } = this.#times;
      const run = new Run(this.#settings.program, this.#times.endMs);
      this.#run = run;
      let isLate = false;
      const timer = setTimeout(() => {
        isLate = true;
        run.kill();
      }, runMs);
      void run.give(`${line}\n`, true);
      const why = await killedAt(signal, run, run.ended);
      clearTimeout(timer);
      this.#run = null;
      if (why === null) continue;
      const how = why === UNKILLED ? UNKILLED : "was killed";
      const reason = isLate ? `it took longer than ${runMs / MS_PER_S} s, and ${how}` : why;
      const isWanted = run.hasBegun && !signal.aborted; // else nobody has said that it is not
      return { outcome: isWanted ? "refused" : "again", taken, error: fault(reason) };
    }
    return { outcome: "done" };
  }

  async #feed(lines: readonly string[], signal: AbortSignal): Promise<Sent> {
    const { program } = this.#settings;
    const run = this.#run?.hasEnded === false ? this.#run : new Run(program, this.#times.endMs);
    this.#run = run;
    const why = await killedAt(signal, run, run.feed(`${lines.join("\n")}\n`));
    if (why === null) return { outcome: "done" };
    if (this.#run === run) this.#run = null;
    return { outcome: "again", taken: 0, error: fault(why) };
  }

  #leave(run: Run): void {
    const left = run.leave().finally(() => this.#leaving.delete(left));
    this.#leaving.add(left);
  }
}

/** The work's outcome; the run is killed if the time is up before. */
async function killedAt<T>(signal: AbortSignal, run: Run, work: Promise<T>): Promise<T> {
  const kill = (): void => run.kill();
  signal.addEventListener("abort", kill);
  try {
    return await work;
  } finally {
    signal.removeEventListener("abort", kill);
  }
}

/** One shell, and a pipe to it. */
class Run {
  #resolve: (why: string | null) => void = () => undefined;
  /** Why it did not go well; null: it did. Soon after a kill it is resolved, whatever the program does. */
  readonly ended = new Promise<string | null>((resolve) => {
    this.#resolve = resolve;
  });
  readonly #endMs: number;
  readonly #child: ChildProcess | null = null;
  readonly #input: Socket | null = null;
  #hasEnded = false;
  /** Whoever feeds it now. What batches hang on a pending promise stays there while it is pending. */
  #onEnd: ((why: string) => void) | null = null;
  #killed: NodeJS.Timeout | undefined;

  /** Never throws: what could not be started has ended. `endMs`: how long it may take to die of a kill. */
  constructor(program: string, endMs: number) {
    this.#endMs = endMs;
    const [read, write] = loadAddon().makePipe();
    if (read < 0) {
      this.#ends(getSystemErrorName(read));
      return;
    }
    this.#input = new Socket({ fd: write, readable: false, writable: true });
    this.#input.on("error", () => undefined); // it reads no more, and its status says more
    try {
      this.#child = spawn(SHELL, ["-c", program], { stdio: [read, "inherit", "inherit"], detached: true });
      this.#watch(this.#child);
    } catch (cause) {
      this.#ends(reasonOf(cause));
    } finally {
      closeSync(read);
    }
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  get hasBegun(): boolean {
    return this.#child?.pid !== undefined;
  }

  /** Resolves when the pipe has it, or with why not. `isAll`: nothing more comes. */
  give(text: string, isAll: boolean): Promise<unknown> {
    return new Promise((resolve) => {
      if (this.#input === null) return resolve("there is no pipe");
      this.#input.write(text, (error) => resolve(error ?? null));
      if (isAll) this.#input.end();
    });
  }

  /** One batch at a time: resolves with null when the pipe has it, else with why the run has ended. */
  feed(text: string): Promise<string | null> {
    return new Promise((resolve) => {
      const settle = (why: string | null): void => {
        this.#onEnd = null;
        resolve(why);
      };
      if (this.#hasEnded) return void this.ended.then((why) => settle(why ?? GONE));
      this.#onEnd = settle;
      void this.give(text, false).then((error) => {
        if (error === null) settle(null);
        else this.kill(); // it may go on, and read nothing
      });
    });
  }

  /** It gets no more, and has some time for what it has. */
  async leave(): Promise<void> {
    this.#input?.end();
    await Promise.race([this.ended, sleep(this.#endMs, undefined, { ref: false })]);
    this.kill();
    await this.ended;
  }

  /**
   * With all that it has started. One that has ended is left alone: its number may be another's. One that
   * goes on is left to itself after endMs: it may be another user's by now (EPERM), or hang in the kernel.
   */
  kill(): void {
    this.#input?.destroy();
    const child = this.#child;
    if (child?.pid === undefined || this.#hasEnded) return;
    this.#killed ??= setTimeout(() => {
      child.unref();
      this.#ends(UNKILLED);
    }, this.#endMs);
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // it has just ended, or may not be killed
    }
  }

  #watch(child: ChildProcess): void {
    child.once("error", (cause) => this.#ends(reasonOf(cause)));
    child.once("exit", (status, signal) => {
      if (signal !== null) this.#ends(`it was ended by ${signal}`);
      else this.#ends(status === 0 ? null : `it ended with status ${status}`);
    });
  }

  #ends(why: string | null): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    clearTimeout(this.#killed);
    this.#input?.destroy();
    this.#resolve(why);
    this.#onEnd?.(why ?? GONE);
  }
}

function fault(cause: unknown): VedetteError {
  return new VedetteError("VEDETTE_PROGRAM_OUTPUT", { output: NAME, reason: String(cause) });
}
