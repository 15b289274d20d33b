// SPDX-License-Identifier: Apache-2.0
// How a command ends after an error: it prints one sentence with the error's code, below it what to do, and
// exits with the status of the catalogue. It prints a stack trace only for an error that is no VedetteError:
// such an error is a fault of ours, and the user should report it.
import { isatty } from "node:tty";
import type { Ending } from "../capture/session.js";
import { explain, VedetteError } from "../errors.js";
import { type Level, type LogFormat, logLine } from "../log.js";
import type { LogSocket } from "../output/log-socket.js";
import { hideProgress } from "../output/progress.js";
import { Sink } from "../output/sink.js";
import { lossText, totalLost } from "../output/summary.js";
import { visibleLines } from "../output/visible.js";
import { Voice } from "../output/voice.js";
import { LOST } from "./exit-statuses.js";

const OUR_FAULT = 70; // EX_SOFTWARE of sysexits.h

/** Says it on stderr; gives the exit status. */
export function report(thrown: unknown): number {
  const error = fewFiles(thrown) ?? thrown;
  say(
    error instanceof VedetteError
      ? `vedette: ${explain(error)}`
      : `vedette: this is a bug in Vedette, please report it\n${error instanceof Error ? error.stack : String(error)}`,
    "error",
  );
  return error instanceof VedetteError ? error.exit : OUR_FAULT;
}

// Whatever was being opened: it is the caller's limit.
function fewFiles(error: unknown): VedetteError | undefined {
  const { code = "", message = "" } = (error as NodeJS.ErrnoException | null) ?? {};
  const reason = code === "ERR_WORKER_INIT_FAILED" ? /\bE[MN]FILE\b/.exec(message)?.[0] : code; // Node says it so of a thread
  if (reason !== "EMFILE" && reason !== "ENFILE") return undefined;
  return new VedetteError("VEDETTE_FILES_LIMIT", { reason }, { cause: error });
}

let isLost = false;

/** Of an output that fails while the command goes on: it is said, and a status of 0 will not stay. */
export function reportLoss(error: unknown): void {
  report(error);
  noteLoss();
}

/** What was to be told was not, as was said. */
export function noteLoss(): void {
  isLost = true;
}

/** What a command ends with that `work` gives the status of. */
export async function endingOf(work: () => Promise<number>): Promise<number> {
  isLost = false;
  const status = await work();
  return status === 0 && isLost ? LOST : status;
}

let voice: Voice | null = null;
let format: LogFormat | null = null;
let isQuiet = false;
let log: LogSocket | null = null;

/** From here on each line goes there, too. */
export function logTo(socket: LogSocket): void {
  log = socket;
}

/** From here on each line has its time and level. */
export function logAs(chosen: LogFormat): void {
  format = chosen;
}

/** `--quiet`: from here on only warnings and errors are said. */
export function beQuiet(): void {
  isQuiet = true;
  hideProgress();
}

/** Whether a person who did not ask for silence reads stderr. */
export function isChatty(): boolean {
  return !isQuiet && isatty(2);
}

/** From here on nothing that is said waits for whoever reads stderr: this thread watches workers. */
export function neverWait(): void {
  if (voice !== null) return;
  voice = new Voice(2);
  process.on("beforeExit", () => voice?.finish());
}

/** A line on stderr, whoever's words stand in it. */
export function say(line: string, level: Level = "info"): void {
  sayAsIs(visibleLines(line), level);
}

/** A line that is made for a terminal: it has colours, and nobody's words that were not looked at. */
export function sayAsIs(line: string, level: Level = "info"): void {
  if (isQuiet && level === "info") return;
  log?.line(line, level);
  const whole = format === null ? line : logLine(format, line, level, new Date());
  if (voice === null) sayAndWait(whole);
  else voice.say(whole);
}

/** A line that also `--quiet` lets through. */
export function warn(line: string): void {
  say(line, "warning");
}

/** How the parts of a sensor speak. */
export const speaking = {
  say: (line: string, level?: Level): void => say(`vedette: ${line}`, level),
  onFault: (error: unknown): void => void report(error),
};

/** What a workload's end leaves to be said: what was lost, and what failed on our side. */
export function sayEnding(ending: Ending): void {
  if (totalLost(ending) > 0) warn(`vedette: ${lossText(ending)}`);
  if (ending.error !== null) report(ending.error);
}

function sayAndWait(line: string): void {
  const stderr = new Sink(2);
  stderr.line(line);
  stderr.flush();
}
