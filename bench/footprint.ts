// SPDX-License-Identifier: Apache-2.0
//
// `npm run bench -- footprint [--json] [--rounds N]`: what Vedette takes in a Fargate task of the smallest
// size, 0.25 CPU and 512 MiB for all containers together: start-up delay, memory, CPU share, image sizes;
// each beside the bar it has to meet; at last with evidence, outputs, a store and responses on, too. Needs
// root and runc.
// `npm run bench -- footprint --cpus 0.25,0.5,1,2 [--rounds N]`: how many events a second tasks of these
// sizes bear, instead.
// `npm run bench -- footprint --loads N`: N loads with all of it on, instead: of each how late its alerts
// were and what the host took, and then p99 of all alerts together. A load has some 67 alerts, and p99 of so
// few is the latest one.
import {
  CPU,
  type Delay,
  type Load,
  MEMORY_BYTES,
  measureFootprint,
  measureFull,
  type Sizes,
} from "./measure/footprint.js";
import { type Borne, FARGATE_MIB, measureSizing } from "./measure/sizing.js";

const RATES = [1_000, 20_000];
const ROUNDS = 7;
const BARS = { availabilityMs: 50, securityMs: 1_500, agentMiB: 12, hostMiB: 100, alertMs: 50 };

const cpus = given("--cpus");
if (cpus !== null) {
  for await (const one of measureSizing(cpus.split(",").map(Number), Number(given("--rounds") ?? 1)))
    console.log(process.argv.includes("--json") ? JSON.stringify(one) : borneRow(one));
  process.exit(0);
}
const loads = given("--loads");
if (loads !== null) {
  const full = await measureFull(Math.max(...RATES), Number(loads));
  if (process.argv.includes("--json")) console.log(JSON.stringify({ loads: full, bars: BARS }));
  else for (const row of fullRows(full)) print(row);
  process.exit(0);
}
const measured = await measureFootprint(RATES, Number(given("--rounds") ?? ROUNDS));
const report = { task: { cpu: CPU, memoryBytes: MEMORY_BYTES }, ...measured, bars: BARS };
if (process.argv.includes("--json")) console.log(JSON.stringify(report));
else
  for (const row of [...delayRows(report.delay), ...report.loads.flatMap(loadRows), ...sizeRows(report.sizes)])
    print(row);
process.exit(0);

function given(option: string): string | null {
  const at = process.argv.indexOf(option);
  return at < 0 ? null : process.argv[at + 1]!;
}

function borneRow({ cpu, calls, most, tooMuch }: Borne): string {
  const size = `${cpu} vCPU, ${FARGATE_MIB.get(cpu)} MiB, ${calls}`;
  if (most === null) return `${size}: none of the rates; ${tooMuch?.rate} is too much`;
  const of = (share: number) => `${(share * 100).toFixed(1)} %`;
  const shares = `host ${of(most.hostCpu)}, agent ${of(most.agentCpu)}, workload ${of(most.workloadCpu)} of a CPU`;
  const end = tooMuch === null ? "" : `; at ${tooMuch.rate.toLocaleString("en")} ${tooMuch.why}`;
  const memory = `host ${most.hostMiB.toFixed(0)} MiB, agent ${most.agentMiB.toFixed(1)}, rings ${most.ringsMiB.toFixed(1)}`;
  return `${size}: ${most.rate.toLocaleString("en")} events/s, ${shares}, ${memory}${end}`;
}

interface Row {
  readonly what: string;
  readonly figure: string;
  readonly bar?: readonly [boolean, string];
}

function delayRows({ plain, availability, security, securityCold, coldCpu }: Delay): Row[] {
  const row = (what: string, ms: number, most: number): Row => ({
    what: `start-up added, ${what}`,
    figure: `${(ms - plain).toFixed(0)} ms`,
    bar: [ms - plain < most, `under ${most} ms`],
  });
  return [
    row("availability", availability, BARS.availabilityMs),
    row("security, sidecar ready", security, BARS.securityMs),
    row("security, sidecar starts with it", securityCold, BARS.securityMs),
    { what: "CPU time of the task until then", figure: `${(coldCpu * 1000).toFixed(0)} ms` },
  ];
}

