// SPDX-License-Identifier: Apache-2.0
//
// `npm run bench -- lossless [--json] [--seconds N]`: two producers on two cores at full speed, an open/close
// loop and a pread loop, all sizes as they are by default. Counted by `vedette trace --summary`, the calls of
// the program's own count must all be there; judged by `vedette run` with the default policies, nothing may
// be lost or shed.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildProgram, VEDETTE } from "./measure/programs.js";

const SECONDS = 20;
// The loader's and libc's own, of a program and its two children.
const OWN_CALLS_MAX = 20;

interface Loss {
  readonly way: string;
  readonly made: Readonly<Record<string, number>>;
  /** By call; absent where events are judged and not counted. */
  readonly recorded?: Readonly<Record<string, number>>;
  readonly lost: number;
}

function run(before: readonly string[], seconds: number): { made: Record<string, number>; stderr: string } {
  const [command, ...args] = [...VEDETTE, ...before, "--", buildProgram("producers"), String(seconds)];
  const ended = spawnSync(command!, args, { encoding: "utf8", timeout: (seconds + 60) * 1000 });
  if (ended.status !== 0) throw new Error(`${command} ${args.join(" ")}: status ${ended.status}\n${ended.stderr}`);
  const words = [...ended.stdout.matchAll(/(\w+) (\d+)/g)].map(([, name, count]): [string, number] => [
    name!,
    Number(count),
  ]);
  return { made: Object.fromEntries(words), stderr: ended.stderr };
}

function counted(seconds: number): Loss {
  const folder = mkdtempSync(join(tmpdir(), "vedette-lossless-"));
  try {
    const path = join(folder, "summary.json");
    const { made } = run(["trace", "--summary", "--json", "-o", path], seconds);
    const summary = JSON.parse(readFileSync(path, "utf8")) as {
      lost: number;
      calls: Record<string, { count: number }>;
    };
    const recorded = Object.fromEntries(Object.keys(made).map((name) => [name, summary.calls[name]?.count ?? 0]));
    return { way: "trace --summary", made, recorded, lost: summary.lost };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

// It tells of losses when there are any.
function judged(seconds: number): Loss {
  const { made, stderr } = run(["run", "--alerts", "/dev/null"], seconds);
  return { way: "run, default policies", made, lost: Number(/(\d+) lost/.exec(stderr)?.[1] ?? 0) };
}

function isWhole({ made, recorded, lost }: Loss): boolean {
  const surplus = Object.entries(recorded ?? made).map(([name, count]) => count - made[name]!);
  return lost === 0 && surplus.every((count) => count >= 0 && count <= OWN_CALLS_MAX);
}

const args = process.argv.slice(2);
const secondsAt = args.indexOf("--seconds");
const seconds = secondsAt < 0 ? SECONDS : Number(args[secondsAt + 1]);
const losses = [counted(seconds), judged(seconds)];
if (args.includes("--json"))
  console.log(JSON.stringify({ seconds, losses: losses.map((loss) => ({ ...loss, met: isWhole(loss) })) }));
else {
  for (const loss of losses) {
    const total = Object.values(loss.made).reduce((sum, count) => sum + count, 0);
    console.log(`${isWhole(loss) ? "met" : "NOT MET"}: ${loss.way}: ${total} calls in ${seconds} s, ${loss.lost} lost`);
    for (const [name, made] of Object.entries(loss.made))
      console.log(`  ${name} made ${made}${loss.recorded === undefined ? "" : `, recorded ${loss.recorded[name]}`}`);
  }
}
process.exit(losses.every(isWhole) ? 0 : 1);
