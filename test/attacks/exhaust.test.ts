// SPDX-License-Identifier: Apache-2.0
//
// Programs that would have the agent die of a file, or run out of descriptors.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { AGENT, environment, run, says, scratch, VEDETTE } from "../e2e/programs.js";
import { keptFolder, notices, ofType, readEvents } from "../e2e/traces.js";
import { attack, buildAttack, control } from "./attack.js";

const test = suite("exhaustion");
const ROUNDS = 8;
/** The usual limit of descriptors, and more files than that. */
const DESCRIPTORS = 1_024;
const FILES = 1_500;

test("G5: a file that is shortened while the agent looks at it does not end the agent", async () => {
  const { run: ended, events } = await attack("exhaust_agent", ["shorten", String(ROUNDS)]);
  assert.is(ended.stdout, "end: ok\n");
  assert.is(ended.status, 0);
  const shortened = ofType(events, "openat").filter(
    (event) => String(event["evt.arg.name"]).endsWith("/large") && !String(event["evt.arg.flags"]).includes("O_RDWR"),
  );
  assert.is(shortened.length, ROUNDS);
  const honest = await control("exhaust_agent", ["keep", "2"]);
  assert.is(honest.run.stdout, "end: ok\n");
});

test("G6: a program that maps many files leaves the agent its descriptors, and who executes is told truly", async () => {
  const path = join(keptFolder(), "attack-files.jsonl");
  rmSync(path, { force: true });
  const few = ["sh", "-c", `ulimit -n ${DESCRIPTORS}; exec "$@"`, "sh"];
  const attacks = ["trace", "--json", "-o", path, "--", buildAttack("exhaust_agent"), "files", String(FILES)];
  const ended = await run([...few, ...VEDETTE, ...attacks], { cwd: scratch() });
  assert.is(ended.stdout, "end: ok\n", ended.stderr);
  const events = readEvents(path);
  const executed = ofType(events, "execve").filter((event) => String(event["proc.cmdline"]).includes("as-1000"));
  assert.equal(
    executed.map((event) => ["res", "uid", "gid", "cap_effective"].map((name) => event[`evt.arg.${name}`])),
    [["0", "1000", "1000", "0"]],
  );
  assert.equal(notices(events, "FILES_SHORT"), []);
});

test("G6: the agent raises its own limit of descriptors, and the workload keeps the one it was given", async () => {
  const script = `ulimit -Sn 64; exec ${AGENT} --host discard -- sh -c 'ulimit -Sn; read line'`;
  const agent = spawn("sh", ["-c", script], { cwd: scratch(), env: environment(), stdio: ["pipe", "pipe", "inherit"] });
  try {
    assert.is(await says(agent, "\n"), "64\n");
    const limits = readFileSync(`/proc/${agent.pid}/limits`, "utf8");
    assert.ok(Number(/Max open files +(\d+)/.exec(limits)![1]) > 64, limits);
  } finally {
    agent.stdin!.end("\n");
    await once(agent, "exit");
  }
});

test.run();
