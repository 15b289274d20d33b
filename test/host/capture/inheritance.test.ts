// SPDX-License-Identifier: Apache-2.0
// What the agent must not inherit: a file that a thread of Node's has open while the agent starts, or while
// we ask what we were given.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ROOT } from "../../../host/paths.js";

test("a file that Node has open for itself goes neither to the agent nor to the workload", async () => {
  const folder = mkdtempSync(join(tmpdir(), "vedette-test-"));
  const fifo = join(folder, "certificates");
  execFileSync("mkfifo", [fifo]);
  const holder = openSync(fifo, "r+");
  const child = spawn(process.execPath, ["--import", "tsx", join(ROOT, "test/host/capture/foreign-descriptor.ts")], {
    env: { ...process.env, NODE_EXTRA_CA_CERTS: fifo },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const steps = createInterface(child.stdout)[Symbol.asyncIterator]();
  const step = async () => JSON.parse((await steps.next()).value as string);

  try {
    const { agents } = await step();
    assert.match(agents, /3 -> socket:/);
    assert.not.match(agents, fifo);

    closeSync(holder);
    child.stdin.end("go on\n");
    const { atStart, still } = await step();
    assert.is(atStart, 1, "it was there when we asked what we were given");
    assert.is(still, 0);
    await once(child, "exit");
  } finally {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  }
});

test.run();
