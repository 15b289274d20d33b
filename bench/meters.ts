// SPDX-License-Identifier: Apache-2.0
//
// `npm run bench -- meters [--json] [--rounds N] [NAME]`: what the meters of the pack cost an event, by
// processor time: each on a stream of its own protocol and on one of another, and all of them together on
// each stream, as modules of their own and as one (golden-signals). Figures are minima of rounds in turn.
// NAME: those meters alone whose name has it.
import { basename } from "node:path";
import { METERS } from "../host/paths.js";
import { findPolicies } from "../host/policy/discover.js";
import { CONVERSATIONS, loadMeters, type Side, streamOf, timeSides } from "./measure/meters.js";

const given = process.argv.indexOf("--rounds");
const rounds = given < 0 ? 12 : Number(process.argv[given + 1]);
const wanted = process.argv.slice(2).find((word, i, rest) => !word.startsWith("--") && rest[i - 1] !== "--rounds");
const TOGETHER = "golden-signals";
const all = findPolicies(METERS).map((folder) => basename(folder));
const names = all.filter((name) => name !== TOGETHER);
/** What looks at each read and write: golden-signals has it not. */
const ALONE = "saturation";
const some = names.filter((name) => wanted === undefined || name.includes(wanted));
const make = await loadMeters(all);
const streams = new Map(Object.entries(CONVERSATIONS).map(([name, one]) => [name, streamOf([one])]));
const mixed = streamOf(Object.values(CONVERSATIONS), 8);
const isOwn = (meter: string, stream: string): boolean => CONVERSATIONS[stream]?.meters.includes(meter) === true;
const foreign = (meter: string): string => (meter === "redis" ? "http server" : "redis");

const sides: Side[] = some.flatMap((meter): Side[] => {
  const own = [...streams].filter(([stream]) => isOwn(meter, stream));
  return [
    ...own.map(([, stream]) => ({ name: `${meter}: its own`, runners: [make(meter)], stream })),
    ...[foreign(meter), "tls"].map((other) => ({
      name: `${meter}: ${other}`,
      runners: [make(meter)],
      stream: streams.get(other)!,
    })),
  ];
});
const together = [...streams, ["mixed", mixed] as const];
const sidesOf = (name: string, some: readonly string[]): Side[] =>
  together.map(([stream, one]) => ({ name: `${name}: ${stream}`, runners: some.map(make), stream: one }));
const ofProtocols = names.filter((name) => name !== ALONE);
if (wanted === undefined) sides.push(...sidesOf("all", ofProtocols));
if (wanted === undefined || wanted === TOGETHER) sides.push(...sidesOf(TOGETHER, [TOGETHER]));
const best = timeSides(sides, rounds);
if (process.argv.includes("--json")) console.log(JSON.stringify(Object.fromEntries(best)));
else {
  console.log(`${"meter: stream".padEnd(28)}   ns an event`);
  for (const [name, ns] of best) console.log(`${name.padEnd(28)}   ${ns.toFixed(1).padStart(11)}`);
}
process.exit(0);
