// SPDX-License-Identifier: Apache-2.0
//
// `npm run bench -- names [--json] [--rounds N] [--agent FILE]`: what programs cost that make, move and
// remove many names: CPU time of the program and the agent together, against the bare program. Medians of
// interleaved rounds. `--agent`: of another agent, as that of an earlier version.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { interleaved } from "./measure/median.js";
import { AGENT, buildProgram } from "./measure/programs.js";

const args = process.argv.slice(2);
const option = (name: string, otherwise: string): string => {
  const at = args.indexOf(name);
  return at < 0 ? otherwise : args[at + 1]!;
};
const FILES = 6000;
const SMALL = 3000; // files of the archive
const rounds = Number(option("--rounds", "5"));
const agent = [option("--agent", AGENT), "--host", "discard"];
const WAYS: Record<string, string[]> = {
  native: [],
  vedette: [...agent, "--"],
  stops: [...agent, "--tiers", "trace", "--"],
};

const place = mkdtempSync(join(tmpdir(), "vedette-names-"));
const archive = join(place, "small.tar");
const programs: Record<string, string[]> = {
  "create, write, rename, unlink": [buildProgram("names"), String(FILES)],
  "tar x": ["tar", "-xf", archive],
  "cp -a": ["cp", "-a", join(place, "small"), "copy"],
  "rm -r": ["rm", "-r", "small"],
};

// Milliseconds. bash waits for the agent, and the agent for the program, so both are in its times.
function cpuOf(way: string, program: string[], isFull: boolean): number {
  const folder = mkdtempSync(join(place, "run-"));
  if (isFull) execFileSync("tar", ["-xf", archive], { cwd: folder });
  const script = 'TIMEFORMAT="%U %S"; { time "$@" >/dev/null 2>&1; } 2>&1';
  const argv = ["-c", script, "bash", ...WAYS[way]!, ...program];
  const [user, system] = execFileSync("bash", argv, { cwd: folder, encoding: "utf8" }).trim().split(" ").map(Number);
  rmSync(folder, { recursive: true });
  return (user! + system!) * 1000;
}

try {
  mkdirSync(join(place, "small"));
  for (let i = 0; i < SMALL; i++) writeFileSync(join(place, "small", `file.${i}`), `${i}\n`.repeat(20));
  execFileSync("tar", ["-C", place, "-cf", archive, "small"]);
  const rows = Object.entries(programs).map(([name, program]) => {
    const run = (way: string) => () => cpuOf(way, program, name === "rm -r");
    const cpu = interleaved(rounds, { native: run("native"), vedette: run("vedette"), stops: run("stops") });
    return { name, cpu };
  });
  if (args.includes("--json")) console.log(JSON.stringify({ rows }));
  else
    for (const { name, cpu } of rows)
      console.log(
        `${name}: ${cpu.native.toFixed(0)} ms of CPU native; watched ${cpu.vedette.toFixed(0)}, ` +
          `${(cpu.vedette / cpu.native).toFixed(1)} times; by stops ${cpu.stops.toFixed(0)}, ` +
          `${(cpu.stops / cpu.native).toFixed(1)} times`,
      );
} finally {
  rmSync(place, { recursive: true });
}
