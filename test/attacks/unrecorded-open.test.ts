// SPDX-License-Identifier: Apache-2.0
//
// The kernel tells the agent of every open of the files that policies call sensitive. Each run has a PID
// namespace of its own, as a container has, and an /etc/shadow that nobody else on this machine opens. With
// --policies-d the agent knows its list of files before the workload begins.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { run, scratch, VEDETTE } from "../e2e/programs.js";
import { buildAttack, type Judged } from "./attack.js";

const OWN_SHADOW = "cp /etc/shadow shadow; mount --bind $PWD/shadow /etc/shadow";
const OWN_NUMBERS = "unshare --pid --fork --mount-proc";

// `beside` runs in the same mounts, but outside of what is watched, once the workload has made the file
// `started`.
async function watched(argv: string[], beside = "true"): Promise<Judged["alerts"]> {
  const cwd = scratch();
  mkdirSync(join(cwd, "policies"));
  const command = [...VEDETTE, "run", "--policies-d", join(cwd, "policies"), "--", ...argv].map((word) => `'${word}'`);
  const script = `set -e; ${OWN_SHADOW}; ${OWN_NUMBERS} ${command.join(" ")} & ${beside}; wait $!`;
  const ended = await run(["unshare", "--mount", "bash", "-c", script], { cwd });
  assert.is(ended.status, 0, ended.stderr);
  const lines = ended.stderr.split("\n").filter((line) => line.startsWith("{"));
  const alerts = lines.map((line) => JSON.parse(line) as Judged["alerts"][number]);
  return alerts.filter(({ output }) => output.includes("/etc/shadow"));
}

const rulesOf = (alerts: Judged["alerts"]): string[] => [...new Set(alerts.map(({ rule }) => rule))];

test("I11: a sensitive file that was opened without a record is told of", async () => {
  const alerts = await watched([buildAttack("omit_records"), "open", "/etc/shadow"]);
  assert.equal(rulesOf(alerts), ["Unrecorded open"]);
  assert.is(alerts[0]!.output_fields["evt.arg.text"], "/etc/shadow");
});

test("I11: so is one that somebody opened who is not watched, and no process is named", async () => {
  const beside = "until test -e started; do sleep 0.05; done; cat /etc/shadow > /dev/null; touch seen";
  const waits = "touch started; until test -e seen; do sleep 0.05; done";
  const alerts = await watched(["sh", "-c", waits], beside);
  assert.equal(rulesOf(alerts), ["Unrecorded open"]);
  assert.not.ok(Object.keys(alerts[0]!.output_fields).some((field) => field.startsWith("proc.")));
});

test("I11: control: the same open with its record, by name, by a link and by an exec's descriptor", async () => {
  const opens =
    "cat /etc/shadow; ln -s /etc/shadow link; cat link; cat < /etc/shadow; dd if=/etc/shadow bs=1 count=1 status=none";
  assert.equal(rulesOf(await watched([buildAttack("omit_records"), "control", "open", "/etc/shadow"])), [
    "Sensitive file read",
  ]);
  assert.equal(rulesOf(await watched(["sh", "-c", `(${opens}) > /dev/null`])), ["Sensitive file read"]);
});

test.run();
