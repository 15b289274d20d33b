// SPDX-License-Identifier: Apache-2.0
//
// Incidents under the whole product: what a command ends with at a terminal and elsewhere, that no output
// loses an alert for them, and that a replay tells the same incidents as the run that was recorded.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { run, scratch, VEDETTE } from "./programs.js";

const PACK = "policies/credential-access/sensitive-file-read";
/** Twelve reads of one file, from one lineage; what runs them is below the first process. */
const DEED = "(for i in 1 2 3 4 5 6 7 8 9 10 11 12; do head -c 0 /etc/shadow; done; true); true";
const WORDS = ["--policy", PACK];

interface Line {
  readonly rule: string;
  readonly output_fields: Readonly<Record<string, unknown>>;
}
const linesOf = (text: string): Line[] =>
  text
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Line)
    .filter(({ rule }) => rule === "Sensitive file read");

test("off a terminal every alert is written, and no incident is told unless somebody asks", async () => {
  const plain = await run([...VEDETTE, "run", ...WORDS, "--", "sh", "-c", DEED]);
  assert.is(plain.status, 0, plain.stderr);
  assert.is(linesOf(plain.stderr).length, 12, plain.stderr);
  assert.not.match(plain.stderr, /INCIDENT|incident/);
  const asked = await run([...VEDETTE, "run", "--incidents", ...WORDS, "--", "sh", "-c", DEED]);
  assert.is(linesOf(asked.stderr).length, 12, asked.stderr);
  assert.match(asked.stderr, /^INCIDENT \(Warning\) {2}Sensitive file read$/m);
  assert.match(asked.stderr, /A sensitive file was opened for reading \(12 times\)/);
  assert.match(asked.stderr, /^vedette: 1 incident; nothing was lost$/m);
});

test("at a terminal the first, the 10th and then the incident are shown, no line wider than the terminal", async () => {
  const inside = [...VEDETTE, "run", ...WORDS, "--", "sh", "-c", DEED].map((word) => `'${word}'`).join(" ");
  const { status, stdout } = await run(["script", "-qefc", `stty cols 80; ${inside}`, "/dev/null"]);
  assert.is(status, 0, stdout);
  const plain = Buffer.from(stdout, "latin1")
    .toString("utf8")
    .replace(/\u001b\[[0-9;]*m/g, "")
    .replaceAll("\r", "");
  const at = plain.indexOf("INCIDENT");
  assert.ok(at >= 0, stdout);
  const alerts = plain.slice(0, at).match(/Sensitive file read/g);
  assert.is(alerts?.length, 2, stdout);
  assert.match(plain.slice(0, at), / \(10 times\)$/m);
  for (const line of plain.slice(at).split("\n")) assert.ok([...line].length <= 80, line);
});

test("--alerts-detail names the incident, --repeats first leaves repeats out, and a replay says the same", async () => {
  const folder = scratch();
  const [alerts, recording] = [join(folder, "alerts"), join(folder, "r.vedette")];
  const words = ["--alerts-detail", "--alerts", alerts, "--record", recording];
  const { status, stderr } = await run([...VEDETTE, "run", ...words, ...WORDS, "--", "sh", "-c", DEED]);
  assert.is(status, 0, stderr);
  const fields = linesOf(readFileSync(alerts, "utf8")).map((line) => line.output_fields);
  assert.is(fields.length, 12);
  assert.is(new Set(fields.map((one) => one["vedette.incident.id"])).size, 1);
  assert.equal(
    fields.map((one) => one["vedette.incident.count"]),
    Array.from({ length: 12 }, (_, i) => i + 1),
  );
  const replay = [...VEDETTE, "replay", recording, ...WORDS, "--alerts", "stdout", "--alerts-detail"];
  const again = await run(replay);
  assert.equal(
    linesOf(again.stdout).map((line) => line.output_fields),
    fields,
    again.stderr,
  );
  const few = linesOf((await run([...replay, "--repeats", "first"])).stdout);
  assert.equal(
    few.map((line) => line.output_fields["vedette.repeats"] ?? 1),
    [1, 10, 12],
  );
});

test.run();
