// SPDX-License-Identifier: Apache-2.0
//
// `npm run bench -- calls [--json] [--count N] [--rounds N]`: what each everyday call on names and attributes
// costs, a line a call: bare, watched, and watched by stops alone. Medians of interleaved rounds.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { median } from "./measure/median.js";
import { buildProgram, outputOf, VEDETTE } from "./measure/programs.js";

const args = process.argv.slice(2);
const option = (name: string, otherwise: number): number => {
  const at = args.indexOf(name);
  return at < 0 ? otherwise : Number(args[at + 1]);
};
const program = [buildProgram("each_call"), String(option("--count", 2000))];
const watch = [...VEDETTE, "trace", "--summary", "-o", "/dev/null"];
const WAYS: Record<string, string[]> = {
  native: program,
  vedette: [...watch, "--", ...program],
  stops: [...watch, "--tiers", "trace", "--", ...program],
};

const folder = mkdtempSync(join(tmpdir(), "vedette-calls-"));
const taken = new Map<string, number[]>();
process.chdir(folder);
try {
  for (let round = 0; round < option("--rounds", 5); round++) {
    for (const [way, command] of Object.entries(WAYS)) {
      for (const [call, ns] of lines(outputOf(command))) {
        const key = `${call}\t${way}`;
        taken.set(key, [...(taken.get(key) ?? []), ns]);
      }
    }
  }
} finally {
  process.chdir("/");
  rmSync(folder, { recursive: true });
}

const calls = [...new Set([...taken.keys()].map((key) => key.split("\t")[0]!))].map((call) => {
  const ns = (way: string): number => Math.round(median(taken.get(`${call}\t${way}`)!));
  return { call, native: ns("native"), vedette: ns("vedette"), stops: ns("stops") };
});
if (args.includes("--json")) console.log(JSON.stringify({ calls }));
else
  for (const { call, native, vedette, stops } of calls)
    console.log(`${call}: ${native} ns native; watched + ${vedette - native}; by stops + ${stops - native}`);

function lines(output: string): [string, number][] {
  return output
    .trim()
    .split("\n")
    .map((line) => line.split("\t"))
    .map(([call, ns]) => [call!, Number(ns)]);
}
