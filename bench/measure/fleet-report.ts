// SPDX-License-Identifier: Apache-2.0
//
// What the bench of the fleet says: each figure, and each bar with what was measured.
import type { Fanin, Lateness } from "./fleet-fanin.js";
import type { ProgramCosts } from "./fleet-programs.js";
import type { Scale } from "./fleet-scale.js";
import type { Takeovers } from "./fleet-takeover.js";
import { median } from "./median.js";
import type { Verdict } from "./table.js";

const BARS = { ratio: 1.8, bytes: 64, findingMs: 250, takeoverS: 6 };

/** Of the parts that were asked for. */
export interface FleetReport {
  readonly servers: number;
  /** Load averages of a minute. */
  readonly loads: { readonly begin: number; readonly end: number };
  readonly scale?: Scale;
  readonly programs?: ProgramCosts;
  readonly fanin?: Fanin;
  readonly takeover?: Takeovers;
  readonly freeze?: Takeovers;
}

/** Which of the two are shown that are measured together. */
export interface Shown {
  readonly bytes: boolean;
  readonly cpu: boolean;
}

export function verdictsOf({ scale, programs, fanin, takeover, freeze }: FleetReport, shown: Shown): Verdict[] {
  const verdicts: Verdict[] = [];
  const judge = (bar: string, measured: string, met: boolean): void => void verdicts.push({ bar, measured, met });
  if (scale !== undefined)
    judge(
      `two judges do at least ${BARS.ratio} times as much as one`,
      scale.ratio.toFixed(2),
      scale.ratio >= BARS.ratio,
    );
  if (programs !== undefined && shown.bytes) {
    const { bytes } = programs.together;
    judge(`at most ${BARS.bytes} bytes an event on the bus`, bytes.toFixed(1), bytes <= BARS.bytes);
  }
  if (fanin !== undefined) {
    const of = (what: string, { call, block }: Lateness): void =>
      judge(
        `${what} within ${BARS.findingMs} ms of the call, p99`,
        `${ms(call.p99)}; since its block was sealed ${ms(block.p99)}`,
        call.p99 <= BARS.findingMs,
      );
    of("a finding in the store", fanin.steady);
    of("the same beside a tenant's slow policy", fanin.besideSlow);
    judge("no finding of the fan-in is missing", String(fanin.missing), fanin.missing === 0);
  }
  for (const [what, one] of [
    ["killed", takeover],
    ["frozen", freeze],
  ] as const) {
    if (one === undefined) continue;
    const most = one.seconds.at(-1) ?? Number.NaN;
    judge(
      `partitions of a judge that is ${what} judged on within ${BARS.takeoverS} s`,
      seconds(most),
      most <= BARS.takeoverS,
    );
    const { lost, doubled, wrong } = one;
    const counted = `${lost} lost, ${doubled} doubled, ${wrong} wrong of ${one.expected}`;
    judge(`no finding lost, doubled or wrong where one is ${what}`, counted, lost + doubled + wrong === 0);
  }
  return verdicts;
}

export function linesOf(report: FleetReport, shown: Shown, verdicts: readonly Verdict[]): string[] {
  const { servers, loads, scale, programs, fanin, takeover, freeze } = report;
  const bus = servers === 1 ? "one server" : `${servers} servers`;
  return [
    `the bus: ${bus}; load average ${loads.begin.toFixed(1)} at the start, ${loads.end.toFixed(1)} at the end`,
    ...(scale === undefined ? [] : scaleLines(scale)),
    ...(programs === undefined ? [] : programLines(programs, shown)),
    ...(fanin === undefined ? [] : faninLines(fanin)),
    ...(takeover === undefined ? [] : takeoverLines("killed", takeover)),
    ...(freeze === undefined ? [] : takeoverLines("frozen", freeze)),
    "",
    ...verdicts.map(({ bar, measured, met }) => `${(met === true ? "met" : "NOT MET").padEnd(8)} ${bar}: ${measured}`),
  ];
}

