// SPDX-License-Identifier: Apache-2.0
//
// Random programs that make, move and remove names, links and folders, change their working directory, and
// hand descriptors on, some by several threads and children: what the inline tier says of each call is what
// the trace tier says, event by event, in every path and descriptor, and what `strace -f -y` says.
// `VEDETTE_RANDOM_PROGRAMS=1000` runs more of them.
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { compile, hasCommand, ROOT, scratch } from "./programs.js";
import { COMPARED, OF_DESCRIPTOR, readStrace, STRACE, type Straced } from "./random-names-strace.js";
import { type Event, notices, trace } from "./traces.js";

const FIRST = Number(process.env.VEDETTE_RANDOM_FIRST ?? 0);
const PROGRAMS = Number(process.env.VEDETTE_RANDOM_PROGRAMS ?? 240);
const AT_ONCE = 120; // programs of one watched run
const CALLS = 200;
const INLINE_SHARE_MIN = 0.5; // of programs that live for 200 calls, and whose first ones stop
const TOLD_MAX = 10;

const SOURCE = join(ROOT, "test/fixtures/random_names.c");
const PROGRAM = join(ROOT, "build/fixtures/random_names-e2e");
const PATHS = ["name", "path", "oldpath", "newpath", "target", "linkpath", "filename", "pathname"];

interface Told {
  type: string;
  result: number;
  paths: string[];
  real: string;
}

/** The programs' calls, each as the paths that are told of it. The folder that they ran in is `@`. */
function toldOf(events: Event[], folder: string): Told[][] {
  const programs: Told[][] = [];
  const short = (value: unknown): string => String(value).replaceAll(folder, "@");
  let program: Told[] | null = null;
  for (const event of events) {
    const type = String(event["evt.type"]);
    const mark = type === "access" ? String(event["evt.arg.name"]) : "";
    if (mark === "/program:begin") program = [];
    if (mark === "/program:end" && program !== null) {
      programs.push(program);
      program = null;
    }
    if (program === null || !COMPARED.has(type)) continue;
    const result = Number(event["evt.rawres"]);
    const paths = PATHS.map((key) => event[`evt.arg.${key}`]).filter((value) => value !== undefined);
    const isTold = result >= 0 && OF_DESCRIPTOR.test(type);
    program.push({
      type,
      result,
      paths: paths.map(short),
      real: isTold ? short(event["fd.realpath"] ?? "-") : "-",
    });
  }
  return programs;
}

const isSame = (a: Told | undefined, b: Told | undefined): boolean => JSON.stringify(a) === JSON.stringify(b);

function isAsStraced(told: Told | undefined, straced: Straced | undefined): boolean {
  if (told === undefined || straced === undefined) return told === straced;
  return (
    told.type === straced.type &&
    told.result === straced.result &&
    told.paths.length === straced.paths.length &&
    told.paths.every((path, i) => straced.paths[i]!.includes(path)) &&
    (!OF_DESCRIPTOR.test(told.type) || told.real === straced.real)
  );
}

/** Where each program's calls are not told alike first. */
function differences<Other>(
  ours: Told[][],
  theirs: Other[][],
  alike: (a: Told | undefined, b: Other | undefined) => boolean,
  first: number,
): string[] {
  return ours.flatMap((program, i) => {
    const other = theirs[i]!;
    const length = Math.max(program.length, other.length);
    const at = Array.from({ length }).findIndex((_, j) => !alike(program[j], other[j]));
    if (at < 0) return [];
    return [
      `program ${first + i}, call ${at}:\n  inline  ${JSON.stringify(program[at])}\n  other   ${JSON.stringify(other[at])}`,
    ];
  });
}

async function watch(first: number, count: number, tiers: string): Promise<{ programs: Told[][]; events: Event[] }> {
  const folder = join(scratch(), "here");
  mkdirSync(folder);
  const traced = await trace(`random-names-${first}-${tiers}`, [PROGRAM, `${first}`, `${count}`, `${CALLS}`], {
    cwd: folder,
    flags: tiers === "trace" ? ["--tiers", "trace"] : [],
  });
  assert.is(traced.run.status, 0, traced.run.stderr);
  const programs = toldOf(traced.events, folder);
  assert.is(programs.length, count);
  return { programs, events: traced.events };
}

function runStrace(first: number, count: number): Straced[][] {
  const folder = join(scratch(), "here");
  const log = join(folder, "../strace");
  mkdirSync(folder);
  const [command, ...args] = STRACE;
  execFileSync(command!, [...args, "-o", log, PROGRAM, `${first}`, `${count}`, `${CALLS}`], { cwd: folder });
  const programs = readStrace(log, folder, first);
  assert.is(programs.length, count);
  return programs;
}

compile("gcc", (out) => ["-O2", "-o", out, SOURCE, "-lpthread"], PROGRAM);
const hasStrace = hasCommand("strace");
if (!hasStrace) console.log("there is no strace on this machine: the tiers are compared with each other alone");

for (let first = FIRST; first < FIRST + PROGRAMS; first += AT_ONCE) {
  const count = Math.min(AT_ONCE, FIRST + PROGRAMS - first);
  test(`programs ${first} to ${first + count - 1}: every path and descriptor is told as by stops, and as by strace`, async () => {
    const inline = await watch(first, count, "inline");
    const stopped = await watch(first, count, "trace");
    const expectNone = (found: string[]): void => {
      assert.is(found.length, 0, `\n${found.slice(0, TOLD_MAX).join("\n")}`);
    };
    expectNone(differences(inline.programs, stopped.programs, isSame, first));
    if (hasStrace) expectNone(differences(inline.programs, runStrace(first, count), isAsStraced, first));
    assert.equal(notices(inline.events, "UNCERTAIN"), []);
    if (process.env.VEDETTE_TEST_TIERS !== undefined) return;
    const calls = inline.events.filter((event) => COMPARED.has(String(event["evt.type"])));
    const share = calls.filter((event) => event["vedette.tier"] === "inline").length / calls.length;
    assert.ok(share > INLINE_SHARE_MIN, `${share} of ${calls.length} calls were inline`);
  });
}

test.run();