function loadRows(load: Load): Row[] {
  const all = load.isEverythingOn ? ", all on" : "";
  const at = (what: string) => `${what}, ${load.rate.toLocaleString("en")} events/s${all}`;
  const share = (cpu: number) => `${(cpu * 100).toFixed(1)} %`;
  return [
    {
      what: at("agent's memory"),
      figure: `${load.agentMiB.toFixed(1)} MiB, rings ${load.ringsMiB.toFixed(1)}`,
      bar: [load.agentMiB < BARS.agentMiB, `under ${BARS.agentMiB} MiB and rings`],
    },
    {
      what: at("host's memory"),
      figure: `${load.hostMiB.toFixed(0)} MiB, files ${load.hostFilesMiB.toFixed(0)}`,
      bar: [load.hostMiB < BARS.hostMiB, `under ${BARS.hostMiB} MiB`],
    },
    { what: at("agent, of a CPU"), figure: share(load.agentCpu) },
    { what: at("host, of a CPU"), figure: share(load.hostCpu) },
    { what: at("workload, of a CPU"), figure: share(load.workloadCpu) },
    ...(load.alertMs.length > 0 ? [alertRow(at("call to alert, p99"), load.alertMs)] : []),
    { what: at("events made and lost"), figure: `${load.events}, ${load.lost}`, bar: [load.lost === 0, "none lost"] },
  ];
}

function fullRows(loads: readonly Load[]): Row[] {
  const each = loads.flatMap((load, i): Row[] => {
    const late = load.alertMs.filter((ms) => ms >= BARS.alertMs).length;
    const { figure } = alertRow("", load.alertMs);
    const host = `host ${load.hostMiB.toFixed(1)} MiB, files ${load.hostFilesMiB.toFixed(0)}, ${(load.hostCpu * 100).toFixed(1)} % of a CPU`;
    return [
      { what: `load ${i + 1}: call to alert, p99`, figure: `${figure}, ${late} late` },
      {
        what: `load ${i + 1}: host's memory`,
        figure: host,
        bar: [load.hostMiB < BARS.hostMiB, `under ${BARS.hostMiB} MiB`],
      },
      {
        what: `load ${i + 1}: events made and lost`,
        figure: `${load.events}, ${load.lost}`,
        bar: [load.lost === 0, "none lost"],
      },
    ];
  });
  const all = loads.flatMap(({ alertMs }) => alertMs).sort((a, b) => a - b);
  return [...each, alertRow(`of all ${loads.length}: call to alert, p99`, all)];
}

function alertRow(what: string, sorted: readonly number[]): Row {
  const [p50, p99] = [0.5, 0.99].map((share) => sorted[Math.floor(sorted.length * share)] as number) as [
    number,
    number,
  ];
  const figure = `${p99} ms, median ${p50}, of ${sorted.length}`;
  return { what, figure, bar: [p99 < BARS.alertMs, `under ${BARS.alertMs} ms`] };
}

function sizeRows(sizes: Sizes): Row[] {
  const names: Record<keyof Sizes, string> = {
    agent: "agent",
    root: "the sidecar's root",
    layer: "its image, compressed",
    image: "its image's archive",
  };
  return Object.entries(sizes).map(([name, mib]) => ({
    what: names[name as keyof Sizes],
    figure: `${mib.toFixed(1)} MiB`,
  }));
}

function print({ what, figure, bar }: Row): void {
  const beside = bar === undefined ? "" : `${bar[0] ? "met" : "not met"}: ${bar[1]}`;
  console.log(`${what.padEnd(46)} ${figure.padStart(22)}   ${beside}`);
}