function scaleLines({ backlog, rounds, one, two, ratio, byCpu }: Scale): string[] {
  const each = rounds.map(([a, b]) => (b.eventsPerSecond / a.eventsPerSecond).toFixed(2)).join(", ");
  const cpu = (of: 0 | 1): string => {
    const at = (what: "judges" | "bus" | "store"): string =>
      median(rounds.map((pair) => pair[of].cpuUs[what])).toFixed(2);
    return `CPU us an event: judges ${at("judges")}, bus ${at("bus")}, store ${at("store")}`;
  };
  return [
    "",
    `scale: ${count(backlog.events)} events in ${backlog.blocks} blocks, medians of ${rounds.length} rounds`,
    "  each judge is kept on a core of its own; the bus and the database have these cores, too",
    `  one judge    ${count(one)} events/s; ${cpu(0)}`,
    `  two judges   ${count(two)} events/s; ${cpu(1)}`,
    `  ratio        ${ratio.toFixed(2)} by the clock (${each}); ${byCpu.toFixed(2)} by CPU time of the judges`,
  ];
}

function programLines({ rounds, atRest, programs, together }: ProgramCosts, shown: Shown): string[] {
  const rows = [...programs, { name: "real programs together", ...together }];
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
  const bytes = rows.map(
    (one) => `  ${one.name.padEnd(24)} ${one.bytes.toFixed(1).padStart(6)}  (${count(one.events)} events)`,
  );
  const cpu = rows.map((one) => {
    const cells = [one.sidecarUs, one.withoutUs, one.busUs, one.judgeUs].map((us) => us.toFixed(2).padStart(9));
    return `  ${one.name.padEnd(24)}${cells.join("")}${one.lost > 0 ? `  ${one.lost} events lost` : ""}`;
  });
  return [
    ...(shown.bytes
      ? ["", `bytes of an event on the bus, as its stream has it, medians of ${rounds} rounds`, ...bytes]
      : []),
    ...(shown.cpu
      ? [
          "",
          `CPU us an event, medians of ${rounds} rounds, with what each takes at rest`,
          `  ${"".padEnd(24)}  sidecar, forwarding nothing      bus    judge`,
          ...cpu,
          `  at rest: sidecar ${percent(atRest.sidecar)} of a core (forwarding nothing ${percent(atRest.without)}), bus ${percent(atRest.bus)}, judge ${percent(atRest.judge)}`,
        ]
      : []),
  ];
}

function faninLines(fanin: Fanin): string[] {
  const { rssMib, slow, commits } = fanin;
  const row = (name: string, { call, block }: Lateness): string =>
    `  ${name.padEnd(24)} from the call p50 ${ms(call.p50)}, p99 ${ms(call.p99)}; from the sealed block p50 ${ms(block.p50)}, p99 ${ms(block.p99)}, most ${ms(block.most)} (${block.findings} findings)`;
  return [
    "",
    `fanin: ${fanin.sensors} sensors of ${fanin.tenants} tenants for ${fanin.seconds} s, ${count(fanin.rate)} events/s of the ${count(fanin.capacity)} that one judge does with such blocks`,
    `  a block has ${fanin.eventsEach.toFixed(0)} events and is filled for ${ms(fanin.sealMs)}; the bench sent them ${ms(fanin.sentLateMs)} late at p99`,
    row("all", fanin.steady),
    `  ${commits.count} commits of ${(commits.bytesEach / 1024).toFixed(0)} KiB: blocks sealed beside one p99 ${ms(commits.beside.p99)} (${commits.beside.findings} findings), others ${ms(commits.between.p99)}`,
    row("beside a slow policy", fanin.besideSlow),
    row("of the slow tenant", fanin.ofSlow),
    `  the slow policy: ${slow.state}, ${count(slow.events)} events judged${slow.lastError === null ? "" : `; ${slow.lastError}`}`,
    `  memory of the judge: ${[rssMib.begin, rssMib.middle, rssMib.end].map((mib) => mib.toFixed(0)).join(", ")} MiB at begin, middle and end; ${(fanin.judgeCpu * 100).toFixed(0)} % of its core`,
  ];
}

function takeoverLines(what: string, one: Takeovers): string[] {
  const { seconds: all, rounds, stored, expected, fenced } = one;
  return [
    "",
    `${what}: ${rounds} rounds, ${all.length} partitions: judged on after ${seconds(median([...all]))} in the median, ${seconds(all.at(-1) ?? Number.NaN)} at most`,
    `  ${stored} findings stored of ${expected}: ${one.lost} lost, ${one.doubled} doubled, ${one.wrong} wrong; fenced ${fenced} times`,
  ];
}

const ms = (value: number): string => `${value.toFixed(0)} ms`;
const seconds = (value: number): string => `${value.toFixed(1)} s`;
const count = (value: number): string => Math.round(value).toLocaleString("en-US");
