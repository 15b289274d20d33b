// SPDX-License-Identifier: Apache-2.0
//
// `vedette trace --json` for tests: runs a program under it and reads the events back. A trace is kept in
// build/test/ under the test's name, so that a failure can be looked into.
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, type Run, type RunOptions, run, VEDETTE } from "./programs.js";

/** Flat, by Falco's names. Numbers beyond 2^53 are strings here, so that no digit is lost. */
export type Event = Record<string, unknown>;

export interface Traced {
  run: Run;
  events: Event[];
  path: string;
}

// What a repetition of a test asks for (test/runner/jobs.ts).
const TIERS = process.env.VEDETTE_TEST_TIERS === undefined ? [] : ["--tiers", process.env.VEDETTE_TEST_TIERS];

export async function trace(
  name: string,
  argv: string[],
  options: RunOptions & { flags?: string[]; deceives?: boolean } = {},
): Promise<Traced> {
  const path = join(keptFolder(), `${name.replace(/[^\w.-]+/g, "_")}.jsonl`);
  const ended = await run(
    [...VEDETTE, ...["trace", "--json", "-o", path, ...TIERS, ...(options.flags ?? []), "--", ...argv]],
    options,
  );
  const events = readEvents(path);
  if (!options.deceives) expectTrueRecords(events);
  return { run: ended, events, path };
}

// Of a program that does not try to deceive us, the kernel counts as many bytes as we have recorded, and a
// path leads to what was opened.
function expectTrueRecords(events: Event[]): void {
  const isDoubt = (event: Event): boolean =>
    event["evt.arg.kind"] === "MISMATCH" || (event["evt.arg.kind"] === "UNCERTAIN" && event["evt.arg.value"] === "1");
  const told = events.filter(isDoubt);
  if (told.length === 0) return;
  const texts = told.map((event) => `${event["proc.cmdline"]}: ${event["evt.arg.text"]}`);
  throw new Error(`the kernel does not agree with the records:\n${texts.join("\n")}`);
}

export async function summary(
  argv: string[],
  options: RunOptions & { flags?: string[] } = {},
): Promise<{ run: Run; summary: Summary }> {
  const path = join(keptFolder(), "summary.json");
  const words = ["trace", "--summary", "--json", "-o", path, ...(options.flags ?? []), "--", ...argv];
  const ended = await run([...VEDETTE, ...words], options);
  return { run: ended, summary: JSON.parse(readFileSync(path, "utf8")) as Summary };
}

export interface Summary {
  calls: Record<string, { count: number; errors: number; tiers: { trace: number; inline: number } }>;
  lost: number;
  unpatched: { site: string; traps: number }[];
}

export function readEvents(path: string): Event[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line.replace(/:(-?\d{16,})(?=[,}])/g, ':"$1"')) as Event);
}

export const ofType = (events: readonly Event[], type: string): Event[] =>
  events.filter((event) => event["evt.type"] === type);

/** What notices of a kind say, in order. */
export const notices = (events: readonly Event[], kind: string): string[] =>
  ofType(events, "vedette.notice")
    .filter((event) => event["evt.arg.kind"] === kind)
    .map((event) => String(event["evt.arg.text"]));

export function isOwn(event: Event): boolean {
  return String(event["evt.type"]).startsWith("vedette.");
}

/** The same test may run in several environments at once: each keeps its own. */
export function keptFolder(): string {
  const { VEDETTE_ASSUME_KERNEL = "", VEDETTE_TEST_TIERS = "" } = process.env;
  const folder = join(ROOT, "build/test", VEDETTE_ASSUME_KERNEL, VEDETTE_TEST_TIERS);
  mkdirSync(folder, { recursive: true });
  return folder;
}

/**
 * Resident bytes of each ring that an agent has made: `key shmid perms size cpid lpid nattch ... rss swap`.
 * Its page and stubs are for everybody to execute; rings are not.
 */
export function ringsOf(agent: number): number[] {
  const lines = readFileSync("/proc/sysvipc/shm", "utf8").trim().split("\n").slice(1);
  const segments = lines.map((line) => line.trim().split(/\s+/));
  return segments
    .filter((fields) => Number(fields[4]) === agent && fields[2]!.endsWith("666"))
    .map((fields) => Number(fields.at(-2)));
}
