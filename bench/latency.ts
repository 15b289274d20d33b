// SPDX-License-Identifier: Apache-2.0
//
// `npm run bench -- latency [--json] [--rounds N]`: from a system call to its alert on standard output, under
// `vedette run`, at rest, beside 20,000 events a second, and beside as many as the machine gives; for a call
// that is recorded inline and one that is traced.
import { type AlertLatency, measureLatency } from "./measure/latency.js";

const ROUNDS = 3;
const BAR_MS = 50;
const NAMES = { "0": "at rest", "20000": "beside 20,000 events/s", max: "beside full load" } as const;
const WAYS = { opened: "inline (open)", unlinked: "traced (unlink)" } as const;

const given = process.argv.indexOf("--rounds");
const rows = await measureLatency(given < 0 ? ROUNDS : Number(process.argv[given + 1]));
if (process.argv.includes("--json")) console.log(JSON.stringify({ barMs: BAR_MS, rows }));
else {
  console.log(
    "from the call to the alert             median      p99    worst   alerts   missing   bar: p99 under 50 ms",
  );
  for (const row of rows) console.log(line(row));
}
process.exit(0);

function line({ load, way, alerts, missing, medianMs, p99Ms, worstMs }: AlertLatency): string {
  const ms = (value: number): string => `${value.toFixed(1)} ms`.padStart(9);
  const what = `${NAMES[load]}, ${WAYS[way]}`.padEnd(38);
  const met = p99Ms < BAR_MS ? "met" : "not met";
  return `${what}${ms(medianMs)}${ms(p99Ms)}${ms(worstMs)}${String(alerts).padStart(9)}${String(missing).padStart(10)}   ${met}`;
}
