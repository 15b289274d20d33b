// SPDX-License-Identifier: Apache-2.0
//
// `npm run bench -- trace [--json]`: what the traced way costs, a station at a time: a trapped call, the
// agent's memory, the encoder, the policies; each beside the bare program or the bar it has to meet.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { type CallCost, measureCalls } from "./measure/calls.js";
import { type AgentMemory, measureMemory } from "./measure/memory.js";
import { measurePolicies, type PolicySpeed } from "./measure/policies.js";
import { ROOT } from "./measure/programs.js";

const POLICIES = [1, 16];
const BARS = { agentRssMiB: 12, encoderEventsPerSecond: 2_000_000, policyEventsPerSecond: 5_000_000 };

interface EncoderSpeed {
  readonly encoder_events_per_second: number;
  readonly decode_and_state_ns_per_event: number;
}

export interface TraceReport {
  /** ns per pread of 4 KiB. */
  readonly calls: CallCost;
  readonly memory: AgentMemory;
  readonly encoder: EncoderSpeed;
  /** The inline tier's reader: ns from a ring to the batch, by mix of calls. */
  readonly drain: Readonly<Record<string, number>>;
  readonly policies: readonly PolicySpeed[];
  readonly bars: typeof BARS;
}

const report: TraceReport = {
  calls: measureCalls(),
  memory: (await measureMemory())[0]!,
  encoder: measured("encode-bench") as EncoderSpeed,
  drain: measured("drain-bench") as Record<string, number>,
  policies: await measurePolicies(POLICIES),
  bars: BARS,
};
if (process.argv.includes("--json")) console.log(JSON.stringify(report));
else print(report);
process.exit(0);

function measured(bench: string): unknown {
  execFileSync("make", ["-C", join(ROOT, "capture"), "bench"], { stdio: "ignore" });
  return JSON.parse(execFileSync(join(ROOT, "build", bench), { encoding: "utf8", timeout: 60_000 }));
}

function print({ calls, memory, encoder, drain, policies }: TraceReport): void {
  const millions = (value: number): string => `${(value / 1e6).toFixed(1)} million/s`;
  const bar = (good: boolean, text: string): string => `${good ? "met" : "not met"}: ${text}`;
  const rows: [string, string, string][] = [
    ["pread 4 KiB, bare", `${calls.native.toFixed(0)} ns`, ""],
    [
      "the same, trapped (agent alone)",
      `${calls.agent.toFixed(0)} ns`,
      `${(calls.agent / calls.native).toFixed(0)} times`,
    ],
    ["the same, trapped (vedette run)", `${calls.run.toFixed(0)} ns`, `${(calls.run / calls.native).toFixed(0)} times`],
    [
      `agent with ${memory.processes} live processes`,
      `${memory.rss.toFixed(1)} MiB, rings ${memory.rings.toFixed(1)}`,
      bar(memory.rss < BARS.agentRssMiB, `under ${BARS.agentRssMiB} MiB`),
    ],
    [
      "encoder",
      millions(encoder.encoder_events_per_second),
      bar(encoder.encoder_events_per_second >= BARS.encoderEventsPerSecond, "2 million/s"),
    ],
    ["decode and state before it", `${encoder.decode_and_state_ns_per_event.toFixed(0)} ns an event`, ""],
    ...Object.entries(drain).map(([mix, ns]): [string, string, string] => [
      `from a ring to the batch, ${mix.replace("_ns_per_event", "")}`,
      `${ns.toFixed(0)} ns an event`,
      "",
    ]),
    ...policies.map(({ policies: count, eventsPerSecond }): [string, string, string] => [
      `events through ${count} ${count === 1 ? "policy" : "policies"}`,
      millions(eventsPerSecond),
      count < 16 ? "" : bar(eventsPerSecond >= BARS.policyEventsPerSecond, "5 million/s"),
    ]),
  ];
  for (const [what, figure, beside] of rows) console.log(`${what.padEnd(36)} ${figure.padStart(26)}   ${beside}`);
}
