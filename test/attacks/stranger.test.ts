// SPDX-License-Identifier: Apache-2.0
//
// The agent stops each call of a process that was there before it and cannot be given its filter, whatever
// that process does and executes.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fieldValue } from "../../host/wire/fields.js";
import { AGENT, environment, scratch } from "../e2e/programs.js";
import { DeafHost } from "../lab/deaf-host.js";
import { buildAttack } from "./attack.js";

const LIMIT_MS = 60_000;
const TYPE = fieldValue("evt.type")!;
const NAME = fieldValue("proc.name")!;
const ARGS = fieldValue("evt.args")!;
const SESSION = fieldValue("vedette.session")!;

/**
 * What is recorded of the program that the stranger executes: `TYPE ARGUMENTS`, a line each. All run in a pid
 * namespace of their own.
 */
async function recorded(aim: "persona" | "plain"): Promise<string[]> {
  const folder = scratch();
  const [go, socket] = [join(folder, "go"), join(folder, "host.sock")];
  const host = new DeafHost(socket, { reads: true, acknowledges: true });
  const stranger = [buildAttack("unfiltered_stranger"), aim, go, "/bin/cat", "/no/such/evaded"].join(" ");
  const workload = `sleep 0.5; touch ${go}; sleep 1`;
  const script = `${stranger} 2>/dev/null & sleep 0.3; ${AGENT} --host unix:${socket} -- sh -c '${workload}'`;
  await promisify(execFile)("unshare", ["-p", "-f", "--mount-proc", "sh", "-c", script], {
    timeout: LIMIT_MS,
    env: environment(),
  });
  host.close();
  return host.batches.flatMap((batch) =>
    [...batch.offsets]
      .filter((at) => Number(SESSION(batch, at)) > 0 && String(NAME(batch, at)) === "cat")
      .map((at) => `${TYPE(batch, at)} ${ARGS(batch, at)}`),
  );
}

function expectWatched(events: readonly string[]): void {
  const opened = events.filter((one) => /^open(at)? /.test(one) && one.includes("/no/such/evaded"));
  assert.is(opened.length, 1, events.join("\n"));
  assert.ok(events.some((one) => one.startsWith("procexit ")));
}

test("C6: a stranger without our filter that asks for READ_IMPLIES_EXEC is watched in what it executes", async () => {
  expectWatched(await recorded("persona"));
});

test("C6: control: a stranger without our filter that does not", async () => {
  expectWatched(await recorded("plain"));
});

test.run();
