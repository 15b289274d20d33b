// SPDX-License-Identifier: Apache-2.0
// Falco's own end-to-end suites, live: every case is performed under `vedette run` and must raise its rule's alert with the expected
// priority and output fields.
// Time limit: 300 s.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { missingForTasks, Task } from "../lab/task.js";
import { type FalcoAlert, play, Wings } from "./falco-stage.js";
import { type Case, makeFiles, readSuite } from "./falco-suite.js";
import { ROOT } from "./programs.js";

const FOLDER = join(ROOT, "../shared/falco/e2e");

function check(one: Case, alerts: readonly FalcoAlert[]): string | null {
  const said = alerts.filter((alert) => alert.rule === one.rule);
  const isExpected = (alert: FalcoAlert) =>
    alert.priority.toLowerCase() === one.priority.toLowerCase() &&
    Object.entries(one.fields).every(([name, value]) => String(alert.output_fields[name]) === value);
  if (said.some(isExpected)) return null;
  const others = alerts.map(({ rule, priority, output_fields }) => JSON.stringify({ rule, priority, output_fields }));
  return `${one.title}: expected ${one.rule} with ${JSON.stringify(one.fields)}, got ${others.join("\n") || "nothing"}`;
}

// Cases that a script must prepare one by one are played alone, the others together.
function groups(cases: readonly Case[]): Case[][] {
  const together = cases.filter((one) => one.before === null);
  const alone = cases.filter((one) => one.before !== null).map((one) => [one]);
  return together.length > 0 ? [together, ...alone] : alone;
}

async function perform(cases: readonly Case[], task?: Task): Promise<string[]> {
  const complaints: string[] = [];
  for (const group of groups(cases)) {
    const remove = makeFiles(group.flatMap((one) => one.files));
    try {
      for (const { before } of group) if (before !== null) execFileSync("sh", ["-c", before]);
      const wings = new Wings();
      const alerts = await play(
        wings,
        group.map((one) => one.scene(wings)),
        task ? { task } : {},
      );
      complaints.push(...group.flatMap((one, i) => check(one, alerts[i]!) ?? []));
    } finally {
      remove();
      for (const { before } of group) if (before !== null) execFileSync("sh", ["-c", before]);
    }
  }
  return complaints;
}

const suites = existsSync(FOLDER)
  ? readdirSync(FOLDER)
      .filter((name) => name.endsWith(".yaml"))
      .sort()
  : [];
for (const name of suites) {
  const cases = readSuite(join(FOLDER, name));
  const onMachine = cases.filter((one) => !one.isInContainer);
  const inContainer = cases.filter((one) => one.isInContainer);
  if (onMachine.length > 0) {
    test(`${name}: ${onMachine.length} cases on the machine`, async () => {
      assert.equal(await perform(onMachine), []);
    });
  }
  if (inContainer.length === 0) continue;
  const missing = missingForTasks();
  if (missing !== null) {
    console.log(`skipped: ${name} in a container: this machine has no ${missing}`);
    continue;
  }
  test(`${name}: ${inContainer.length} cases in a container`, async () => {
    const task = new Task([]);
    try {
      await task.open();
      assert.equal(await perform(inContainer, task), []);
    } finally {
      await task.close();
    }
  });
}

test.run();
