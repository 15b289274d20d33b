// SPDX-License-Identifier: Apache-2.0
// `vedette policy watch`: each change is checked and tested, a mistake is told and is no end, and Ctrl-C ends
// with the status of the last round.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { endGroup, run, scratch, start, VEDETTE } from "../../e2e/programs.js";
import { until } from "../../until.js";

const folder = join(scratch(), "mine");
const source = join(folder, "index.ts");

/** A `policy watch` that runs, and how often it has said something. */
function watching() {
  const { child, ended } = start([...VEDETTE, "policy", "watch", folder]);
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (part: Buffer) => {
      said += part;
    });
  const count = (word: string): number => said.split(word).length - 1;
  return {
    says: (word: string, times: number) =>
      until(`${word} ${times} times`, () => count(word) >= times, { tell: () => said }),
    said: () => said,
    end: async () => {
      child.kill("SIGINT");
      return (await ended).status;
    },
    kill: () => endGroup(child.pid),
  };
}

test("a change is checked and tested at once, and a mistake is no end", async () => {
  assert.is((await run([...VEDETTE, "policy", "new", folder])).status, 0);
  const right = readFileSync(source, "utf8");
  const watch = watching();
  try {
    await watch.says("passed, 0 failed", 1);
    writeFileSync(source, right.replace("TOOLS.has", "TOLLS.has"));
    await watch.says("Cannot find name 'TOLLS'", 1);
    assert.match(watch.said(), /index\.ts has changed/);
    writeFileSync(source, right);
    await watch.says("passed, 0 failed", 2);
    assert.is(await watch.end(), 0);
  } finally {
    watch.kill();
  }
});

test("a change in the code that it shares is one, too", async () => {
  const right = readFileSync(source, "utf8");
  const shared = join(folder, "../lib/names.ts");
  mkdirSync(dirname(shared));
  writeFileSync(shared, 'export const TOOL: string = "curl";\n');
  const importing = `import { TOOL } from "../lib/names";\n${right.replace("TOOLS.has(e.proc.name)", "e.proc.name == TOOL")}`;
  writeFileSync(source, importing);
  const watch = watching();
  try {
    await watch.says("passed, 0 failed", 1);
    writeFileSync(shared, "export const TOOL: string = curl;\n");
    await watch.says("Cannot find name 'curl'", 1);
    assert.match(watch.said(), /lib\/names\.ts has changed/);
    assert.match(watch.said(), /lib\/names\.ts:1:29: /);
    await watch.end();
  } finally {
    watch.kill();
    writeFileSync(source, right);
  }
});

test("it ends with the status of the last round", async () => {
  writeFileSync(source, "export const wrong: i32 = ;\n");
  const watch = watching();
  try {
    await watch.says("index.ts:1", 1);
    assert.is(await watch.end(), 2);
  } finally {
    watch.kill();
  }
});

test("where no policy is, it says so and ends", async () => {
  const { status, stderr } = await run([...VEDETTE, "policy", "watch", scratch()]);
  assert.is(status, 2, stderr);
  assert.match(stderr, /\[VEDETTE_POLICY_/);
});

test.run();
