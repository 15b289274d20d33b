// SPDX-License-Identifier: Apache-2.0
// `vedette fleet sensors`: which sensors beat on the bus, and which tasks have none.
import { VedetteError } from "../errors.js";
import { NatsBus } from "../fleet/nats-bus.js";
import { type Expected, expectedIn, type Roll, readRoll, type SensorSeen, type SensorState } from "../fleet/roll.js";
import { parseNatsUrl } from "../output/nats-url.js";
import { visible } from "../output/visible.js";
import { readGivenFile } from "../plain-file.js";
import { reasonOf } from "../reason.js";
import { warn } from "./failure.js";
import { counted, print, printJson } from "./print.js";

/** The command's flags, as they were typed. */
export interface SensorsFlags {
  readonly bus: string;
  readonly busCreds?: string;
  readonly busCa?: string;
  readonly expect?: string;
  readonly json?: boolean;
}

const COMMAND = "fleet sensors";
const ANSWER_MS = 60_000;
const FILE_BYTES_MAX = 32 << 20;
const CELL_MAX = 48;
const HEADS = ["tenant", "task", "state", "age", "version", "agents", "policies", "events", "lost", "unsent"];
/** Columns of texts; the others are numbers. */
const TEXTS = 5;
const AHEAD_S = 30;
const STATES: readonly SensorState[] = ["live", "unwell", "silent", "ended", "missing"];

/**
 * Gives 1 where a sensor is silent or unwell, or an expected task has none that is live. Throws
 * VEDETTE_USAGE, VEDETTE_BUS_AWAY, VEDETTE_NATS_CREDENTIALS, and what opens a PEM file.
 */
export async function sensors({ bus: url, busCreds, busCa, expect, json }: SensorsFlags): Promise<number> {
  if (parseNatsUrl(url) === null) throw usage("--bus must be nats://HOST[:PORT] or tls://HOST[:PORT].");
  const expected = expect === undefined ? [] : expectedAt(expect);
  const bus = new NatsBus({ url, ...(busCreds && { creds: busCreds }), ...(busCa && { ca: busCa }) });
  const roll = await rollOf(bus, expected, url);
  const seen = roll.sensors(Date.now());
  for (const [why, subject] of roll.reasons) warn(`vedette: a beat is refused: ${subject}: ${why}`);
  const { refused, unlisted } = roll;
  if (json === true) printJson({ sensors: seen, refused, unlisted });
  else print([...table(seen), summary(seen, roll)]);
  return roll.unwell(seen).length > 0 ? 1 : 0;
}

async function rollOf(bus: NatsBus, expected: readonly Expected[], url: string): Promise<Roll> {
  const away = (reason: string, cause?: unknown) => new VedetteError("VEDETTE_BUS_AWAY", { url, reason }, { cause });
  const signal = AbortSignal.timeout(ANSWER_MS);
  try {
    const roll = await readRoll(bus, expected, signal);
    if (signal.aborted) throw new Error(`it did not tell all within ${ANSWER_MS / 1000} s`);
    return roll;
  } catch (error) {
    throw away(reasonOf(error), error);
  } finally {
    await bus.close();
  }
}

function expectedAt(path: string): Expected[] {
  try {
    return expectedIn(readGivenFile(path, { most: FILE_BYTES_MAX }).toString());
  } catch (error) {
    throw usage(`--expect: ${path}: ${reasonOf(error)}.`);
  }
}

function table(seen: readonly SensorSeen[]): string[] {
  const rows = [HEADS, ...seen.map(cellsOf)];
  const widths = HEADS.map((_, at) => rows.reduce((most, row) => Math.max(most, row[at]?.length ?? 0), 0));
  return rows.flatMap((row, at) => {
    const cells = row.map((cell, k) => (k < TEXTS ? cell.padEnd(widths[k] ?? 0) : cell.padStart(widths[k] ?? 0)));
    return [cells.join("  ").trimEnd(), ...(at === 0 ? [] : notesOf(seen[at - 1] as SensorSeen))];
  });
}

function cellsOf({ tenant, task, state, age, beat }: SensorSeen): string[] {
  const names = [cell(tenant ?? "*"), cell(task.replace(/^arn:[^/]*:task\//, "")), state];
  if (beat === null) return [...names, ...Array<string>(HEADS.length - names.length).fill("-")];
  const { agents, policies, unlisted, counters } = beat;
  const judging = policies.filter((one) => one.state === "judging").length;
  const all = policies.length + unlisted;
  return [
    ...[...names, `${age} s`, cell(beat.version), String(agents.count)],
    ...[judging === policies.length ? String(all) : `${judging}/${all}`, String(counters.events)],
    ...[String(counters.lost + counters.forwardLost), String(counters.unsent)],
  ];
}

function notesOf({ ahead, beat }: SensorSeen): string[] {
  const notes = [];
  if (beat?.problem != null) notes.push(beat.problem);
  if (ahead !== null && Math.abs(ahead) > AHEAD_S)
    notes.push(`its clock is ${Math.abs(ahead)} s ${ahead > 0 ? "ahead of" : "behind"} the bus's`);
  return notes.map((note) => `  ${visible(note)}`);
}

function summary(seen: readonly SensorSeen[], { refused, unlisted }: Roll): string {
  const counts = STATES.map((state) => [state, seen.filter((one) => one.state === state).length] as const);
  const said = counts.filter(([state, count]) => count > 0 || state === "live").map(([state, n]) => `${n} ${state}`);
  const more = [
    ...(refused > 0 ? [`${counted(refused, "beat")} refused`] : []),
    ...(unlisted > 0 ? [`${counted(unlisted, "sensor")} not listed`] : []),
  ];
  return [...said, ...more].join(", ");
}

/** What somebody named, so that it moves no terminal and no column. */
function cell(text: string): string {
  const shown = text === "" ? "-" : visible(text);
  return shown.length <= CELL_MAX ? shown : `${shown.slice(0, CELL_MAX - 3)}...`;
}

function usage(problem: string): VedetteError {
  return new VedetteError("VEDETTE_USAGE", { command: COMMAND, problem });
}
