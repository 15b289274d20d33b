// SPDX-License-Identifier: Apache-2.0
//
// `npm run bench -- quiet [--json] [--passes N]`: two hours of event time of benign programs before the
// default pack: the everyday programs of the transparency test, recorded once and judged in N passes (120:
// one a minute). How many events, how many alerts.
import { loadPolicies } from "../host/policy/load.js";
import { scratch } from "../test/e2e/programs.js";
import { HOURS, judgeHours, recordBenign } from "../test/lab/benign.js";

const given = process.argv.indexOf("--passes");
const passes = given < 0 ? 120 : Number(process.argv[given + 1]);
const policies = await loadPolicies([]);
const recorded = await recordBenign(scratch());
const from = performance.now();
const judged = await judgeHours(recorded, policies, passes);
const report = {
  hours: HOURS,
  passes,
  programs: recorded.length,
  policies: policies.length,
  events: judged.events,
  alerts: judged.alerts.length,
  faults: judged.faults.length,
  aliveAlerts: recorded.filter(({ alerts }) => alerts !== "").map(({ name }) => name),
  seconds: (performance.now() - from) / 1000,
};
if (process.argv.includes("--json")) console.log(JSON.stringify(report));
else for (const [what, figure] of Object.entries(report)) console.log(`${what.padEnd(12)} ${figure}`);
if (!process.argv.includes("--json")) for (const alert of new Set(judged.alerts)) console.log(alert);
process.exit(0);
