// SPDX-License-Identifier: Apache-2.0
//
// `npm run bench -- policy [--json]`: events a second through 1, 16 and 50 policies, on batches that were recorded from real
// programs just before; and what an event costs by the style of the rule that looks at it.
import { measurePolicies, type PolicySpeed } from "./measure/policies.js";
import { recordBatches } from "./measure/record.js";
import { measureStyles, type StyleCost } from "./measure/styles.js";
import { measureTenants, type TenantCost } from "./measure/tenants.js";

const COUNTS = [1, 16, 50];
const EVENTS_MAX = 100_000;
const TARGET = 5_000_000;

export interface PolicyReport {
  readonly events: number;
  readonly speeds: readonly PolicySpeed[];
  readonly styles: readonly StyleCost[];
  readonly tenants: TenantCost;
}

const batches = await recordBatches(EVENTS_MAX);
const report: PolicyReport = {
  events: batches.reduce((sum, batch) => sum + batch.count, 0),
  speeds: await measurePolicies(COUNTS, batches),
  styles: await measureStyles(),
  tenants: measureTenants(batches),
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
  const { tenants } = report;
  console.log(`
${tenants.tenants} tenants in ${tenants.workers} workers        ${millions(tenants.eventsPerSecond)} million events/s of the stream (target 1), ${Math.round(tenants.rssMiB)} MiB
swap, module compiled          ${tenants.swapMs.toFixed(1).padStart(7)} ms (target 50)
worker restarted               ${tenants.restartMs.toFixed(1).padStart(7)} ms (target 100)
one policy in a thread         ${millions(tenants.threadEventsPerSecond)} million events/s
one policy in its own process  ${millions(tenants.isolatedEventsPerSecond)} million events/s, ${Math.round(tenants.isolatedRssMiB)} MiB`);
}
process.exit(0);
