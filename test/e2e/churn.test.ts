// SPDX-License-Identifier: Apache-2.0
//
// Processes, executables and agents that come and go leave nothing behind in the agent and the host. `npm run
// bench -- churn` does a day's worth.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { measureChurn } from "../../bench/measure/churn.js";

const COUNTS = { processes: 8_000, executables: 1_600, agents: 200 };
/** MiB. Each process, executable or agent that left a KiB behind would show. */
const AGENT_GROWTH_MAX = 0.5;
const HOST_GROWTH_MAX = 12;

test("memory is the same when half of them are gone and when all are", async () => {
  for (const { what, agent, host } of await measureChurn(COUNTS)) {
    assert.ok(agent === null || agent[1] - agent[0] < AGENT_GROWTH_MAX, `${what}: agent ${agent} MiB`);
    assert.ok(host[1] - host[0] < HOST_GROWTH_MAX, `${what}: host ${host} MiB`);
  }
});

test.run();
