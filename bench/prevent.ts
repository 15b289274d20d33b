// SPDX-License-Identifier: Apache-2.0
//
// `npm run bench -- prevent [--json] [--tries N] [--rounds N]`: what 1, 10 and 100 rows cost a call that they
// do not deny, medians of interleaved rounds; and the race harness of test/fixtures/prevent_race.c at length.
// Another thread changes the argument of a call between what is allowed and what is denied, 100,000 tries of
// each race and tier; how many got through, and how many do where nobody is in the way. Ends with 1 when one
// got through.
import { RACES, type Race, raceBare, raceOnce } from "../test/e2e/prevention.js";
import { measureRows } from "./measure/rows.js";

const TRIES = 100_000;
const BARE_TRIES = 2_000;
const ROUNDS = 7;
const LIMIT_MS = 1_800_000;

const args = process.argv.slice(2);
const option = (name: string, otherwise: number): number => {
  const at = args.indexOf(name);
  return at < 0 ? otherwise : Number(args[at + 1]);
};
const tries = option("--tries", TRIES);
const costs = measureRows(option("--rounds", ROUNDS));
if (!args.includes("--json"))
  for (const { call, native, byRows } of costs)
    console.log(
      `${call}: ${ns(native)} native; rows ${Object.entries(byRows)
        .map(([rows, cost]) => `${rows}: ${ns(cost)}`)
        .join(", ")}`,
    );
const rows: Record<string, string | number>[] = [];
for (const race of tries > 0 ? RACES : []) {
  const bare = await raceBare(race, BARE_TRIES);
  add(race, "none", bare);
  for (const tiers of ["all", "trace"]) add(race, tiers, await raceOnce(race, tries, ["--tiers", tiers], LIMIT_MS));
}
if (args.includes("--json")) console.log(JSON.stringify({ costs, races: rows }));
process.exitCode = rows.some(({ tiers, through }) => tiers !== "none" && through !== 0) ? 1 : 0;

function add(race: Race, tiers: string, counts: object): void {
  const row = { race, tiers, ...counts } as Record<string, string | number>;
  rows.push(row);
  if (!args.includes("--json"))
    console.log(
      Object.entries(row)
        .map(([name, value]) => `${name}=${value}`)
        .join(" "),
    );
}

function ns(value: number): string {
  return `${value.toLocaleString("en")} ns`;
}
