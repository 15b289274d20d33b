// SPDX-License-Identifier: Apache-2.0
//
// Children and threads that are made faster than anybody can be told of them: each lives as it does bare,
// records under its own number, and nobody is accused. `VEDETTE_BIRTHS=10` makes ten times as many: a million
// children and a million threads.
// Also with: VEDETTE_ASSUME_KERNEL=5.10.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { buildFixture } from "./fixtures.js";
import { ROOT, run, scratch, VEDETTE } from "./programs.js";
import { missingForQuota, withQuota } from "./quota.js";
import { ofType, trace } from "./traces.js";

// In the environment of a repetition a part will do.
const FACTOR = Number(process.env.VEDETTE_BIRTHS ?? "1") / (process.env.VEDETTE_ASSUME_KERNEL === undefined ? 1 : 10);
const CALLS = 3; // of each child
const LIMIT_MS = 250_000 * Math.max(1, FACTOR);
const AGENT = join(ROOT, "build/vedette-capture");

const times = (count: number): string => String(Math.max(1, Math.round(count * FACTOR)));
const missing = missingForQuota();
const births = buildFixture("births");

// Watched by the whole product with its default pack: the workload ends well, and no alert is raised.
async function live(argv: string[], narrow = (words: string[]) => words): Promise<void> {
  const alerts = join(scratch(), "alerts.jsonl");
  const { status, stderr } = await run(narrow([...VEDETTE, "run", "--alerts", alerts, "--", ...argv]), {
    limitMs: LIMIT_MS,
  });
  assert.is(status, 0, stderr);
  const lines = readFileSync(alerts, "utf8").split("\n");
  assert.equal(
    lines.filter((line) => line !== "").map((line) => JSON.parse(line).rule),
    [],
  );
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
  test(`${shape}, ${parents} at once: nobody dies, nobody is accused`, () =>
    live([births, shape, String(parents), times(each)]));
}

// The agent, its host and all that they watch together.
const NARROW: [shape: string, parents: number, each: number][] = [
  ["fork", 8, 150],
  ["burst", 8, 20],
  ["double", 8, 30],
  ["vfork", 8, 100],
  ["thread", 8, 150],
  ["threads", 8, 20],
];
for (const [shape, parents, each] of NARROW) {
  const argv = [births, shape, String(parents), times(each)];
  test(`${shape}, ${parents} at once on one processor: nobody dies, nobody is accused`, () =>
    live(argv, (words) => ["taskset", "-c", "0", ...words]));
  if (missing === null)
    test(`${shape}, ${parents} at once on a quarter of a processor: nobody dies, nobody is accused`, () =>
      withQuota(0.25, (narrow) => live(argv, narrow)));
}
if (missing !== null) console.log(`skip: a quarter of a processor: ${missing} is missing`);

test("short programs that a parallel shell loop starts: the agent outlives them", async () => {
  const loop = `seq ${times(400)} | xargs -P4 -n1 sh -c 'cat /etc/hostname >/dev/null'`;
  for (let round = 0; round < 10; ++round) {
    const ended = await run([AGENT, "--host", "discard", "--", "sh", "-c", loop], { limitMs: LIMIT_MS });
    assert.is(ended.status, 0, ended.stderr);
  }
});

test.run();
