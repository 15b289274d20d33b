// SPDX-License-Identifier: Apache-2.0
//
// What a host of a small task tells its agents: that calls like read may wait longer. ECS's metadata address
// is played by hand, and so are the agents.
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Packr } from "msgpackr";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { METADATA_VARIABLE } from "../../../host/ecs/metadata.js";
import { HandAgent, Host } from "../../attacks/host.js";

const packed = (value: unknown): Buffer => Buffer.from(new Packr({ useRecords: false }).pack(value));
/** Packed, as a text of three letters: other words end with the same letters. */
const AGE = packed("age");
const word = (ms: number): Buffer => packed(["age", ms]);

/** What an agent hears before it is told that all is ready, from a host of a task with so much of a CPU. */
async function heardBeforeReady(cpu: number): Promise<Buffer> {
  const ecs = createServer((_, answer) => answer.end(JSON.stringify({ Limits: { CPU: cpu }, Containers: [] })));
  await new Promise<void>((done) => ecs.listen(0, "127.0.0.1", done));
  const folder = mkdtempSync(join(tmpdir(), "vedette-small-"));
  process.env[METADATA_VARIABLE] = `http://127.0.0.1:${(ecs.address() as AddressInfo).port}/v4/a`;
  const host = await Host.start(folder);
  try {
    const agent = await HandAgent.honest(host.socket);
    agent.close();
    return agent.heard;
  } finally {
    await host.stop();
    delete process.env[METADATA_VARIABLE];
    ecs.closeAllConnections();
    ecs.close();
    rmSync(folder, { recursive: true });
  }
}

test("a host of less than one processor lets its agents' calls like read wait for 20 ms", async () => {
  assert.ok((await heardBeforeReady(0.25)).includes(word(20)));
});

test("a larger host does not say the word, and its agents do as they always did", async () => {
  assert.not((await heardBeforeReady(2)).includes(AGE));
});

test.run();
