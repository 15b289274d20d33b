// SPDX-License-Identifier: Apache-2.0
// What the macro container_started asks for, `proc.vpid=1`, where `vedette` itself is the container's process
// 1: the process that the container was started to run stands for it, with each program that it executes, and
// nobody else does.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { missingForTasks, Task } from "../lab/task.js";
import { type PlayOptions, raise, Wings } from "./falco-stage.js";

const RULES = `
- macro: spawned
  condition: (evt.type in (execve, execveat) and evt.res = SUCCESS)
- rule: started
  desc: d
  condition: spawned and proc.vpid=1 and container.id != host
  output: "%proc.name %proc.vpid"
  priority: INFO
- rule: later
  desc: d
  condition: spawned and proc.vpid!=1
  output: "%proc.name %proc.vpid"
  priority: INFO
`;
// Two programs of the first process, and one of a child between them.
const WORKLOAD = ["/bin/sh", "-c", "/bin/true; exec /bin/echo"];

async function alertsOf(options: PlayOptions): Promise<string[]> {
  const wings = new Wings();
  const rules = join(wings.folder, "rules.yaml");
  writeFileSync(rules, RULES);
  const alerts = await raise(wings, WORKLOAD, { ...options, rules: [rules] });
  for (const { output_fields } of alerts) assert.ok(Number(output_fields["proc.vpid"]) > 1, JSON.stringify(alerts));
  return alerts.map(({ rule, output_fields }) => `${output_fields["proc.name"]} ${rule}`);
}

const missing = missingForTasks();
if (missing !== null) console.log(`skip: container starts: ${missing} is missing`);
else {
  test("what a container was started to run is its process 1, whatever number it has", async () => {
    const task = new Task([]);
    try {
      await task.open();
      assert.equal(await alertsOf({ task }), ["sh started", "true later", "echo started"]);
      assert.equal(await alertsOf({ task, isFalcoExact: true }), ["sh later", "true later", "echo later"]);
    } finally {
      await task.close();
    }
  });
}

test("outside of a container nobody stands for process 1", async () => {
  assert.equal(await alertsOf({}), ["sh later", "true later", "echo later"]);
});

test.run();
