// SPDX-License-Identifier: Apache-2.0
//
// `npm run bench -- fleet [PART...] [--json] [--rounds N] [--sensors N] [--seconds N] [--events N]`: what a
// pool of judges does, with Debian's nats-server and PostgreSQL on this machine. `--servers 3`: the bus is a
// cluster, which keeps streams three times. Parts, all by default:
//
//   scale      events a second of one judge and of two, on the same backlog of --events
//   bytes      bytes that an event of real programs takes on the bus
//   cpu        CPU time of such an event in the sidecar that forwards it, the bus and the judge
//   fanin      --sensors of 50 tenants for --seconds: how late findings are, memory, and beside a slow policy
//   takeover   --rounds times a judge is killed: how long until its partitions are judged on; losses
//   freeze     the same with a judge that is stopped until long after its lease, and goes on
//
// Ends with 1 where a finding is lost, doubled or wrong.
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { measureFanin } from "./measure/fleet-fanin.js";
import { measurePrograms } from "./measure/fleet-programs.js";
import { type FleetReport, linesOf, verdictsOf } from "./measure/fleet-report.js";
import { measureScale } from "./measure/fleet-scale.js";
import { readyToSend } from "./measure/fleet-sensors.js";
import { measureTakeover } from "./measure/fleet-takeover.js";
import { recordBatches } from "./measure/record.js";

const PARTS = ["scale", "bytes", "cpu", "fanin", "takeover", "freeze"];
const RECORDED = 100_000;

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean", default: false },
    rounds: { type: "string" },
    sensors: { type: "string", default: "100" },
    seconds: { type: "string", default: "60" },
    events: { type: "string", default: "8000000" },
    servers: { type: "string", default: "1" },
  },
});
const unknown = positionals.find((part) => !PARTS.includes(part));
if (unknown !== undefined || !["1", "3"].includes(flags.servers)) {
  console.log(`usage: npm run bench -- fleet [${PARTS.join(" | ")}]... [--servers 1|3]`);
  process.exit(2);
}
const has = (...parts: string[]): boolean =>
  positionals.length === 0 || parts.some((part) => positionals.includes(part));
const roundsOr = (usual: number): number => Number(flags.rounds ?? usual);
const [servers, seconds, sensors] = [Number(flags.servers), Number(flags.seconds), Number(flags.sensors)];

const loads = { begin: loadavg()[0] as number, end: 0 };
const recorded = has("scale", "fanin") ? readyToSend(await recordBatches(RECORDED)) : [];
const report: FleetReport = {
  ...{ servers, loads },
  ...(has("scale") && {
    scale: await measureScale(recorded, { events: Number(flags.events), rounds: roundsOr(3), servers }),
  }),
  ...(has("bytes", "cpu") && { programs: await measurePrograms(roundsOr(3), servers) }),
  ...(has("fanin") && { fanin: await measureFanin(recorded, { sensors, seconds, servers }) }),
  ...(has("takeover") && { takeover: await measureTakeover("kill", roundsOr(5), servers) }),
  ...(has("freeze") && { freeze: await measureTakeover("freeze", roundsOr(3), servers) }),
};
loads.end = loadavg()[0] as number;
const shown = { bytes: has("bytes"), cpu: has("cpu") };
const verdicts = verdictsOf(report, shown);
if (flags.json) console.log(JSON.stringify({ ...report, verdicts }));
else for (const line of linesOf(report, shown, verdicts)) console.log(line);
const isWrong = [report.takeover, report.freeze].some(
  (one) => (one?.lost ?? 0) + (one?.doubled ?? 0) + (one?.wrong ?? 0) > 0,
);
process.exit(isWrong || (report.fanin?.missing ?? 0) > 0 ? 1 : 0);
