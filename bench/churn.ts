// SPDX-License-Identifier: Apache-2.0
//
// `npm run bench -- churn [--json] [--part N]`: memory of agent and host after a day's worth of coming and
// going: 1,000,000 processes, 100,000 distinct executables, 10,000 agents of as many containers.
// `--part 100`: a hundredth of each.
import { type Grown, measureChurn } from "./measure/churn.js";

const DAY = { processes: 1_000_000, executables: 100_000, agents: 10_000 };
const BARS = { agentMiB: 1, hostMiB: 10 };

const given = process.argv.indexOf("--part");
const part = given < 0 ? 1 : Number(process.argv[given + 1]);
const grown = await measureChurn({
  processes: DAY.processes / part,
  executables: DAY.executables / part,
  agents: DAY.agents / part,
});
if (process.argv.includes("--json")) console.log(JSON.stringify({ grown, bars: BARS }));
else for (const row of grown) print(row);

function print({ what, count, agent, host, seconds }: Grown): void {
  const growth = (pair: readonly [number, number]): string => `${pair.map((mib) => mib.toFixed(1)).join(" then ")} MiB`;
  const isFlat = (agent === null || agent[1] - agent[0] < BARS.agentMiB) && host[1] - host[0] < BARS.hostMiB;
  const of = agent === null ? "" : `agent ${growth(agent)}, `;
  console.log(
    `${count.toLocaleString("en")} ${what} in ${seconds} s: ${of}host ${growth(host)}: ${isFlat ? "met" : "NOT MET"}: under ${BARS.agentMiB} and ${BARS.hostMiB} MiB more`,
  );
}
