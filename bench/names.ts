// SPDX-License-Identifier: Apache-2.0
//
// `npm run bench -- names [--json] [--rounds N] [--agent FILE]`: what programs cost that make, move and
// remove many names: CPU time of the program and the agent together, against the bare program. Medians of
// interleaved rounds. `--agent`: of another agent, as that of an earlier version.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { timedRun } from "./measure/kinds.js";
import { interleaved } from "./measure/median.js";
import { AGENT, buildProgram } from "./measure/programs.js";
import type { Watcher } from "./measure/watchers.js";

const args = process.argv.slice(2);
const option = (name: string, otherwise: string): string => {
  const at = args.indexOf(name);
  return at < 0 ? otherwise : args[at + 1]!;
};
const FILES = 6000;
const SMALL = 3000; // files of the archive
const rounds = Number(option("--rounds", "5"));
const agent = [option("--agent", AGENT), "--host", "discard"];
const WAYS: Watcher[] = [
  { name: "native", before: [] },
  { name: "vedette", before: [...agent, "--"] },
  { name: "stops", before: [...agent, "--tiers", "trace", "--"] },
];

const place = mkdtempSync(join(tmpdir(), "vedette-names-"));
const archive = join(place, "small.tar");
const programs: Record<string, string[]> = {
  "create, write, rename, unlink": [buildProgram("names"), String(FILES)],
  "tar x": ["tar", "-xf", archive],
  "cp -a": ["cp", "-a", join(place, "small"), "copy"],
  "rm -r": ["rm", "-r", "small"],
};

// Milliseconds.
function cpuOf(way: Watcher, program: string[], isFull: boolean): number {
  const folder = mkdtempSync(join(place, "run-"));
  if (isFull) execFileSync("tar", ["-xf", archive], { cwd: folder });
  const { cpuNs } = timedRun(way, program, folder);
  rmSync(folder, { recursive: true });
  return cpuNs / 1e6;
}

try {
  mkdirSync(join(place, "small"));
  for (let i = 0; i < SMALL; i++) writeFileSync(join(place, "small", `file.${i}`), `${i}\n`.repeat(20));
  execFileSync("tar", ["-C", place, "-cf", archive, "small"]);
  const rows = Object.entries(programs).map(([name, program]) => {
    const runs = WAYS.map((way) => [way.name, () => cpuOf(way, program, name === "rm -r")]);
    const cpu = interleaved(rounds, Object.fromEntries(runs) as Record<"native" | "vedette" | "stops", () => number>);
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
