// SPDX-License-Identifier: Apache-2.0
//
// Children and threads that are made faster than anybody can be told of them: each lives as it does bare, records under its own
// number, and nobody is accused. `VEDETTE_BIRTHS=10` makes ten times as many: a million children and a million threads.
// Time limit: 300 s.
// Also with: VEDETTE_ASSUME_KERNEL=5.10.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { buildFixture } from "./fixtures.js";
import { ROOT, run, scratch, VEDETTE } from "./programs.js";
import { ofType, trace } from "./traces.js";

// In the environment of a repetition a part will do.
const FACTOR = Number(process.env.VEDETTE_BIRTHS ?? "1") / (process.env.VEDETTE_ASSUME_KERNEL === undefined ? 1 : 10);
const CALLS = 3; // of each child
const AGENT = join(ROOT, "build/vedette-capture");

const times = (count: number): string => String(Math.max(1, Math.round(count * FACTOR)));
const births = buildFixture("births");

// Watched by the whole product with its default pack; the alerts that it raised.
async function watched(argv: string[]): Promise<{ status: number | null; stderr: string; alerts: string[] }> {
  const alerts = join(scratch(), "alerts.jsonl");
  const { status, stderr } = await run([...VEDETTE, "run", "--alerts", alerts, "--", ...argv], { limitMs: 250_000 });
  const lines = readFileSync(alerts, "utf8").split("\n");
  return { status, stderr, alerts: lines.filter((line) => line !== "").map((line) => JSON.parse(line).rule) };
}

for (const shape of ["fork", "burst", "double", "vfork", "thread", "threads"]) {
  test(`${shape}: each record stands under the thread that made the call`, async () => {
    const { run: ended, events } = await trace(`births_${shape}`, [
      births,
      "-l",
      shape,
      "4",
      shape.length > 4 ? "10" : "100",
    ]);
    assert.is(ended.status, 0, ended.stderr);
    // A number may be given twice in one run.
    const made = ofType(events, "pread").filter((event) => event["fd.name"] === "/proc/self/exe");
    const recorded = made.map((event) => `${event["thread.tid"]}`);
    const logged = ended.stdout
      .trimEnd()
      .split("\n")
      .flatMap((line) => Array<string>(CALLS).fill(line));
    assert.ok(logged.length > 100);
    assert.is(recorded.sort().join("\n"), logged.sort().join("\n"));
  });
}

const SHAPES: [shape: string, parents: number, each: number][] = [
  ["fork", 1, 5_000],
  ["fork", 8, 2_500],
  ["burst", 4, 150],
  ["burst", 64, 10],
  ["double", 8, 600],
  ["vfork", 8, 1_500],
  ["spawn", 4, 400],
  ["thread", 8, 5_000],
  ["threads", 8, 150],
  ["threads", 64, 15],
  ["kill", 4, 400],
];
for (const [shape, parents, each] of SHAPES) {
  test(`${shape}, ${parents} at once: nobody dies, nobody is accused`, async () => {
    const { status, stderr, alerts } = await watched([births, shape, String(parents), times(each)]);
    assert.is(status, 0, stderr);
    assert.equal(alerts, []);
  });
}

test("one processor for the agent and all that it watches", async () => {
  const { status, stderr, alerts } = await watched(["taskset", "-c", "0", births, "burst", "8", times(20)]);
  assert.is(status, 0, stderr);
  assert.equal(alerts, []);
});

test("short programs that a parallel shell loop starts: the agent outlives them", async () => {
  const loop = `seq ${times(400)} | xargs -P4 -n1 sh -c 'cat /etc/hostname >/dev/null'`;
  for (let round = 0; round < 10; ++round) {
    const ended = await run([AGENT, "--host", "discard", "--", "sh", "-c", loop], { limitMs: 250_000 });
    assert.is(ended.status, 0, ended.stderr);
  }
});

test.run();
