// SPDX-License-Identifier: Apache-2.0
// `vedette top`: what happens, as tables at a terminal; of a running Vedette, of a command, or of a
// recording. Where standard input or output is no terminal, or is asked for one table, it prints that.
import { closeSync, existsSync, openSync } from "node:fs";
import { join } from "node:path";
import { isatty } from "node:tty";
import type { Table } from "../activity/activity.js";
import { VedetteError } from "../errors.js";
import { OwnAgent, openRecorded, type RecordedFile } from "../intake/intake.js";
import { Progress } from "../output/progress.js";
import { reasonOf } from "../reason.js";
import {
  Counting,
  isTold,
  LiveSource,
  printOnce,
  RecordedSource,
  SocketSource,
  showTop,
  TOP_VIEWS,
  type TopView,
  topViewOf,
  unjudged,
} from "../terminal/terminal.js";
import { type Batch, openChecked } from "../wire/batch.js";
import { report, sayEnding, warn } from "./failure.js";
import { print } from "./print.js";
import { agentOptions, type WorkloadOptions } from "./workload.js";

/** The command's flags, as they were typed. */
export interface TopFlags extends WorkloadOptions {
  readonly socket?: string;
  readonly view: string;
  readonly filter?: string;
  /** Seconds. */
  readonly interval: number;
  readonly once?: boolean;
  readonly json?: boolean;
}

const [STDIN, STDOUT, STDERR] = [0, 1, 2];
/** Rows of a table that is printed. */
const LIMIT = 200;
/** A workload that does not end by itself when we leave. */
const END_MS = 3_000;
/** What a shell calls the status of a program that SIGKILL ended. */
const KILLED = 128 + 9;

/** Gives the workload's status where it runs one. Throws VEDETTE_USAGE, and what opens the source throws. */
export async function top(file: string | undefined, command: readonly string[], flags: TopFlags): Promise<number> {
  const view = viewNamed(flags.view);
  const given = [file !== undefined, command.length > 0, flags.socket !== undefined].filter((is) => is).length;
  if (given !== 1)
    throw usage("Give one thing to look at: --socket PATH (of a Vedette that runs), a recording, or -- COMMAND.");
  // What is wrong with it is told before the screen is another one.
  if (flags.filter !== undefined && !isTold(view)) await Counting.of(view.id, flags.filter, true);
  if (flags.socket !== undefined) return ofSocket(flags.socket, view, flags);
  if (isOnce(flags) && isTold(view)) throw usage(`The view ${view.id} is of a Vedette that runs: give --socket PATH.`);
  return file === undefined ? ofCommand(command, view, flags) : ofRecording(file, view, flags);
}

function isOnce({ once, json }: TopFlags): boolean {
  return once === true || json === true || !isatty(STDIN) || !isatty(STDOUT) || process.env.TERM === "dumb";
}

function viewNamed(name: string): TopView {
  const view = topViewOf(name);
  if (view !== undefined) return view;
  throw usage(`There is no view ${JSON.stringify(name)}. There are ${TOP_VIEWS.map(({ id }) => id).join(", ")}.`);
}

const usage = (problem: string): VedetteError => new VedetteError("VEDETTE_USAGE", { command: "top", problem });

const shown = (view: TopView, { filter = "", interval }: TopFlags) => ({
  view,
  filter,
  intervalMs: Math.round(interval * 1_000),
});

async function ofSocket(path: string, view: TopView, flags: TopFlags): Promise<number> {
  const source = await SocketSource.open(path);
  if (!isOnce(flags)) await showTop(source, shown(view, flags));
  else printTable(view, await firstTable(source, view, flags), flags);
  return 0;
}

/** Throws VEDETTE_CONTROL_UNANSWERED. */
function firstTable(source: SocketSource, view: TopView, { filter = "", interval }: TopFlags): Promise<Table> {
  return new Promise((resolve, reject) => {
    const wanted = { view: view.id, filter, incident: null, intervalMs: Math.round(interval * 1_000), limit: LIMIT };
    const watch = source.watch(wanted, {
      onTable: (table) => {
        watch.close();
        resolve(table);
      },
      onGap: () => undefined,
      onLooked: (looked) => {
        if (looked.kind !== "failed") return;
        watch.close();
        reject(new VedetteError("VEDETTE_CONTROL_UNANSWERED", { path: source.name, reason: looked.why }));
      },
    });
  });
}

