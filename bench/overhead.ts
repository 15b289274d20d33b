// SPDX-License-Identifier: Apache-2.0
//
// `npm run bench -- overhead [--json] [--rounds N] [NAME...]`: what being watched costs, by workload and watcher: the programs bare,
// under Vedette (default, strict, trace tier only), under an LD_PRELOAD recorder, strace, and a minimal eBPF capture of the
// same fields. Medians of interleaved rounds. NAMEs choose workloads whose name holds one of them.
import { cpus, release } from "node:os";
import { median } from "./measure/median.js";
import { type Watcher, watchers } from "./measure/watchers.js";
import { eventsOf, isInstalled, type Workload, workloads } from "./measure/workloads.js";

export interface Row {
  readonly workload: string;
  readonly unit: string;
  readonly values: Readonly<Record<string, number>>;
  /** Share of native speed, by watcher. */
  readonly ratio: Readonly<Record<string, number>>;
  readonly addedNsPerCall: Readonly<Record<string, number>>;
  readonly events?: number;
  readonly lost?: number;
  readonly inline?: number;
}

const ROUNDS = 5;

async function measure(workload: Workload, able: readonly Watcher[], rounds: number): Promise<Row> {
  const taken = new Map<string, number[]>(able.map((watcher) => [watcher.name, []]));
  for (let round = 0; round < rounds; round++) {
    // What stops at every call is slow and steady: once is enough.
    for (const watcher of able)
      if (round === 0 || !watcher.isSlow) taken.get(watcher.name)!.push(await workload.run(watcher));
  }
  const values = Object.fromEntries(
    [...taken].map(([name, list]) => [name, median(list.filter((value) => !Number.isNaN(value)))]),
  );
  const native = values.native!;
  const ratio = Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, workload.unit === "/s" ? value / native : native / value]),
  );
  const calls = workload.calls;
  const added =
    calls === undefined
      ? {}
      : Object.fromEntries(Object.entries(values).map(([name, value]) => [name, (value - native) / calls]));
  const counted = workload.argv === undefined ? undefined : eventsOf(workload.argv);
  return { workload: workload.name, unit: workload.unit, values, ratio, addedNsPerCall: added, ...counted };
}

function print(row: Row, names: readonly string[]): void {
  const digits = row.unit === "ns" ? 1 : 0;
  const cells = names.map((name) => {
    const value = row.values[name];
    if (value === undefined || Number.isNaN(value)) return "-".padStart(18);
    return `${value.toFixed(digits)} (${(row.ratio[name]! * 100).toFixed(0)} %)`.padStart(18);
  });
  const share =
    row.inline === undefined ? "" : `${(row.inline * 100).toFixed(1)} % inline, ${row.events} events, ${row.lost} lost`;
  console.log(`${`${row.workload} [${row.unit}]`.padEnd(36)}${cells.join("")}  ${share}`);
}

const args = process.argv.slice(2);
const isJson = args.includes("--json");
const roundsAt = args.indexOf("--rounds");
const rounds = roundsAt < 0 ? ROUNDS : Number(args[roundsAt + 1]);
const wanted = args.filter((word, i) => !word.startsWith("--") && i !== roundsAt + 1);
const { able, unable } = watchers();
const names = able.map((watcher) => watcher.name);
const rows: Row[] = [];
if (!isJson) {
  console.log(
    `Linux ${release()}, ${cpus().length} x ${cpus()[0]!.model}; medians of ${rounds}; in brackets: share of native speed`,
  );
  for (const reason of unable) console.log(`skipped: ${reason}`);
  console.log(`${"".padEnd(36)}${names.map((name) => name.padStart(18)).join("")}`);
}
for (const workload of workloads()) {
  if (wanted.length > 0 && !wanted.some((word) => workload.name.includes(word))) continue;
  const missing = (workload.needs ?? []).filter((command) => !isInstalled(command));
  if (missing.length > 0) {
    unable.push(`${workload.name}: no ${missing.join(", ")}`);
    if (!isJson) console.log(`skipped: ${unable.at(-1)}`);
    continue;
  }
  const row = await measure(workload, able, rounds);
  rows.push(row);
  if (!isJson) print(row, names);
}
if (isJson)
  console.log(
    JSON.stringify({
      kernel: release(),
      cpu: cpus()[0]!.model,
      cpus: cpus().length,
      rounds,
      watchers: names,
      skipped: unable,
      rows,
    }),
  );
process.exit(0);
