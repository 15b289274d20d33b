// SPDX-License-Identifier: Apache-2.0
//
// `npm run bench -- protection --before AGENT [--json] [--rounds N] [NAME...]`: what a call costs under this
// agent, beside another build of it, for instance one of before some protection was added. Processor time of
// a round: the program's own, and the agent's with it. The two take turns, and the ratios are medians of
// pairs that follow one another.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { median } from "./measure/median.js";
import { AGENT, buildProgram } from "./measure/programs.js";

const ROUNDS = 15;
const LIMIT_MS = 120_000;
const FILES = 20_000;
const folder = mkdtempSync(join(tmpdir(), "vedette-bench-"));
process.on("exit", () => rmSync(folder, { recursive: true }));
for (let i = 0; i < FILES; i++) writeFileSync(join(folder, String(i)), "");

/**
 * What a round is, and how many: about a second. Of the programs that time themselves, `own` is what they
 * say.
 */
const LOOPS = [
  { name: "open and close, always of one file", program: "hot_loop", kind: "opens", count: 300_000, own: true },
  { name: "open, fstat, read, close", program: "hot_loop", kind: "files", count: 200_000, own: true },
  { name: "open and close, each of another file", program: "hot_loop", kind: "many", count: 100_000, own: true },
  { name: "pread of 4 KiB", program: "hot_loop", kind: "pread", count: 1_000_000, own: true },
  { name: "vfork, exec and exit", program: "guarded", kind: "exec", count: 500, own: false },
] as const;
type Loop = (typeof LOOPS)[number];

interface Cost {
  readonly own: number;
  readonly total: number;
}

const { values: flags, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: {
    before: { type: "string" },
    json: { type: "boolean", default: false },
    rounds: { type: "string", default: String(ROUNDS) },
  },
});
if (flags.before === undefined) {
  process.stderr.write("usage: npm run bench -- protection --before AGENT [--json] [--rounds N] [NAME...]\n");
  process.exit(2);
}
const before = flags.before;
const rows = LOOPS.filter(({ name }) => wanted.length === 0 || wanted.some((word) => name.includes(word))).map(compare);
if (flags.json) console.log(JSON.stringify(rows));
else
  for (const { name, own, total } of rows)
    console.log(`${name.padEnd(40)} ${own === undefined ? "" : `own ${told(own)}, `}with the agent ${told(total)}`);

function compare(loop: Loop) {
  const pairs = Array.from({ length: Number(flags.rounds) }, (_, round) => {
    const turns = [() => costOf(before, loop), () => costOf(AGENT, loop)] as const;
    if (round % 2 === 0) return { old: turns[0](), now: turns[1]() };
    const now = turns[1]();
    return { old: turns[0](), now };
  });
  const part = (of: keyof Cost) => ({
    before: median(pairs.map(({ old }) => old[of])),
    now: median(pairs.map(({ now }) => now[of])),
    ratio: median(pairs.map(({ old, now }) => now[of] / old[of])),
  });
  return { name: loop.name, own: loop.own ? part("own") : undefined, total: part("total") };
}

// The shell's `time` knows what all that it waited for took.
function costOf(agent: string, { program, kind, count, own }: Loop): Cost {
  const script = 'TIMEFORMAT="%3U %3S"; { time "$@" 2>/dev/null; } 2>&1';
  const argv = [agent, "--host", "discard", "--", buildProgram(program), kind, String(count), folder];
  const said = execFileSync("bash", ["-c", script, "bash", ...argv], { encoding: "utf8", timeout: LIMIT_MS });
  const lines = said.trim().split("\n");
  const [user, system] = lines.at(-1)!.split(" ").map(Number);
  const cpuNs = own ? Number(lines[0]!.split(" ")[1]) : Number.NaN;
  return { own: cpuNs, total: ((user! + system!) * 1e9) / count };
}

function told({ before, now, ratio }: { before: number; now: number; ratio: number }): string {
  return `${before.toFixed(0)} ns before, ${now.toFixed(0)} now: ${((ratio - 1) * 100).toFixed(1)} % more`;
}
