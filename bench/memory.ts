// SPDX-License-Identifier: Apache-2.0
//
// `npm run bench -- memory [--json]`: what 1,000 watched processes cost in memory: when each has just made
// 5,000 calls as fast as it could, and when they have rested.
import { measureMemory } from "./measure/memory.js";

const CALLS = 5_000;
const REST_MS = 8_000;
const BARS = { agentMiB: 12, ringKiB: 64 };

const [busy, resting] = await measureMemory(CALLS, [REST_MS]);
if (process.argv.includes("--json"))
  console.log(JSON.stringify({ calls: CALLS, restMs: REST_MS, busy, resting, bars: BARS }));
else {
  for (const [when, { processes, rss, rings, ring }] of Object.entries({ busy: busy!, resting: resting! }))
    console.log(
      `${when}: ${processes} processes, agent ${rss.toFixed(1)} MiB (bar ${BARS.agentMiB}), rings ${rings.toFixed(1)} MiB, the largest ${ring} KiB`,
    );
  const met = resting!.rss < BARS.agentMiB && resting!.ring <= BARS.ringKiB;
  console.log(
    `${met ? "met" : "NOT MET"}: agent under ${BARS.agentMiB} MiB, at most ${BARS.ringKiB} KiB of ring for an idle thread`,
  );
}
