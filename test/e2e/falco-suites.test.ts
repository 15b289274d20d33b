// SPDX-License-Identifier: Apache-2.0
// Falco's own end-to-end suites, live, and ours for the rules that those samples leave out: every case is
// performed under `vedette run` and must raise its rule's alert with the expected priority and output fields.
// VEDETTE_FALCO_SUITES: another folder of suites.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { FALCO, missingFalco } from "../falco-files.js";
import { missingForTasks, Task } from "../lab/task.js";
import { addressesOf, prefixOf, sceneOf, usersOf } from "./falco-scene.js";
import { type FalcoAlert, play, RULES, Wings } from "./falco-stage.js";
import { type Case, isExpected, isSuite, readSuite } from "./falco-suite.js";
import { Users } from "./falco-users.js";
import { ROOT } from "./programs.js";

const given = process.env.VEDETTE_FALCO_CASES ?? process.env.VEDETTE_FALCO_SUITES;
const FOLDERS = given ? [given] : [join(FALCO, "e2e"), join(ROOT, "test/e2e/falco-suites")];

function check(one: Case, alerts: readonly FalcoAlert[]): string | null {
  if (one.rule === null || one.expected === null || alerts.some((alert) => isExpected(one, alert))) return null;
  const others = alerts.map(({ rule, priority, output_fields }) => JSON.stringify({ rule, priority, output_fields }));
  return `${one.title}: expected ${one.rule} with ${JSON.stringify(one.expected)}, got ${others.join("\n") || "nothing"}`;
}

// All in one run. Containers are privileged, as event-generator's own are.
async function perform(cases: readonly Case[], isInContainer: boolean): Promise<string[]> {
  const wings = new Wings();
  const users = new Users(cases.flatMap(usersOf));
  const passwd = join(wings.folder, "passwd");
  users.write(passwd);
  const task = new Task([]);
  try {
    await task.open();
    for (const address of new Set(cases.flatMap(addressesOf))) addAddress(task.name, address);
    const world = { wings, user: (name: string) => users.get(name) };
    const where = isInContainer ? { task, isPrivileged: true } : { network: task.name };
    const scenes = cases.map((one) => sceneOf(one, world));
    const alerts = await play(wings, scenes, { ...where, passwd, rules: RULES });
    return cases.flatMap((one, i) => check(one, alerts[i]!) ?? []);
  } finally {
    await task.close();
  }
}

function addAddress(network: string, address: string): void {
  if (address.startsWith("127.") || address === "::1") return;
  execFileSync("ip", ["-n", network, "addr", "replace", prefixOf(address), "dev", "lo"]);
}

const missing = missingForTasks() ?? missingFalco;
for (const folder of FOLDERS.filter(existsSync)) {
  for (const name of readdirSync(folder).sort()) {
    if (!name.endsWith(".yaml") || !isSuite(join(folder, name))) continue;
    const cases = readSuite(join(folder, name));
    for (const isInContainer of [false, true]) {
      const those = cases.filter((one) => one.isInContainer === isInContainer);
      const where = isInContainer ? "in a container" : "on the machine";
      if (those.length === 0) continue;
      if (missing !== null) console.log(`skip: ${name} ${where}: ${missing} is missing`);
      else
        test(`${name}: ${those.length} cases ${where}`, async () =>
          assert.equal(await perform(those, isInContainer), []));
    }
  }
}

test.run();