async function ofRecording(path: string, view: TopView, flags: TopFlags): Promise<number> {
  openRecorded(path); // what is no recording is told before the screen is another one
  if (!isOnce(flags)) {
    await showTop(new RecordedSource(path, () => batchesOf(path)), shown(view, flags));
    return 0;
  }
  const counting = await Counting.of(view.id, flags.filter ?? "", true);
  const file = openRecorded(path);
  const progress = new Progress(`counting ${path}`, "events");
  try {
    for await (const batch of batchesIn(file)) {
      progress.add(batch.count);
      counting.add(batch);
    }
  } finally {
    progress.close();
  }
  printTable(view, counting.table(LIMIT), flags); // of what is whole
  for (const sentence of file.missing()) warn(`vedette: ${sentence}`);
  const damage = file.damage();
  return damage === null ? 0 : report(damage);
}

/** All that is whole, and then the error where it is damaged. */
async function* batchesOf(path: string): AsyncGenerator<Batch> {
  const file = openRecorded(path);
  yield* batchesIn(file);
  const damage = file.damage();
  if (damage !== null) throw damage;
}

async function* batchesIn({ entries }: RecordedFile): AsyncGenerator<Batch> {
  for await (const entry of entries) if (entry.kind === "batch") yield entry.batch;
}

async function ofCommand(command: readonly string[], view: TopView, flags: TopFlags): Promise<number> {
  return isOnce(flags) ? countCommand(command, view, flags) : showCommand(command, view, flags);
}

async function countCommand(command: readonly string[], view: TopView, flags: TopFlags): Promise<number> {
  const counting = await Counting.of(view.id, flags.filter ?? "", true);
  const agent = new OwnAgent(0);
  const tap = agent.tap(({ bytes }) => {
    counting.add(openChecked(bytes));
    return true;
  });
  const ending = await agent.run(agentOptions(command, flags)).finally(() => agent.close());
  tap.finish();
  printTable(view, counting.table(LIMIT), flags);
  sayEnding(ending);
  return ending.status;
}

/** The terminal is ours: what the workload would read from it or write to it goes to /dev/null. */
async function showCommand(command: readonly string[], view: TopView, flags: TopFlags): Promise<number> {
  checkFound(command[0] as string);
  const first = isTold(view) ? null : await Counting.of(view.id, flags.filter ?? "", false, unjudged());
  const source = new LiveSource(command.join(" "), first);
  const agent = new OwnAgent(0);
  const tap = agent.tap(({ bytes }) => {
    source.add(openChecked(bytes));
    return true;
  });
  const nothing = openSync("/dev/null", "r+");
  const own = (fd: number): number => (isatty(fd) ? nothing : fd);
  const stdio = [own(STDIN), own(STDOUT), own(STDERR)] as const;
  let hasEnded = false;
  const running = agent.run({ ...agentOptions(command, flags), stdio }).then(
    (ending) => {
      hasEnded = true;
      tap.finish();
      source.end(`The command ended with status ${ending.status}`);
      return ending;
    },
    (error: unknown) => {
      hasEnded = true;
      source.end(`The command could not be started: ${reasonOf(error)}`);
      throw error;
    },
  );
  running.catch(() => undefined); // it is awaited once the screen is left
  closeSync(nothing);
  try {
    await showTop(source, shown(view, flags));
    if (!hasEnded) agent.signal("SIGTERM");
    let isKilled = false;
    const kill = (): void => {
      isKilled = agent.signal("SIGKILL"); // of the agent, whose end is that of all that it traces
    };
    const timer = setTimeout(kill, END_MS);
    const ending = await running.finally(() => clearTimeout(timer));
    if (isKilled && ending.error?.code === "VEDETTE_AGENT_KILLED") {
      warn(`vedette: the command did not end within ${END_MS / 1_000} s of SIGTERM, and was killed`);
      return KILLED;
    }
    sayEnding(ending);
    return ending.status;
  } finally {
    agent.close();
  }
}

/** What the agent would say of it goes to /dev/null with the rest. */
function checkFound(program: string): void {
  const folders = (process.env.PATH ?? "").split(":");
  const places = program.includes("/") ? [program] : folders.map((folder) => join(folder, program));
  if (!places.some((place) => existsSync(place)))
    throw new VedetteError("VEDETTE_COMMAND_NOT_FOUND", { path: program });
}

function printTable(view: TopView, table: Table, { json }: TopFlags): void {
  print(printOnce(view, table, json === true));
}
