// SPDX-License-Identifier: Apache-2.0
//
// `npm run bench -- replay [--json]`: the CPU time, user and system, that `vedette replay` takes for captures
// of 1.08 million blocks with all of Falco's official rules. One is curl's, of which a quarter of the
// blocks become events; the other has the events of six captures, most of them of kinds that nobody asks for.
// The row "start" is a capture of 345 blocks: rules are loaded and compiled, and hardly anything is judged.
// Each is measured twice: the first time that rules are used, and again, when they are kept from then.
// Falco took 1.45 s for such a capture on such a machine. Medians of interleaved rounds.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gunzipSync } from "node:zlib";
import { interleaved } from "./measure/median.js";

const ROUNDS = 5;
const BLOCKS = 1_080_000;
const FALCO_S = 1.45;
const EVENT_BLOCKS = [0x204, 0x216, 0x221];
const MAIN = resolve(import.meta.dirname, "../build/js/host/main.js");
const SHARED = resolve(import.meta.dirname, "../../shared/falco");
const RULES = ["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"].flatMap((name) => [
  "--falco-rules",
  join(SHARED, "rules", name),
]);
const SMALL = "cat_write.scap";
const CAPTURES = {
  curl: ["curl_google.scap"],
  six: [
    SMALL,
    "connect_localhost.scap",
    "curl_google.scap",
    "open-multiple-files.scap",
    "syscall.scap",
    "single_ipv6_conn.scap",
  ],
};

/** A capture's lists, its events, and how many blocks those are. */
function parts(name: string): { lists: Buffer; events: Buffer; blocks: number } {
  const file = readFileSync(join(SHARED, "captures", name));
  const bytes = file[0] === 0x1f ? gunzipSync(file) : file;
  let first = 0;
  while (!EVENT_BLOCKS.includes(bytes.readUInt32LE(first))) first += bytes.readUInt32LE(first + 4);
  let blocks = 0;
  for (let at = first; at < bytes.length; at += bytes.readUInt32LE(at + 4)) blocks++;
  return { lists: bytes.subarray(0, first), events: bytes.subarray(first), blocks };
}

/** The lists of all, then the events of all, again and again. */
function longCapture(names: readonly string[]): Buffer {
  const all = names.map(parts);
  const lists = all.map(({ lists }, i) => (i === 0 ? lists : lists.subarray(lists.readUInt32LE(4))));
  const events = Buffer.concat(all.map(({ events }) => events));
  const times = Math.round(BLOCKS / all.reduce((sum, { blocks }) => sum + blocks, 0));
  return Buffer.concat([...lists, ...Array.from({ length: times }, () => events)]);
}

function cpuSeconds(capture: string, rulesFolder: string): number {
  const script = 'TIMEFORMAT="%3U %3S"; { time "$@" > /dev/null 2>&1; } 2>&1';
  const argv = ["-c", script, "bash", process.execPath, MAIN, "replay", capture, ...RULES];
  const env = { ...process.env, VEDETTE_RULE_CACHE: rulesFolder };
  const said = execFileSync("bash", argv, { encoding: "utf8", env });
  return said
    .trim()
    .split(" ")
    .reduce((sum, part) => sum + Number(part), 0);
}

const folder = mkdtempSync(join(tmpdir(), "vedette-replay-"));
try {
  const captures: Record<string, string> = { start: join(SHARED, "captures", SMALL) };
  for (const [name, names] of Object.entries(CAPTURES)) {
    captures[name] = join(folder, name);
    writeFileSync(captures[name], longCapture(names));
  }
  const kept = join(folder, "rules");
  cpuSeconds(captures.start!, kept); // keeps them
  const runs = Object.fromEntries(
    Object.entries(captures).flatMap(([name, capture]) => [
      [name, () => cpuSeconds(capture, "off")],
      [`${name}, again`, () => cpuSeconds(capture, kept)],
    ]),
  );
  const taken = interleaved(ROUNDS, runs);
  if (process.argv.includes("--json")) console.log(JSON.stringify({ seconds: taken, falco: FALCO_S }, null, 2));
  else {
    for (const [name, seconds] of Object.entries(taken))
      console.log(`${name.padEnd(14)}${seconds.toFixed(2)} s of CPU`);
    console.log(`${"Falco".padEnd(14)}${FALCO_S.toFixed(2)} s of CPU`);
  }
} finally {
  rmSync(folder, { recursive: true });
}
