// SPDX-License-Identifier: Apache-2.0
//
// What a person at a terminal is told beside the answer: how many policies judge, how many events they
// judged, that something long is under way. `--quiet` and a stderr that is no terminal leave it out.
// script(1) is the terminal.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { builtFile, PACK } from "../../host/paths.js";
import { hasCommand, run, scratch, VEDETTE } from "./programs.js";

const folder = scratch();
const RECORDING = join(folder, "work.rec");
const POLICIES = "[0-9]+ policies with [0-9]+ rules";

function atTerminal(argv: readonly string[]): string {
  const line = argv.map((word) => `'${word}'`).join(" ");
  const options = { cwd: folder, encoding: "utf8", timeout: 100_000, killSignal: "SIGKILL" } as const;
  return spawnSync("script", ["-qec", line, "/dev/null"], options).stdout.replaceAll("\r\n", "\n");
}

const atTerminals = (title: string, body: () => Promise<void> | void): void =>
  test(title, async () => {
    if (!hasCommand("script")) return console.log("skip: no script(1) on this machine, which makes a terminal");
    await body();
  });

/** A program that shows something under way for so long that it must be drawn. */
const showing = (body: string): string[] => {
  const path = join(folder, "showing.mjs");
  writeFileSync(
    path,
    `import { Progress, whileShowing } from ${JSON.stringify(builtFile("js/host/output/progress.js"))};${body}`,
  );
  return [process.execPath, path];
};

atTerminals("N6: run says how many policies judge, and at the end how many events they judged", () => {
  const said = atTerminal([...VEDETTE, "run", "--", "true"]);
  assert.match(said, new RegExp(`vedette: judging by ${POLICIES}\n`));
  assert.match(said, /\nvedette: [1-9][0-9]* events, 0 incidents; nothing was lost\n$/);
});

atTerminals("N9: outside a container, run says that the policy about images finds nothing", () => {
  const blind = "this is no container: nothing here has an image, and *Program not in the image* finds nothing";
  assert.ok(atTerminal([...VEDETTE, "run", "--", "true"]).includes(blind));
  const others = atTerminal([...VEDETTE, "run", "--policy", join(PACK, "impact"), "--", "true"]);
  assert.not.match(others, "this is no container");
});

atTerminals("N6: replay says how many events it judged, of a recording as of a capture", async () => {
  await run([...VEDETTE, "record", "-o", RECORDING, "--", "true"]);
  const said = atTerminal([...VEDETTE, "replay", RECORDING]);
  assert.match(said, new RegExp(`vedette: [1-9][0-9]* events judged by ${POLICIES}: 0 incidents\n$`));
});

atTerminals("N10: --quiet leaves alerts alone, and no terminal means as much", async () => {
  assert.is(atTerminal([...VEDETTE, "run", "--quiet", "--", "true"]), "");
  assert.is(atTerminal([...VEDETTE, "replay", "--quiet", RECORDING]), "");
  assert.match(atTerminal([...VEDETTE, "run", "-q", "--", "sh", "-c", "cat /etc/shadow > x"]), "Sensitive file read");
  const { stdout, stderr } = await run([...VEDETTE, "run", "--", "true"]);
  assert.is(stdout + stderr, "");
});

atTerminals("N10: what takes more than two seconds is shown on one line, which goes away", () => {
  const waiting = showing('await whileShowing("waiting", () => new Promise((done) => setTimeout(done, 3_000)));');
  assert.match(atTerminal(waiting), /^(\r\x1b\[Kvedette: waiting: \d+ s)+\r\x1b\[K$/);
  const busy = showing(`const progress = new Progress("looking", "events"); progress.add(1000);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_300); progress.add(234); progress.close();`);
  assert.match(atTerminal(busy), /^\r\x1b\[Kvedette: looking: 1,234 events, \d+ s\r\x1b\[K$/);
});

test("off a terminal nothing is shown of it", async () => {
  const { stdout, stderr } = await run(
    showing('await whileShowing("waiting", () => new Promise((done) => setTimeout(done, 3_000)));'),
  );
  assert.is(stdout + stderr, "");
});

test.run();
