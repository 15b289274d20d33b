// SPDX-License-Identifier: Apache-2.0
//
// The host of `vedette run` is killed from outside, by nobody whom the agent sees: the kernel that has no
// memory left, an operator, a program beyond the workload.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { stringify } from "yaml";
import { buildFixture } from "../e2e/fixtures.js";
import { DENIED } from "../e2e/prevention.js";
import { agentOf, scratch, start, VEDETTE } from "../e2e/programs.js";
import { until } from "../until.js";

const GONE =
  "vedette-capture: the host is gone, and the workload goes on: nothing of it is judged from now on, and no alert is told. " +
  "What was denied stays denied. Start the workload anew under Vedette.\n";

test("H59: a host that is killed: the agent says so at once, the workload goes on, and what was denied stays denied", async () => {
  const folder = scratch();
  const policy = join(folder, "policies.d/web/rows");
  mkdirSync(policy, { recursive: true });
  const rows = [{ name: "net", deny: "connect", to: [DENIED] }];
  writeFileSync(join(policy, "policy.yaml"), stringify({ name: "rows", prevent: rows }));
  const [said, stop] = [join(folder, "said"), join(folder, "stop")];
  const loop = `while [ ! -e ${stop} ]; do ${buildFixture("prevent_calls")} connect ${DENIED} >> ${said}; sleep 0.1; done`;
  const words = ["run", "--policies-d", join(folder, "policies.d"), "--alerts", join(folder, "alerts")];
  const sensor = start([...VEDETTE, ...words, "--", "sh", "-c", loop], { cwd: folder, limitMs: 150_000 });
  const lines = (): string[] => (existsSync(said) ? readFileSync(said, "utf8").trim().split("\n") : []);
  try {
    await until("it is denied", () => lines().at(-1) === "connect EPERM");
    const agent = await agentOf(sensor.child.pid!);
    assert.not.match(sensor.said(), GONE);
    sensor.child.kill("SIGKILL");
    await until("the agent says it", () => sensor.said().includes(GONE), { tell: sensor.said });
    const before = lines().length;
    await until("the workload goes on", () => lines().length > before + 2);
    assert.equal([...new Set(lines().slice(before))], ["connect EPERM"]);
    writeFileSync(stop, "");
    await until("the agent has ended", () => !existsSync(`/proc/${agent}`));
    await until("what was not judged is counted", () => /[1-9]\d* events could not be delivered/.test(sensor.said()));
    assert.is(sensor.said().split(GONE).length, 2, "once");
  } finally {
    writeFileSync(stop, "");
  }
});

test("H59: control: of a host that ends with its workload nothing is said", async () => {
  const ended = await start([...VEDETTE, "run", "--", "sh", "-c", "sleep 0.3; exit 3"]).ended;
  assert.equal([ended.status, ended.stderr], [3, ""]);
});

test.run();
