// SPDX-License-Identifier: Apache-2.0
//
// `npm run bench -- policy [--json]`: events a second through 1, 16 and 50 policies, on batches that were
// recorded from real programs just before; what an event costs by the style of the rule that looks at it, and
// where none does; what tenants cost, and how soon honest ones are heard beside hostile ones (--rounds N of
// each by turns).
import { measureNeighbours, type NeighbourCost } from "./measure/neighbours.js";
import { measurePolicies, type PolicySpeed } from "./measure/policies.js";
import { recordBatches } from "./measure/record.js";
import { measureStyles, measureUnasked, type StyleCost, type UnaskedCost } from "./measure/styles.js";
import { measureTenants, type TenantCost } from "./measure/tenants.js";

const COUNTS = [1, 16, 50];
const EVENTS_MAX = 100_000;
const TARGET = 5_000_000;
const ROUNDS = 3;

export interface PolicyReport {
  readonly events: number;
  readonly speeds: readonly PolicySpeed[];
  readonly styles: readonly StyleCost[];
  readonly unasked: UnaskedCost;
  readonly tenants: TenantCost;
  readonly neighbours: NeighbourCost;
}

const given = process.argv.indexOf("--rounds");
const batches = await recordBatches(EVENTS_MAX);
const report: PolicyReport = {
  events: batches.reduce((sum, batch) => sum + batch.count, 0),
  speeds: await measurePolicies(COUNTS, batches),
  styles: await measureStyles(),
  unasked: await measureUnasked(),
  tenants: measureTenants(batches),
  neighbours: await measureNeighbours(given < 0 ? ROUNDS : Number(process.argv[given + 1])),
};

if (process.argv.includes("--json")) console.log(JSON.stringify(report));
else {
  const millions = (value: number): string => (value / 1e6).toFixed(1).padStart(7);
  console.log(`${report.events} events recorded from real programs, judged on one core`);
  console.log("policies   million events/s   ns per event and policy");
  for (const speed of report.speeds)
    console.log(
      `${String(speed.policies).padStart(8)}   ${millions(speed.eventsPerSecond).padStart(16)}   ${speed.nsPerEvent.toFixed(1).padStart(23)}`,
    );
  console.log(`target: ${TARGET / 1e6} million/s through 16`);
  console.log("\nstyle of rule                             ns per event   of the rule");
  for (const style of report.styles)
    console.log(
      `${style.name.padEnd(40)}   ${style.nsPerEvent.toFixed(2).padStart(12)}   ${style.nsOfRule.toFixed(1).padStart(11)}`,
    );
  const { unasked, tenants, neighbours } = report;
  console.log(
    `\nan event that no rule asks for   ${unasked.nsAlone.toFixed(3)} ns where its whole batch holds nothing for the policy, ${unasked.nsBesideOne.toFixed(1)} ns beside one that is asked for`,
  );
  console.log(`
${tenants.tenants} tenants in ${tenants.workers} workers        ${millions(tenants.eventsPerSecond)} million events/s of the stream (target 1), ${Math.round(tenants.rssMiB)} MiB
swap, module compiled          ${tenants.swapMs.toFixed(1).padStart(7)} ms (target 50)
worker restarted               ${tenants.restartMs.toFixed(1).padStart(7)} ms (target 100)
one policy in a thread         ${millions(tenants.threadEventsPerSecond)} million events/s
one policy in its own process  ${millions(tenants.isolatedEventsPerSecond)} million events/s, ${Math.round(tenants.isolatedRssMiB)} MiB`);
  console.log(
    `\nalerts of ${neighbours.good} honest tenants, medians of ${neighbours.rounds} rounds     median      p99    worst ever`,
  );
  const named = { alone: neighbours.calm, [`beside ${neighbours.hostile} hostile ones`]: neighbours.storm };
  for (const [name, { medianMs, p99Ms, worstMs }] of Object.entries(named))
    console.log(
      `${name.padEnd(52)} ${medianMs.toFixed(1).padStart(6)} ${p99Ms.toFixed(1).padStart(8)} ${worstMs.toFixed(0).padStart(10)} ms`,
    );
}
process.exit(0);
