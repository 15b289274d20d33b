// SPDX-License-Identifier: Apache-2.0
//
// Fixtures (test/fixtures/): builds them and compares what they print with what was recorded. A fixture
// prints an event a line,
//
//   openat 3 dirfd=-100 name=/dir/a flags=O_RDONLY mode=0
//
// and, first, `only TYPE...` when its runtime makes calls of its own that it cannot expect. Compared are the
// events between its two markers, as exact multisets; in their order too when one thread made them all.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import { compile, environment, ROOT } from "./programs.js";
import type { Event } from "./traces.js";

const SOURCES = join(ROOT, "test/fixtures");
const BUILT = join(ROOT, "build/fixtures");

const COMPILERS: Record<string, (source: string, out: string) => string[]> = {
  ".c": (source, out) => ["gcc", "-Wall", "-Wextra", "-O1", "-o", out, source, "-lpthread"],
  ".S": (source, out) => ["gcc", "-nostdlib", "-static", "-no-pie", "-o", out, source],
  ".armv7": (source, out) => [
    "sh",
    "-c",
    'arm-linux-gnueabihf-as -o "$2.o" "$1" && arm-linux-gnueabihf-ld -o "$2" "$2.o"',
    "sh",
    source,
    out,
  ],
  ".go": (source, out) => ["go", "build", "-o", out, source],
  ".rs": (source, out) => ["rustc", "-O", "-C", "target-feature=+crt-static", "-o", out, source],
};

export interface Fixture {
  name: string;
  source: string;
  /** Prints what it expects; others are programs that tests watch in their own way. */
  expects: boolean;
}

export function fixtures(): Fixture[] {
  return readdirSync(SOURCES)
    .filter((file) => extname(file) in COMPILERS)
    .sort()
    .map((file) => {
      const text = readFileSync(join(SOURCES, file), "utf8");
      const name = file.slice(0, -extname(file).length);
      return {
        name,
        source: join(SOURCES, file),
        expects: text.includes("fixture:begin") || text.includes("  begin();"),
      };
    });
}

/**
 * The fixture's executable, built when its source (or a header) is newer; for another processor (an
 * `aarch64`), by Debian's cross compiler, static. Throws what the compiler said.
 */
export function buildFixture(name: string, machine?: string): string {
  const fixture = fixtures().find((one) => one.name === name);
  if (fixture === undefined) throw new Error(`no fixture ${name}`);
  const folder = machine === undefined ? BUILT : join(BUILT, machine);
  const out = join(folder, name);
  const headers = readdirSync(SOURCES).filter((file) => extname(file) === ".h");
  const newest = Math.max(...[fixture.source, ...headers.map((name) => join(SOURCES, name))].map(changedAt));
  if (existsSync(out) && statSync(out).mtimeMs > newest) return out;
  const command = (to: string): string[] => COMPILERS[extname(fixture.source)]!(fixture.source, to);
  const native = command(out)[0]!;
  const compiler = machine === undefined ? native : `${machine}-linux-gnu-${native}`;
  const args = (to: string): string[] => {
    const list = command(to).slice(1);
    return machine === undefined || list.includes("-static") ? list : [...list, "-static"];
  };
  return compile(compiler, args, out);
}

const changedAt = (path: string): number => statSync(path).mtimeMs;

/** The compiler that a fixture needs and this machine has not, or undefined. */
export function missingCompiler(fixture: Fixture): string | undefined {
  const compiler = COMPILERS[extname(fixture.source)]!("", "")[0]!;
  const found = environment()
    .PATH!.split(":")
    .some((folder) => existsSync(join(folder, compiler)));
  return found ? undefined : compiler;
}

export interface Expected {
  type: string;
  result: string;
  values: Map<string, string>;
}

export function parseExpected(stdout: string): { only: Set<string> | undefined; lines: Expected[] } {
  const lines = stdout.split("\n").filter((line) => line !== "");
  const only = lines[0]?.startsWith("only ") ? new Set(lines.shift()!.split(" ").slice(1)) : undefined;
  return { only, lines: lines.map(parseLine) };
}

function parseLine(line: string): Expected {
  const [type, result, ...rest] = line.split(" ").filter((word) => word !== "");
  const values = rest.map((word): [string, string] => {
    const at = word.indexOf("=");
    return [word.slice(0, at), word.slice(at + 1)];
  });
  return { type: type!, result: result!, values: new Map(values) };
}

/** What was recorded between the markers. */
export function markedRegion(events: Event[], only?: Set<string>): Event[] {
  const at = (mark: string): number => events.findIndex((event) => event["evt.arg.name"] === `/fixture:${mark}`);
  const [from, to] = [at("begin"), at("end")];
  if (from < 0 || to < 0)
    throw new Error(`the marker ${from < 0 ? "begin" : "end"} was not recorded among ${events.length} events`);
  return events.slice(from + 1, to).filter((event) => only === undefined || only.has(String(event["evt.type"])));
}

/** Both sides as lines that name the same values, ready to be compared. */
export function comparable(expected: Expected[], recorded: Event[]): { expected: string[]; recorded: string[] } {
  const keys = new Map<string, string[]>();
  for (const { type, values } of expected) {
    const known = keys.get(type);
    if (known === undefined) keys.set(type, [...values.keys()]);
    else if (known.join() !== [...values.keys()].join())
      throw new Error(`the fixture's ${type} lines do not name the same arguments`);
  }
  return {
    expected: expected.map(({ type, result, values }) =>
      [type, result, ...[...values].map((pair) => pair.join("="))].join(" "),
    ),
    recorded: recorded.map((event) => recordedLine(event, keys.get(String(event["evt.type"])) ?? [])),
  };
}

function recordedLine(event: Event, keys: string[]): string {
  const values = keys.map((key) => `${key}=${valueText(event[key.includes(".") ? key : `evt.arg.${key}`])}`);
  return [event["evt.type"], event["evt.rawres"], ...values].join(" ");
}

/**
 * As the fixture writes it: a descriptor without the name that stands behind its number, blanks and controls
 * as \xNN.
 */
export function valueText(value: unknown): string {
  const text = value === undefined ? "null" : String(value);
  return text
    .replace(/^(-?\d+)\(<.*>.*\)$/s, "$1")
    .replace(/[^!-[\]-~]/g, (char) =>
      [...Buffer.from(char, "utf8")].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join(""),
    );
}

/** What is in one and not in the other, each as often as it is too many. */
export function multisetDifference(expected: string[], recorded: string[]): string[] {
  const counts = new Map<string, number>();
  for (const line of expected) counts.set(line, (counts.get(line) ?? 0) + 1);
  for (const line of recorded) counts.set(line, (counts.get(line) ?? 0) - 1);
  return [...counts]
    .flatMap(([line, count]) =>
      Array<string>(Math.abs(count)).fill(`${count > 0 ? "not recorded: " : "not expected: "}${line}`),
    )
    .sort((a, b) => a.slice(14).localeCompare(b.slice(14)));
}
