// SPDX-License-Identifier: Apache-2.0
//
// `npm run bench -- falco [--json]`: ns of CPU an event in Falco's official rules, stable and all, with and
// without what rules share. What is held against: a fifth of what Falco's own engine adds to its parsing for
// its default rules on such a machine (317 ns on a mix of all calls, 876 on the calls that it captures by
// default, 921 on open and close, 223 on fork and exec), and for all rules 1 us an openat and 2 us an execve.
// What we measure holds the copying of batches into the policy's memory too; the last column is that alone.
// The mix of all calls is judged in the batches that were recorded, the others are packed (measure/pack.ts).
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { scratch } from "../test/e2e/programs.js";
import { indicators } from "../test/host/falco/indicators.js";
import { nothing, type Rules, recordStreams, rulesOf, type Stream } from "./measure/falco.js";
import { interleaved } from "./measure/median.js";

const ROUNDS = 7;
const FOLDER = resolve(import.meta.dirname, "../../shared/falco/rules");
const NAMES = ["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"];
const FIELD = resolve(import.meta.dirname, "../test/fixtures/falco-field");
const MIXES = {
  "mix of all calls": 317 / 5,
  "mix, Falco's own": 876 / 5,
  "open and close": 921 / 5,
  "fork and exec": 223 / 5,
};
const TARGETS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  stable: MIXES,
  field: MIXES, // twenty files in the style of others', and a feed of 12,000 indicators
  all: { openat: 1000, execve: 2000 },
};

const paths = NAMES.map((name) => join(FOLDER, name)).filter((path) => existsSync(path));
if (paths.length === 0) throw new Error(`Falco's rules are not in ${FOLDER}`);
const streams = await recordStreams();
const sets: Rules[] = [
  await rulesOf("stable", paths.slice(0, 1), true),
  await rulesOf("stable, unshared", paths.slice(0, 1), false),
  await rulesOf("all", paths, true),
  await rulesOf("all, unshared", paths, false),
  await rulesOf("field", fieldFiles(), true),
  await nothing(),
];
const rows = streams.map((stream) => ({ stream, ns: costs(stream) }));

function fieldFiles(): string[] {
  const feed = join(scratch(), "indicators.yaml");
  writeFileSync(feed, indicators);
  const names = readdirSync(FIELD).sort();
  return [...names.map((name) => join(FIELD, name)), feed];
}

function costs(stream: Stream): Record<string, number> {
  return interleaved(ROUNDS, Object.fromEntries(sets.map((rules) => [rules.name, () => rules.measure(stream)])));
}

if (process.argv.includes("--json")) {
  const report = rows.map(({ stream, ns }) => ({
    stream: stream.name,
    events: stream.events,
    ns,
    targets: targetsOf(stream),
  }));
  console.log(
    JSON.stringify({ sets: sets.map(({ name, rules, bytes }) => ({ name, rules, bytes })), streams: report }),
  );
} else {
  for (const { name, rules, bytes } of sets) console.log(`${name.padEnd(18)} ${rules} rules, ${bytes} bytes of Wasm`);
  console.log(`\nns an event       events  ${sets.map(({ name }) => name.padStart(17)).join("")}   target`);
  for (const { stream, ns } of rows) {
    const cells = sets.map(({ name }) => ns[name]!.toFixed(0).padStart(17)).join("");
    console.log(`${stream.name.padEnd(16)} ${String(stream.events).padStart(7)}  ${cells}   ${targetText(stream)}`);
  }
}
process.exit(0);

function targetsOf({ name }: Stream): Record<string, number> {
  const found = Object.entries(TARGETS).flatMap(([set, values]) =>
    values[name] === undefined ? [] : [[set, values[name]] as const],
  );
  return Object.fromEntries(found);
}

function targetText(stream: Stream): string {
  return Object.entries(targetsOf(stream))
    .map(([set, ns]) => `${set} ${ns.toFixed(0)}`)
    .join(", ");
}
