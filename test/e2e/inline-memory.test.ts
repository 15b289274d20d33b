// SPDX-License-Identifier: Apache-2.0
//
// The memory of rings, by the kernel's word (/proc/sysvipc/shm): what threads that were busy keep while they
// rest, and that no record is lost by its going and coming.
// Also with: VEDETTE_ASSUME_KERNEL=5.10.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { buildFixture } from "./fixtures.js";
import { agentOf, environment, ROOT, says, VEDETTE } from "./programs.js";
import { keptFolder, ringsOf, type Summary } from "./traces.js";

const test = suite("inline memory");
const THREADS = 6;
const CALLS = 100_000;
const IDLE_MAX = 64 << 10;
const REST_MAX_S = 30;

test("threads that were busy rest with at most 64 KiB of ring each, and lose nothing by it", async () => {
  const out = join(keptFolder(), "inline-memory.json");
  const program = [buildFixture("inline_rest"), `${THREADS}`, `${CALLS}`];
  const [command, ...args] = [...VEDETTE, "trace", "--summary", "--json", "-o", out, "--", ...program];
  const host = spawn(command!, args, { cwd: ROOT, env: environment(), stdio: ["pipe", "pipe", "inherit"] });
  try {
    await says(host, "resting");
    const agent = await agentOf(host.pid!);
    const busy = ringsOf(agent);
    assert.ok(Math.max(...busy) > IDLE_MAX, `no ring has grown: ${busy}`);
    let resting = busy;
    for (let i = 0; i < REST_MAX_S * 10 && Math.max(...resting) > IDLE_MAX; ++i) {
      await sleep(100);
      resting = ringsOf(agent);
    }
    assert.ok(resting.length > THREADS, `${resting.length} rings`);
    assert.ok(Math.max(...resting) <= IDLE_MAX, `rings of ${resting} bytes`);
    const said = says(host, "done");
    host.stdin!.end();
    const made = Number(/done (\d+)/.exec(await said)![1]);
    await once(host, "exit");
    const counted = JSON.parse(readFileSync(out, "utf8")) as Summary;
    assert.is(made, 2 * THREADS * CALLS);
    assert.is(counted.calls.lseek!.count, made);
    assert.is(counted.calls.lseek!.errors, made);
    assert.ok(counted.calls.lseek!.tiers.inline >= 0.98 * made, `${counted.calls.lseek!.tiers.inline} inline`);
    assert.is(counted.lost, 0);
  } finally {
    host.kill("SIGKILL");
  }
});

test.run();
