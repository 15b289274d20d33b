// SPDX-License-Identifier: Apache-2.0
// A replay that takes rules which an earlier one compiled says and raises the same; a run never takes any.
import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { FALCO, withFalco } from "../falco-files.js";
import { run, scratch, VEDETTE } from "./programs.js";

const CAPTURE = join(FALCO, "captures/cat_write.scap");

withFalco("a second replay compiles nothing, and says and raises what the first did", async () => {
  const [rules, folder] = [join(scratch(), "rules.yaml"), join(scratch(), "kept")];
  const env = { VEDETTE_RULE_CACHE: folder };
  const rule = (name: string, condition: string): string =>
    `- {rule: ${name}, desc: d, condition: "${condition}", output: "%proc.cmdline", priority: INFO}\n`;
  writeFileSync(rules, rule("alive", "evt.type=open and proc.name=cat") + rule("dead", "evt.type=getcwd"));
  const replay = async (...more: string[]) => {
    const argv = [...VEDETTE, "replay", CAPTURE, "--falco-rules", rules, ...more];
    const { status, stdout, stderr } = await run(argv, { env });
    return { status, stdout, stderr };
  };
  const first = await replay();
  assert.is(first.status, 0, first.stderr);
  assert.is(first.stdout.trim().split("\n").length, 4);
  assert.match(first.stderr, 'the rule "dead" can never fire here');
  const [name] = readdirSync(folder);
  assert.equal(await replay(), first);
  assert.equal(readdirSync(folder), [name], "it was kept anew");

  // What is kept is what is run: with another's module the alerts would be another's.
  writeFileSync(join(folder, name!), "spoiled");
  assert.equal(await replay(), first);
  assert.is.not(readFileSync(join(folder, name!), "latin1"), "spoiled");

  appendFileSync(rules, rule("more", "evt.type=open and proc.name=cat"));
  assert.is((await replay()).stdout.trim().split("\n").length, 8);
  assert.is((await replay("--matching", "first")).stdout.trim().split("\n").length, 4);
  assert.is(readdirSync(folder).length, 3);
  assert.is((await replay("--strict")).status, 1);
});

test("a command that guards a program neither takes nor keeps compiled rules", async () => {
  const [rules, folder] = [join(scratch(), "rules.yaml"), join(scratch(), "kept")];
  writeFileSync(rules, "- {rule: r, desc: d, condition: evt.type=execve, output: o, priority: INFO}\n");
  const env = { VEDETTE_RULE_CACHE: folder };
  const ended = await run([...VEDETTE, "run", "--falco-rules", rules, "--", "true"], { env });
  assert.is(ended.status, 0, ended.stderr);
  assert.match(ended.stderr, '"rule":"r"');
  assert.not(existsSync(folder));
});

test.run();
