// SPDX-License-Identifier: Apache-2.0
//
// Which lines of host/ tests run. V8 counts (NODE_V8_COVERAGE), and c8 maps what it counted back to our
// sources, through tsx for a test's own process and through tsc for `vedette`. Of its map only hits are used:
// it takes comments and types for covered. A line counts here when code is compiled from it (tsc's source map
// names it), and it counts for each file of host/, also one that nothing has loaded.
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import type { Job } from "./jobs.js";

/**
 * The preload of a test whose children are not measured. After tsx, which keeps sources only if it sees the
 * variable.
 */
const ALONE = ["--import", "./test/runner/alone-covered.mjs"];

/** Where V8 writes what it counts, from the project's folder. */
export const COUNTS = "build/coverage/v8";

/** Forgets what was counted before. */
export function freshCounts(): void {
  rmSync(COUNTS, { recursive: true, force: true });
  mkdirSync(COUNTS, { recursive: true });
}

/** The job with its own process counted, where it tests host/ in the plain environment; else as it is. */
export function counted(job: Job): Job {
  if (job.kind !== "uvu" || !job.path.startsWith("test/host/") || Object.keys(job.env).length > 0) return job;
  const [node, ...args] = job.command;
  const command = [node!, ...args.slice(0, -1), ...ALONE, args.at(-1)!];
  return { ...job, command, env: { NODE_V8_COVERAGE: resolve(COUNTS) } };
}

const OURS = "host/";
const COMPILED = "build/js/host";
const HEAP_MIB = 4096;

/** What of one file is run. */
export interface FileCoverage {
  path: string;
  lines: number;
  covered: number;
  /** Numbers of lines that are not run. */
  missing: number[];
}

/** What c8 writes: istanbul's map, a statement for each line. */
type Istanbul = Record<
  string,
  { statementMap: Record<string, { start: { line: number } }>; s: Record<string, number> }
>;

/** Reads what V8 wrote into `counts`; c8's own report goes to `to`. */
export async function coverageOf(root: string, counts: string, to: string): Promise<FileCoverage[]> {
  const c8 = ["node_modules/c8/bin/c8.js", "report", "--temp-directory", counts, "--reports-dir", to];
  const which = ["--include", "host/**/*.ts", "--exclude", "none", "--extension", ".ts", "--exclude-after-remap"];
  const argv = [`--max-old-space-size=${HEAP_MIB}`, ...c8, ...which, "--reporter", "json", "--merge-async"];
  await promisify(execFile)(process.execPath, argv, { cwd: root, maxBuffer: 1 << 26 });
  const istanbul = JSON.parse(readFileSync(join(to, "coverage-final.json"), "utf8")) as Istanbul;
  return compiledFiles(root).map((path) => fileCoverage(root, path, istanbul[join(root, path)]));
}

/** `81.2 % of 17,405 lines`. */
export function figure(files: readonly FileCoverage[]): string {
  const lines = files.reduce((sum, one) => sum + one.lines, 0);
  return `${shareOf(files).toFixed(1)} % of ${lines.toLocaleString("en")} lines`;
}

/** In a hundred. */
function shareOf(files: readonly FileCoverage[]): number {
  const sum = (key: "lines" | "covered"): number => files.reduce((total, one) => total + one[key], 0);
  return (100 * sum("covered")) / sum("lines");
}

/** The sides of the product that are measured. */
export type Side = "host" | "capture";

/** How many of a side's lines in a hundred are to be run, of host/ by all that is counted or by CI's part. */
export const BARS = { host: 85, counted: 85, capture: 80 } as const;

/** A side's figure as one line, and whether it reaches its bar. */
export function barred(side: Side, files: readonly FileCoverage[], bar: number): { line: string; holds: boolean } {
  const holds = shareOf(files) >= bar;
  return { line: `coverage of ${side}/: ${figure(files)} (${holds ? "met" : "NOT met"}: ${bar} %)`, holds };
}

/** Of each room, and of the files that lack most. */
export function tableOf(files: readonly FileCoverage[]): string[] {
  const roomOf = (path: string): string => path.split("/").slice(0, -1).join("/");
  const rooms = [...new Set(files.map(({ path }) => roomOf(path)))];
  const lacking = [...files].sort((a, b) => b.missing.length - a.missing.length).slice(0, 25);
  return [
    ...rooms.map((room) => `${room.padEnd(28)} ${figure(files.filter(({ path }) => roomOf(path) === room))}`),
    "",
    ...lacking.map(
      ({ path, covered, lines, missing }) => `${path.padEnd(40)} ${covered} of ${lines}; not ${spans(missing)}`,
    ),
  ];
}

function fileCoverage(root: string, path: string, seen: Istanbul[string] | undefined): FileCoverage {
  const lines = mappedLines(join(root, "build/js", path.replace(/\.ts$/, ".js.map")));
  const hit = new Set<number>();
  for (const [id, { start }] of Object.entries(seen?.statementMap ?? {}))
    if ((seen?.s[id] ?? 0) > 0) hit.add(start.line);
  const missing = lines.filter((line) => !hit.has(line));
  return { path, lines: lines.length, covered: lines.length - missing.length, missing };
}

function compiledFiles(root: string): string[] {
  return readdirSync(join(root, COMPILED), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".js.map"))
    .map((name) => `${OURS}${name.replace(/\.js\.map$/, ".ts")}`)
    .filter((path) => existsSync(join(root, path)))
    .sort();
}

/** `3-7 12`. */
function spans(lines: readonly number[]): string {
  const found: [number, number][] = [];
  for (const line of lines) {
    const last = found.at(-1);
    if (last !== undefined && last[1] + 1 === line) last[1] = line;
    else found.push([line, line]);
  }
  const shown = found.slice(0, 8).map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`));
  return shown.join(" ") + (found.length > 8 ? " ..." : "");
}

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/**
 * Lines of a source from which code was compiled. A source map's mappings are numbers in base 64, each as
 * much more than the one before it; the third of a segment is the source's line. One map, one source.
 */
export function mappedLines(map: string): number[] {
  const { mappings } = JSON.parse(readFileSync(map, "utf8")) as { mappings: string };
  const lines = new Set<number>();
  let line = 0;
  for (const segment of mappings.split(/[;,]/)) {
    line += numbersIn(segment)[2] ?? 0;
    if (segment !== "") lines.add(line + 1);
  }
  return [...lines].sort((a, b) => a - b);
}

/** Five bits a digit, the lowest first; the sixth says that more follow, and the first of all is the sign. */
function numbersIn(segment: string): number[] {
  const numbers: number[] = [];
  let [value, shift] = [0, 0];
  for (const digit of segment) {
    const bits = DIGITS.indexOf(digit);
    value |= (bits & 31) << shift;
    shift += 5;
    if ((bits & 32) !== 0) continue;
    numbers.push((value & 1) === 1 ? -(value >> 1) : value >> 1);
    [value, shift] = [0, 0];
  }
  return numbers;
}
