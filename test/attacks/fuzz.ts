// SPDX-License-Identifier: Apache-2.0
//
// `npm run fuzz`: attacks a `vedette serve` with chance for a minute, or for VEDETTE_FUZZ_MINUTES, and says
// what came of it. VEDETTE_FUZZ_SEED asks for the same chance again.
import { BOUNDS, fuzzHost, type Look, REST } from "./fuzzer.js";

const minutes = Number(process.env.VEDETTE_FUZZ_MINUTES ?? 1);
const seed = Number(process.env.VEDETTE_FUZZ_SEED ?? Date.now() % 1e9);
const report = await fuzzHost(seed, minutes * 60_000);
const { before, most, after, waits, sent, forged, unwell, end, done } = report;
const text = ({ ownMib, descriptors, threads }: Look): string =>
  `${ownMib.toFixed(0)} MiB, ${descriptors} descriptors, ${threads} threads`;
const share = (part: number): string => (waits[Math.floor(waits.length * part)] ?? Number.NaN).toFixed(1);

console.log(
  `seed ${seed}, ${minutes} min: ${Object.entries(done)
    .map(([name, count]) => `${count} ${name}`)
    .join(", ")}`,
);
console.log(`before: ${text(before)}\nmost:   ${text(most)}\nafter:  ${text(after)}`);
console.log(
  `honest alerts: ${waits.length} of ${sent}; ms until they came: p50 ${share(0.5)}, p99 ${share(0.99)}, most ${(waits.at(-1) ?? 0).toFixed(1)}`,
);
const wrong = [
  end !== null && `the host ended: ${JSON.stringify(end)}\n${report.stderr.slice(-3_000)}`,
  waits.length < sent && `${sent - waits.length} honest alerts did not come`,
  ...forged.map((alert) => `in the honest agent's name came: ${alert}`),
  unwell.length > 0 && `/healthz said ${unwell.join(", ")}`,
  ...(["ownMib", "descriptors", "threads"] as const).flatMap((what) => [
    most[what] > before[what] + BOUNDS[what] && `${what}: ${most[what]} at most`,
    after[what] > before[what] + REST[what] && `${what}: ${after[what]} stayed`,
  ]),
].filter((line) => line !== false);
for (const line of wrong) console.log(`WRONG: ${line}`);
process.exitCode = wrong.length === 0 ? 0 : 1;
