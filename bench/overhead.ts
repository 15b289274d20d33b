// SPDX-License-Identifier: Apache-2.0
//
// `npm run bench -- overhead [--json | --markdown] [--rounds N] [--watchers LIST] [NAME...]`: what being
// watched costs, by workload and watcher: the programs bare, under Vedette (default, strict, trace tier only;
// with `--watchers native,vedette,normal` normal too), under an LD_PRELOAD recorder, strace, and a
// minimal eBPF capture of the same fields. Medians of interleaved rounds,
// then one run that counts events; the bars, met or not. NAMEs choose workloads whose name holds one of them.
import { cpus, loadavg, release } from "node:os";
import { parseArgs } from "node:util";
import { judge } from "./measure/bars.js";
import { countEvents } from "./measure/counts.js";
import type { Taken, Workload } from "./measure/kinds.js";
import { median } from "./measure/median.js";
import { headLine, markdown, type Row, textLine } from "./measure/table.js";
import { type Watcher, watchers } from "./measure/watchers.js";
import { isInstalled, workloads } from "./measure/workloads.js";

const ROUNDS = 5;

async function measure(workload: Workload, able: readonly Watcher[], rounds: number): Promise<Row> {
  const taken = new Map<string, Taken[]>(able.map((watcher) => [watcher.name, []]));
  for (let round = 0; round < rounds; round++) {
    // What stops at every call is slow and steady: once is enough.
    for (const watcher of able)
      if (round === 0 || !watcher.isSlow) taken.get(watcher.name)!.push(await workload.run(watcher));
  }
  const values = medians(taken, ({ value }) => value);
  const cpuNs = medians(taken, (one) => one.cpuNs);
  const speed = (name: string): number =>
    workload.unit === "/s" ? values[name]! / values.native! : values.native! / values[name]!;
  const ratio = Object.fromEntries(Object.keys(values).map((name) => [name, speed(name)]));
  const counted = await countEvents(workload);
  return { workload: workload.name, unit: workload.unit, calls: workload.calls, values, cpuNs, ratio, ...counted };
}

function medians(taken: ReadonlyMap<string, readonly Taken[]>, part: (one: Taken) => number): Record<string, number> {
  return Object.fromEntries(
    [...taken].map(([name, list]) => [name, median(list.map(part).filter((value) => !Number.isNaN(value)))]),
  );
}

const { values: flags, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean", default: false },
    markdown: { type: "boolean", default: false },
    rounds: { type: "string", default: String(ROUNDS) },
    watchers: { type: "string" },
  },
});
const isText = !flags.json && !flags.markdown;
const rounds = Number(flags.rounds);
const asked = flags.watchers?.split(",");
const { able: known, unable } = watchers();
const able = known.filter(({ name, isExtra }) => asked?.includes(name) ?? isExtra !== true);
const names = able.map((watcher) => watcher.name);
const rows: Row[] = [];
const loadAt = { start: loadavg()[0]!, end: 0 };
if (isText) {
  for (const reason of unable) console.log(`skipped: ${reason}`);
  console.log(headLine(names));
}
for (const workload of workloads()) {
  if (wanted.length > 0 && !wanted.some((word) => workload.name.includes(word))) continue;
  const missing = (workload.needs ?? []).filter((command) => !isInstalled(command));
  if (missing.length > 0) {
    unable.push(`${workload.name}: no ${missing.join(", ")}`);
    if (isText) console.log(`skipped: ${unable.at(-1)}`);
    continue;
  }
  const row = await measure(workload, able, rounds);
  rows.push(row);
  if (isText) console.log(textLine(row, names));
  else process.stderr.write(`${textLine(row, names)}\n`);
}
loadAt.end = loadavg()[0]!;
const verdicts = judge(rows);
const machine = { kernel: release(), cpu: cpus()[0]!.model, cpus: cpus().length, load: loadAt, rounds };
const about = `Linux ${machine.kernel}, ${machine.cpus} x ${machine.cpu}, load average ${loadAt.start.toFixed(1)} at the start and ${loadAt.end.toFixed(1)} at the end; medians of ${rounds} interleaved rounds`;
if (flags.json) console.log(JSON.stringify({ ...machine, watchers: names, skipped: unable, rows, bars: verdicts }));
else if (flags.markdown) console.log(`${about}\n\n${markdown(rows, names, verdicts)}`);
else {
  console.log(`\n${about}; in brackets: share of native speed\n`);
  for (const { bar, measured, met } of verdicts)
    console.log(`${(met === undefined ? "-" : met ? "met" : "NOT MET").padEnd(9)}${bar}: ${measured}`);
}
process.exit(0);
