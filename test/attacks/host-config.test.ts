// SPDX-License-Identifier: Apache-2.0
//
// A program that is watched changes what it is watched by: rules, and where alerts go (H39). `run` reads its
// files once, unless it is told to watch them; and then each change is an alert, to the outputs of before.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { run, scratch, VEDETTE } from "../e2e/programs.js";
import { NONESUCH } from "../e2e/told.js";

/** The workload's view: it empties the rules, has Vedette look again, and then does what they were about. */
const script = (folder: string, seen: string): string => `
cd ${folder}
echo '[]' > rules.yaml
${seen}
cat /nonesuch/after 2>/dev/null
true`;

const rulesIn = (path: string): string[] =>
  (existsSync(path) ? readFileSync(path, "utf8") : "")
    .split("\n")
    .filter(Boolean)
    .map((line) => (JSON.parse(line) as { rule: string }).rule);

const watched = (folder: string, words: readonly string[], seen: string) =>
  run([...VEDETTE, "run", ...words, "--", "sh", "-c", script(folder, seen)], { cwd: folder });

test("H39: rules that the workload empties under run judge on, also after SIGHUP", async () => {
  const folder = scratch();
  writeFileSync(join(folder, "rules.yaml"), NONESUCH);
  // SIGHUP was heard when the file of alerts is there again.
  const seen = "mv alerts before; kill -HUP $VEDETTE; until [ -e alerts ]; do sleep 0.05; done";
  const words = ["--falco-rules", "rules.yaml", "--alerts", "alerts"];
  const asChild = `trap '' HUP; VEDETTE=$(sed -n 's/^PPid:\\t//p' /proc/$PPID/status); ${seen}`;
  const { status, stderr } = await watched(folder, words, asChild);
  assert.is(status, 0, stderr);
  assert.not.match(stderr, "read again");
  assert.equal(rulesIn(join(folder, "alerts")), ["nonesuch"]);
});

test("H39: with --watch-config no change is silent: the outputs of before are told", async () => {
  const folder = scratch();
  const config = (to: string): string =>
    `falco_rules: [rules.yaml]\nwatch_config: true\nalerts: ${to}\noutputs: {siem: {type: file, path: ${to}-siem}}\n`;
  writeFileSync(join(folder, "rules.yaml"), NONESUCH);
  writeFileSync(join(folder, "v.yaml"), config("before"));
  writeFileSync(join(folder, "v.new"), config("/dev/null"));
  const seen = "cat v.new > v.yaml; until grep -q 'configuration taken' before-siem; do sleep 0.05; done";
  const { status, stderr } = await watched(folder, ["--config", "v.yaml"], seen);
  assert.is(status, 0, stderr);
  for (const name of ["before", "before-siem"])
    assert.equal(rulesIn(join(folder, name)), ["Vedette internal: configuration taken"], name);
  assert.match(stderr, "read again: ");
});

test.run();
