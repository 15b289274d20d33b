// SPDX-License-Identifier: Apache-2.0
//
// The agent built with AddressSanitizer and UBSan, and once more with ThreadSanitizer, watches the storms in
// which it was caught using what was gone. A finding ends the agent, and with it the storm.
// Its compilers take one processor: other tests have the rest.
// Time limit: 1200 s.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { buildAttack } from "../attacks/attack.js";
import { buildFixture } from "./fixtures.js";
import { ROOT, run } from "./programs.js";

// What an agent makes once and keeps for its life is no leak.
const OPTIONS = {
  ASAN_OPTIONS: "detect_leaks=0",
  UBSAN_OPTIONS: "halt_on_error=1:print_stacktrace=1",
  TSAN_OPTIONS: "halt_on_error=1",
};

function build(sanitizers: string): string {
  const env = { ...process.env, CXXFLAGS: "-O1 -g1" };
  execFileSync("make", ["-C", "capture", "agent", `SANITIZE=${sanitizers}`], { cwd: ROOT, env, stdio: "pipe" });
  return join(ROOT, `build/sanitize-${sanitizers.split(",")[0]}/vedette-capture`);
}

const births = buildFixture("births");
const killed = buildAttack("killed_midway");
const STORMS: string[][] = [
  [births, "fork", "8", "200"],
  [births, "burst", "4", "10"],
  [births, "double", "4", "100"],
  [births, "vfork", "8", "100"],
  [births, "spawn", "4", "50"],
  [births, "threads", "8", "10"],
  [births, "kill", "4", "50"],
  [killed, "kill", "30"],
  [killed, "exec", "30"],
  ["sh", "-c", "seq 300 | xargs -P4 -n1 sh -c 'cat /etc/hostname >/dev/null'"],
];
/** Process 1 ends before its jobs: their rings are read when the agent is about to end, too. */
const JOBS_LEFT = ["sh", "-c", "for i in 1 2 3; do echo $i; done | while read x; do sleep 0.01 & done; wait; true"];
const AS_PROCESS_1 = ["unshare", "-pf", "--mount-proc"];
const ROUNDS = 50;

for (const sanitizers of ["address,undefined", "thread"]) {
  test(`${sanitizers}: the agent finds nothing wrong with itself in a storm`, async () => {
    // The checks of threads need memory where the kernel likes to put programs.
    const agent = ["setarch", "-R", build(sanitizers), "--host", "discard", "--"];
    const passes = async (argv: string[]): Promise<void> => {
      const ended = await run(argv, { env: OPTIONS, limitMs: 120_000 });
      assert.is(ended.status, 0, `${argv.join(" ")}\n${ended.stderr}`);
    };
    for (const storm of STORMS) await passes([...agent, ...storm]);
    for (let i = 0; i < ROUNDS; ++i) await passes([...AS_PROCESS_1, ...agent, ...JOBS_LEFT]);
  });
}

test.run();
