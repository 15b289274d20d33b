// SPDX-License-Identifier: Apache-2.0
//
// `vedette instrument` as a command: what goes to stdout and what to stderr, files, standard input, mistakes.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { FOLDER } from "./definitions-folder.js";

const folder = mkdtempSync(join(tmpdir(), "instrument-command-"));
test.after(() => rmSync(folder, { recursive: true }));

const SAMPLE = join(FOLDER, "cfn-comments.yaml");
const IMAGE = ["--image", "registry.example/vedette:1"];
const original = readFileSync(SAMPLE, "utf8");

function vedette(words: string[], input = "") {
  const argv = ["--import", "tsx", "host/main.ts", "instrument", ...words];
  return spawnSync(process.execPath, argv, { encoding: "utf8", input, timeout: 50_000 });
}

test("the result goes to stdout, who is watched to stderr", () => {
  const { stdout, stderr, status } = vedette([SAMPLE, ...IMAGE]);
  assert.is(status, 0);
  assert.match(stdout, /^# Owner: platform team\n/);
  assert.match(stdout, /- Name: vedette\n/);
  assert.match(stderr, /^vedette: watched in Task: app\nvedette: Task: alerts go nowhere: .*--log-group NAME.*\n$/);
});

test("--check ends with 1 where something is to be done, and with 0 where nothing is; --upgrade wants something there", () => {
  const path = join(folder, "checked.yaml");
  const words = [...IMAGE, "--log-group", "alerts"];
  const before = vedette([SAMPLE, ...words, "--check"]);
  assert.equal([before.status, before.stdout], [1, ""]);
  assert.match(before.stderr, /is not as this run would write it/);
  assert.is(vedette([SAMPLE, ...words, "-o", path]).status, 0);
  assert.is(vedette([path, "--check"]).status, 0);
  assert.is(vedette([path, "--upgrade", "--image", "registry.example/vedette:2", "-o", path]).status, 0);
  assert.match(readFileSync(path, "utf8"), /vedette:2/);
  const none = vedette([SAMPLE, "--upgrade", ...IMAGE]);
  assert.is(none.status, 2);
  assert.match(none.stderr, /there is nothing to upgrade. \[VEDETTE_DEFINITION_NONE\]/);
  rmSync(path);
});

test("standard input is read, and --undo gives it back", () => {
  const { stdout } = vedette(["-", ...IMAGE], original);
  assert.is(vedette(["--undo", "-"], stdout).stdout, original);
});

test("-o replaces a file as a whole, also the one it read", () => {
  const path = join(folder, "template.yaml");
  writeFileSync(path, original);
  assert.is(vedette([path, ...IMAGE, "-o", path]).status, 0);
  assert.match(readFileSync(path, "utf8"), /vedette-capture/);
  assert.is(vedette([path, "--undo", "-o", path]).status, 0);
  assert.is(readFileSync(path, "utf8"), original);
  assert.equal(readdirSync(folder), ["template.yaml"]);
});

test("--dry-run prints a diff and writes nothing", () => {
  const output = join(folder, "never.yaml");
  const { stdout } = vedette([SAMPLE, ...IMAGE, "--dry-run", "-o", output]);
  assert.match(stdout, /^--- .*\n\+\+\+ .*\n@@ -\d+,\d+ \+\d+,\d+ @@\n/);
  assert.equal(
    stdout.split("\n").filter((line) => line.startsWith("-") && !line.startsWith("---")),
    [],
  );
  assert.not.ok(readdirSync(folder).includes("never.yaml"));
});

const MISTAKES: [string, string[], RegExp][] = [
  ["no file", [], /Missing required argument 'file'\. \[VEDETTE_USAGE\]\n {2}See `vedette instrument --help`/],
  ["an unknown word", [SAMPLE, "--start", "later"], /Allowed choices are availability, security\. \[VEDETTE_USAGE\]/],
  [
    "a missing file",
    ["none.json"],
    /none\.json cannot be read: no such file or directory\. \[VEDETTE_DEFINITION_UNREADABLE\]/,
  ],
  [
    "a folder that is not there",
    [SAMPLE, ...IMAGE, "-o", "none/out.yaml"],
    /cannot be written to none\/out\.yaml: no such file or directory/,
  ],
];

for (const [title, words, sentence] of MISTAKES) {
  test(`${title}: a sentence, a hint, status 2, no stack`, () => {
    const { stdout, stderr, status } = vedette(words);
    assert.is(status, 2);
    assert.is(stdout, "");
    assert.match(stderr, sentence);
    assert.not.match(stderr, /\n\s+at /);
  });
}

test.run();
