// SPDX-License-Identifier: Apache-2.0
//
// Programs that attack Vedette, for the rows of docs/threat-model.md. An attack is a C file beside this one.
// It says on its standard output what it tried and what the kernel answered, a line each, as `NAME: ANSWER`;
// its first argument chooses what it aims at, so that an honest control makes the very same calls at a
// process of its own. A test's title begins with its row's id: "G2: ...".
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { compile, ROOT, type Run, type RunOptions, run, scratch, VEDETTE } from "../e2e/programs.js";
import { type Traced, trace } from "../e2e/traces.js";

const SOURCES = join(ROOT, "test/attacks");
const BUILT = join(ROOT, "build/attacks");

export type AttackOptions = RunOptions & { flags?: string[] };

/** The attack's executable, built when its source or a header beside it is newer. */
export function buildAttack(name: string): string {
  const out = join(BUILT, name);
  const sources = [`${name}.c`, ...readdirSync(SOURCES).filter((file) => file.endsWith(".h"))];
  const newest = Math.max(...sources.map((file) => statSync(join(SOURCES, file)).mtimeMs));
  if (existsSync(out) && statSync(out).mtimeMs > newest) return out;
  const flags = ["-Wall", "-Wextra", "-O1"];
  return compile("gcc", (to) => [...flags, "-o", to, join(SOURCES, `${name}.c`), "-lpthread"], out);
}

/**
 * Runs an attack under `vedette trace`. An attack deceives, so the witness need not agree with the records.
 */
export const attack = (name: string, args: string[], options: AttackOptions = {}): Promise<Traced> =>
  trace(`attack-${name}-${args.join("-")}`, [buildAttack(name), ...args], {
    cwd: scratch(),
    deceives: true,
    ...options,
  });

/** Runs the honest control: the same program, aimed at what is its own. The witness must agree. */
export const control = (name: string, args: string[], options: AttackOptions = {}): Promise<Traced> =>
  trace(`control-${name}-${args.join("-")}`, [buildAttack(name), ...args], { cwd: scratch(), ...options });

export interface Judged {
  run: Run;
  /** Falco's JSON lines. */
  alerts: { rule: string; output: string; output_fields: Record<string, unknown> }[];
}

/** Runs an attack under `vedette run` with the default pack. */
export async function judged(argv: string[], options: AttackOptions = {}): Promise<Judged> {
  const ended = await run([...VEDETTE, "run", ...(options.flags ?? []), "--", ...argv], { cwd: scratch(), ...options });
  const lines = ended.stderr.split("\n").filter((line) => line.startsWith("{"));
  return { run: ended, alerts: lines.map((line) => JSON.parse(line) as Judged["alerts"][number]) };
}

/** What an attack says of its tries: `NAME: ANSWER` lines. */
export const answersOf = (ended: Pick<Run, "stdout">): Record<string, string> =>
  Object.fromEntries(
    ended.stdout
      .split("\n")
      .map((line) => /^([^:]+): (.*)$/.exec(line))
      .filter((match) => match !== null)
      .map((match) => [match[1]!, match[2]!] as const),
  );
