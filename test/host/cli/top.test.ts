// SPDX-License-Identifier: Apache-2.0
// `vedette top` off a terminal: one table of a recording or of a running Vedette, as text and as JSON, and
// what it refuses before it looks at anything.
import { readFileSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { commandsOf } from "../../../host/cli/command-tree.js";
import { defineProgram } from "../../../host/cli/program.js";
import { TOP_VIEWS } from "../../../host/terminal/terminal.js";
import { scratch } from "../../e2e/programs.js";
import { opened } from "../../web/shown.js";
import { recorded, SHELL } from "./recorded.js";
import { typed } from "./typed.js";

const folder = scratch();
const recording = recorded(join(folder, "shell.vdt"), SHELL);
const top = (...words: string[]) => typed("top", "--once", ...words);

async function table(...words: string[]): Promise<Record<string, unknown>[]> {
  const { status, stdout, stderr } = await top("--json", ...words);
  assert.is(status, 0, stderr);
  return stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

test("a recording's processes, the busiest first, as a table with a head", async () => {
  const { status, stdout, stderr } = await top(recording);
  assert.is(status, 0, stderr);
  const [head, ...rows] = stdout.trimEnd().split("\n");
  assert.match(head!, /^PID +PPID .*EVENTS .*COMMAND$/);
  assert.equal(
    rows.map((row) => row.trim().split(/\s+/).at(-1)),
    ["cat", "sh"],
  );
});

test("each view counts its own things", async () => {
  const files = await table(recording, "--view", "files");
  assert.equal(Object.fromEntries(files.map((row) => [row.file, row.errors])), {
    "/etc/hostname": 0,
    "/etc/shadow": 1,
  });
  const calls = await table(recording, "--view", "syscalls");
  assert.equal(
    new Set(calls.map((row) => Object.values(row).find((value) => typeof value === "string" && value !== ""))),
    new Set(["openat", "execve"]),
  );
  const errors = await table(recording, "--view", "errors");
  assert.is(errors.length, 1);
  assert.match(JSON.stringify(errors[0]), /EACCES/);
  for (const view of ["users", "opens", "containers", "events"])
    assert.ok((await table(recording, "--view", view)).length > 0, view);
  for (const view of ["connections", "connects"]) assert.equal(await table(recording, "--view", view), [], view);
});

test("a condition chooses what is counted, and a wrong one is told with its place", async () => {
  const rows = await table(recording, "--view", "files", "-f", "evt.failed = true");
  assert.equal(
    rows.map((row) => row.file),
    ["/etc/shadow"],
  );
  const { status, stderr, stdout } = await top(recording, "-f", "evt.type = openat and fd.nam = x");
  assert.equal([status, stdout], [2, ""]);
  assert.match(stderr, /wrong at column 23/);
});

test("help and completions offer every view", () => {
  const found = commandsOf(defineProgram([], [], () => undefined)).find(({ path }) => path === "vedette top")!;
  const { choices } = found.options.find(({ long }) => long === "--view")!;
  assert.equal([...choices].sort(), TOP_VIEWS.map(({ id }) => id).sort());
});

/** Words, and what must be said. */
const REFUSED: readonly (readonly [words: readonly string[], says: RegExp])[] = [
  [[], /Give one thing to look at: --socket PATH/],
  [[recording, "--socket", join(folder, "none")], /Give one thing to look at/],
  [[recording, "--view", "nothing"], /There is no view "nothing"\. There are processes, files,/],
  [[recording, "--view", "incidents"], /The view incidents is of a Vedette that runs: give --socket PATH/],
  [[recording, "--interval", "0.1"], /argument '0\.1' is invalid\. It must be a number from 0\.2 to 10/],
  [[recording, "--jsn"], /Did you mean --json\?/],
  [["sleep", "3"], /The command to run must come after `--`, as in `vedette top -- sleep 3`/],
  [[join(folder, "nowhere.vdt")], /nowhere\.vdt/],
  [["--socket", join(folder, "nobody")], /nobody.*VEDETTE_CONTROL_UNANSWERED/],
];
for (const [words, says] of REFUSED)
  test(`top ${words.map((word) => word.replace(`${folder}/`, "")).join(" ")} is refused`, async () => {
    const { status, stderr, stdout } = await top(...words);
    assert.is(stdout, "");
    assert.ok(status > 0, stderr);
    assert.match(stderr, says);
  });

test("a damaged recording's table is printed, and then the error", async () => {
  const damaged = recorded(join(folder, "damaged.vdt"), SHELL);
  truncateSync(damaged, readFileSync(damaged).length - 8);
  const { status, stdout, stderr } = await top(damaged, "--view", "files");
  assert.is(status, 1);
  assert.match(stdout, /\/etc\/shadow/);
  assert.match(stderr, /VEDETTE_RECORDING_CORRUPT/);
});

test("of a running Vedette, what it was told, and what it alone knows", async () => {
  const { control, socket } = await opened("one");
  try {
    const incidents = await top("--socket", socket, "--view", "incidents");
    assert.is(incidents.status, 0, incidents.stderr);
    assert.match(incidents.stdout, /onerror=alert/);
    const policies = await table("--socket", socket, "--view", "policies");
    assert.ok(Array.isArray(policies));
  } finally {
    await control.close();
  }
});

test.run();
