// SPDX-License-Identifier: Apache-2.0
//
// Runs programs under `vedette run` with rows of a policy's `prevent:`, and the race harness
// (test/fixtures/prevent_race.c); used by prevent.test.ts and by bench/prevent.ts.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Packr } from "msgpackr";
import { stringify } from "yaml";
import { ACTIONS, DENIES, MODES, type PreventRow } from "../../host/engine/prevent-row.js";
import type { WireRow } from "../../host/engine/prevention.js";
import { buildFixture } from "./fixtures.js";
import { ROOT, type Run, run, scratch, VEDETTE } from "./programs.js";

export interface Row {
  name: string;
  deny: string;
  to?: string[];
  except?: { files?: string[]; programs?: string[] };
  action?: "eperm" | "kill";
  mode?: "enforce" | "monitor";
}

export interface Alert {
  rule: string;
  priority: string;
  output: string;
  output_fields: Record<string, unknown>;
}

export interface Options {
  cwd?: string;
  flags?: string[];
  limitMs?: number;
}

export const ALLOWED = "127.0.0.1";
export const DENIED = "127.0.0.9";

/** Runs the command with one policy of these rows, which has no code. */
export async function prevented(
  rows: Row[],
  command: string[],
  { cwd = scratch(), flags = [], limitMs }: Options = {},
): Promise<{ run: Run; alerts: Alert[] }> {
  const folder = join(scratch(), "policy");
  mkdirSync(folder);
  writeFileSync(join(folder, "policy.yaml"), stringify({ name: "rows", prevent: rows.map(withFixtures) }));
  const file = join(dirname(folder), "alerts.json");
  const argv = [...VEDETTE, "run", "--policy", folder, "--alerts", file, ...flags, "--", ...command];
  const ended = await run(argv, { cwd, ...(limitMs === undefined ? {} : { limitMs }) });
  const lines = readFileSync(file, "utf8").split("\n");
  return { run: ended, alerts: lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Alert) };
}

/** The fixtures may lie in another file system than the root's, and be newer than what an image has. */
function withFixtures(row: Row): Row {
  if (row.deny !== "exec") return row;
  return { ...row, except: { files: [`${ROOT}/build/fixtures/*`, ...(row.except?.files ?? [])] } };
}

/** A row as agents get it. */
export function wireRow(deny: PreventRow["deny"], more: Partial<PreventRow> = {}): WireRow {
  const {
    name = deny,
    action = "eperm",
    mode = "enforce",
    networks = [],
    ports = [],
    files = [],
    programs = [],
  } = more;
  const numbers = [DENIES.indexOf(deny), ACTIONS.indexOf(action), MODES.indexOf(mode)] as const;
  return ["rows", name, ...numbers, networks, ports, files, programs, [], []];
}

/** What a host says to an agent: the rows, and that it is ready. For test/lab/rows_host.c. */
export function hostWords(rows: readonly WireRow[]): Buffer {
  const packr = new Packr({ useRecords: false });
  const frames = [["prevent", 1, rows], ["ready"]].map((word) => {
    const frame = packr.pack(word);
    const head = Buffer.alloc(4);
    head.writeUInt32LE(frame.length);
    return Buffer.concat([head, frame]);
  });
  return Buffer.concat(frames);
}

export const RACES = ["connect", "socketcall", "exec", "link"] as const;
export type Race = (typeof RACES)[number];

export interface Counts {
  tries: number;
  allowed: number;
  refused: number;
  killed: number;
  through: number;
}

/** One run of the harness. `rows` none: what it does where nothing is prevented. */
export async function raceOnce(race: Race, tries: number, flags: string[] = [], limitMs = 120_000): Promise<Counts> {
  const isExec = race === "exec" || race === "link";
  const row: Row = isExec ? { name: "race", deny: "exec" } : { name: "race", deny: "connect", to: [`${DENIED}/32`] };
  const [yes, no] = isExec ? ["/bin/true", "./dropped"] : [ALLOWED, DENIED];
  const harness = [buildFixture("prevent_race"), race, String(tries), yes, no].join(" ");
  const ended = await prevented([row], ["sh", "-c", `cp /bin/false dropped; exec ${harness}`], { flags, limitMs });
  return countsIn(ended.run);
}

/** The same without Vedette: how often it gets through when nobody is in the way. */
export async function raceBare(race: Race, tries: number): Promise<Counts> {
  const isExec = race === "exec" || race === "link";
  const [yes, no] = isExec ? ["/bin/true", "/bin/false"] : [ALLOWED, DENIED];
  return countsIn(
    await run([buildFixture("prevent_race"), race, String(tries), yes as string, no as string], { cwd: scratch() }),
  );
}

function countsIn({ stdout, stderr }: Run): Counts {
  const line = /tries=.*/.exec(stdout)?.[0];
  if (line === undefined) throw new Error(`the harness said nothing: ${stdout}${stderr}`);
  return Object.fromEntries(
    line.split(" ").map((word) => [word.split("=")[0], Number(word.split("=")[1])]),
  ) as unknown as Counts;
}
