// SPDX-License-Identifier: Apache-2.0
//
// The table "What works with what" of docs/operations.md, played row by row: agents of neighbouring versions
// are this build's with another number planted in it, so that neither an old nor a new build is needed. What
// 0.1 itself said was recorded (first-version.ts), and is played from both sides.
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { SCHEMA } from "../../build/generated/events.js";
import { until, within } from "../lab/task.js";
import { HELLO_0_1, REFUSAL_0_1, SCHEMA_0_1 } from "./first-version.js";
import { AGENT, ROOT, run, scratch, start, VEDETTE } from "./programs.js";

const END_MS_MAX = 60_000;
const folder = scratch();
const SOCKET = join(folder, "host.sock");
const HTTP = join(folder, "http.sock");
const HOST = start([...VEDETTE, "serve", "--listen", `unix:${SOCKET}`, "--http", `unix:${HTTP}`], {
  limitMs: 110_000,
});

const bytesOf = (schema: bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, schema));
  return bytes;
};

/** This build's agent, with all that is `from` made `to`, which is as long. */
function planted(name: string, from: Buffer, to: Buffer): string {
  const bytes = readFileSync(AGENT);
  let found = 0;
  for (let at = bytes.indexOf(from); at >= 0; at = bytes.indexOf(from, at + to.length), found++) to.copy(bytes, at);
  assert.ok(found > 0, "the number does not stand in the agent");
  const path = join(folder, name);
  writeFileSync(path, bytes);
  chmodSync(path, 0o755);
  return path;
}

const older = () => planted("older", bytesOf(SCHEMA), bytesOf(SCHEMA - 1n));
const newer = () => planted("newer", bytesOf(SCHEMA), bytesOf(SCHEMA + 1n));
const otherVersion = () => planted("other-version", Buffer.from("0.2.0"), Buffer.from("0.9.9"));

function metrics(): Promise<string> {
  return new Promise((done, failed) => {
    const asked = request({ socketPath: HTTP, path: "/metrics" }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      response.on("end", () => done(text));
    });
    asked.on("error", failed).end();
  });
}

async function refused(): Promise<number> {
  return Number(/^vedette_refusals_total\{code="VEDETTE_SCHEMA_MISMATCH"\} (\d+)$/m.exec(await metrics())![1]);
}

const watched = (agent: string, mode: string, socket = SOCKET) =>
  run([
    agent,
    "--host",
    `unix:${socket}`,
    "--start",
    mode,
    "--start-timeout",
    "30",
    "--",
    "sh",
    "-c",
    "echo ran; exit 3",
  ]);

async function works(agent: string): Promise<void> {
  const { status, stdout, stderr } = await watched(agent, "security");
  assert.equal([status, stdout, stderr], [3, "ran\n", ""]);
}

const UNDELIVERED =
  /^vedette-capture: [1-9]\d* events could not be delivered: the host refuses this agent \(VEDETTE_SCHEMA_MISMATCH\)\n$/;

async function goesOnUnseen(agent: string): Promise<void> {
  const before = await refused();
  const { status, stdout, stderr } = await watched(agent, "availability");
  assert.equal([status, stdout], [3, "ran\n"]);
  assert.match(stderr, UNDELIVERED);
  assert.ok((await refused()) > before, "the host counts it");
}

async function doesNotStart(agent: string): Promise<void> {
  const { status, stdout, stderr } = await watched(agent, "security");
  assert.equal([status, stdout], [125, ""]);
  assert.match(stderr, /VEDETTE_SCHEMA_MISMATCH.*\[VEDETTE_AGENT_REFUSED\]/);
}

/** By the first two columns of the table. */
const ROWS: Record<string, () => Promise<void>> = {
  "of one build, any": () => works(AGENT),
  "of two versions with one schema, any": () => works(otherVersion()),
  "the agent's schema is older, `availability`": () => goesOnUnseen(older()),
  "the agent's schema is newer, `availability`": () => goesOnUnseen(newer()),
  "the agent's schema is older, `security`": () => doesNotStart(older()),
  "the agent's schema is newer, `security`": () => doesNotStart(newer()),
};

const page = readFileSync(join(ROOT, "docs/operations.md"), "utf8");
const [, table = ""] = /### What works with what\n.*?(\|.*?)\n\n/s.exec(page) ?? [];
const rows = table
  .split("\n")
  .filter((line) => line.startsWith("| "))
  .slice(1)
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .map(([, which, mode]) => `${which}, ${mode}`);

test.before(async () => {
  await until(() => HOST.said().includes("listening at"), "the host does not listen", HOST.said, END_MS_MAX);
});
test.after(async () => {
  HOST.child.kill("SIGTERM");
  await within(HOST.ended, END_MS_MAX, "the host does not end");
});

test("the table has a row for each that is played here, and no other", () => assert.equal(rows, Object.keys(ROWS)));

for (const [row, play] of Object.entries(ROWS)) test(`${row}: as the table says`, play);

/** As the agent of 0.1 does, which hears why and then runs the workload unwatched, or not at all. */
function answerTo(hello: Buffer): Promise<string> {
  return new Promise((done, failed) => {
    let text = "";
    const stream = connect(SOCKET, () => stream.write(hello));
    stream.setEncoding("latin1").on("data", (part: string) => {
      text += part;
    });
    stream.on("end", () => done(text)).on("error", failed);
  });
}

test("hosts first: the agent of 0.1 hears why it is refused, the host counts and tells it, and judges on", async () => {
  const before = await refused();
  const answer = await within(answerTo(HELLO_0_1), END_MS_MAX, "the host does not answer");
  assert.match(
    answer,
    /\x93\xa5error\xb7VEDETTE_SCHEMA_MISMATCH..The agent speaks schema 1:a89bfcd377931de0, this host/s,
  );
  assert.is(await refused(), before + 1);
  const said = () => HOST.said().includes(`The agent speaks schema ${SCHEMA_0_1}, this host 1:`);
  await until(said, "it is not told", HOST.said, END_MS_MAX);
  await works(AGENT);
});

test("agents first: what the host of 0.1 answers is understood, and the workload does as --start says", async () => {
  const socket = join(folder, "host-0.1.sock");
  const host = createServer((stream) => {
    stream.on("error", () => undefined); // the agent has gone already
    stream.once("data", () => stream.end(REFUSAL_0_1));
  });
  await new Promise<void>((done) => void host.listen(socket, done));
  try {
    const available = await watched(AGENT, "availability", socket);
    assert.equal([available.status, available.stdout], [3, "ran\n"]);
    assert.match(available.stderr, UNDELIVERED);
    const secure = await watched(AGENT, "security", socket);
    assert.equal([secure.status, secure.stdout], [125, ""]);
    assert.match(secure.stderr, /refuses this agent \(VEDETTE_SCHEMA_MISMATCH\)\. \[VEDETTE_AGENT_REFUSED\]/);
  } finally {
    host.close();
  }
});

test("the host says whose schema is another, and judges on", async () => {
  assert.match(
    HOST.said(),
    /warning vedette: The agent speaks schema \S+, this host \S+\. \[VEDETTE_SCHEMA_MISMATCH\]/,
  );
  await works(AGENT);
});

test.run();
