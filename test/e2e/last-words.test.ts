// SPDX-License-Identifier: Apache-2.0
//
// An agent that ends before all of its workload has: as process 1 when the workload's first process ends, and
// by a signal when only descendants of that are left. They end with it, and what they had done by then is
// told, though it stood in their rings.
// Also with: VEDETTE_ASSUME_KERNEL=5.10.
import { statSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { EVENTS } from "../../build/generated/events.js";
import { DeafHost } from "../lab/deaf-host.js";
import { buildFixture } from "./fixtures.js";
import { AGENT, hasCommand, run, scratch } from "./programs.js";

const ROUNDS = 10;
const burst = buildFixture("burst");
/** It writes until it is ended: the size of its file is the number of writes that the kernel completed. */
const BEGIN = `"${burst}" & until [ -s burst ]; do :; done;`;

/** Events of a type: those with a result, and those that were under way. */
function told(host: DeafHost, type: string): { done: number; underWay: number } {
  const wanted = new Set(EVENTS.filter(({ name }) => name === type).map(({ id }) => id));
  const results = host.batches.flatMap(({ recordView: view, offsets }) =>
    [...offsets].filter((at) => wanted.has(view.getUint16(at, true))).map((at) => view.getBigInt64(at + 24, true)),
  );
  const done = results.filter((result) => result >= 0n).length;
  return { done, underWay: results.length - done };
}

async function ends(before: string[], script: string, status: number, processes: number): Promise<void> {
  for (let round = 0; round < ROUNDS; ++round) {
    const folder = scratch();
    const host = new DeafHost(join(folder, "host.sock"), { reads: true, acknowledges: true });
    const agent = [AGENT, "--host", `unix:${join(folder, "host.sock")}`, "--on-overload", "block"];
    const ended = await run([...before, ...agent, "--", "sh", "-c", BEGIN + script], { cwd: folder });
    host.close();
    assert.is(ended.status, status, ended.stderr);
    assert.is(ended.stderr, "");
    assert.ok(host.end !== null, "the agent said that it ends");
    const written = statSync(join(folder, "burst")).size;
    const { done, underWay } = told(host, "write");
    assert.ok(written === done || (written === done + 1 && underWay === 1), `${written} written, ${done} told of`);
    assert.is(told(host, "procexit").done, processes, "ends of processes");
  }
}

if (hasCommand("unshare"))
  test("process 1 takes the workload's jobs along, and tells of them to the end", () =>
    ends(["unshare", "-p", "-f", "--mount-proc"], "exit 7", 7, 2));
else console.log("skip: an agent that is process 1: unshare is missing");

test("a signal takes along whom the workload left behind, and they are told of to the end", () =>
  ends([], "(while [ -e /proc/$$ ]; do :; done; kill -TERM $PPID; exec sleep 60) & exit 0", 143, 3));

test.run();
