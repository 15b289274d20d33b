// SPDX-License-Identifier: Apache-2.0
//
// A watched program must not notice: its standard output, standard error, exit status and signals are those
// of a run without Vedette. Every program of test/e2e/everyday.ts is run twice in the same directory, made
// anew. One: `npm test -- sqlite`.
// Time limit: 900 s.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { EVERYDAY, type Everyday } from "./everyday.js";
import { hasCommand, type Run, run, scratch, selected, VEDETTE } from "./programs.js";

const base = scratch();

async function runProgram(program: Everyday, under: string[]): Promise<Run> {
  const folder = join(base, program.name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  for (const [name, text] of Object.entries(program.files ?? {})) writeFileSync(join(folder, name), text);
  if (program.prepare !== undefined) {
    const prepared = await run(["bash", "-ec", program.prepare], { cwd: folder, limitMs: 120_000 });
    if (prepared.status !== 0) throw new Error(`${program.name} could not be prepared: ${prepared.stderr}`);
  }
  return run([...under, "bash", "-c", program.script], { cwd: folder, limitMs: program.limitMs ?? 60_000 });
}

// What a shell would call it: the status, or 128 and the signal's number.
function statusOf(ended: Run): number {
  return ended.status ?? 128 + constants.signals[ended.signal!];
}

for (const program of selected(EVERYDAY)) {
  const title = `${program.name}: the same output, errors and status as without Vedette`;
  const missing = program.needs.filter((command) => !hasCommand(command));
  if (missing.length > 0) {
    console.log(`skip: ${title}: no ${missing.join(", ")} on this machine`);
    test.skip(title);
    continue;
  }
  test(title, async () => {
    const bare = await runProgram(program, []);
    assert.is(statusOf(bare), program.status ?? 0, `the program itself fails here: ${bare.stderr}`);
    const watched = await runProgram(program, [...VEDETTE, "run", "--alerts", join(base, "alerts.jsonl"), "--"]);
    assert.is(watched.stdout, bare.stdout);
    assert.is(watched.stderr, bare.stderr);
    assert.is(statusOf(watched), statusOf(bare));
  });
}

test.run();
