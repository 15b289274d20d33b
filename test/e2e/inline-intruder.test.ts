// SPDX-License-Identifier: Apache-2.0
//
// Programs that would have others blamed for what they do: that reach for another process's ring, or record
// in another thread's.
// Also with: VEDETTE_ASSUME_KERNEL=5.10.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { buildFixture } from "./fixtures.js";
import { environment, run, says, scratch, VEDETTE } from "./programs.js";
import { keptFolder, notices, ofType, readEvents, trace } from "./traces.js";

const test = suite("inline intruder");
/** Rings are asked once a second; a loaded machine takes longer. */
const LOOKS_MS_MAX = 60_000;

const intrude = (mode: string, flags: readonly string[] = []) =>
  trace(`intruder-${mode}${flags.join("")}`, [buildFixture("inline_intruder"), mode], {
    cwd: scratch(),
    deceives: true,
    flags: [...flags],
  });
const OTHERS_GS = "a thread took the GS base of another";
/** Under adaptive the witness may have caught it before: by what the other thread had not written itself. */
const DOUBTED = "what it records cannot be confirmed";

test("no call that a boot makes for itself attaches another's ring, or takes the agent's memory away", async () => {
  const { run: ended, events } = await intrude("gates");
  const refused = "Operation not permitted";
  const expected = {
    "ring by the boot": refused,
    "ring by near": refused,
    "ring as code": "Permission denied",
    "ring as code, writable": refused,
    "page behind the page": refused,
    "page elsewhere": "done",
    "page opened": refused,
    "own code opened": "done",
    // The boot does not look at what became of these.
    "page given away": "done",
    "ring given away": "done",
  };
  const lines = Object.entries(expected).map(([what, answer]) => `${what}: ${answer}\n`);
  assert.is(ended.stdout, `${lines.join("")}status 0\n`);
  assert.is(notices(events, "TAMPER").filter((text) => /memory was refused/.test(text)).length, 7);
  assert.is(ofType(events, "lseek").filter((event) => Number(event["evt.arg.fd"]) === 9001).length, 100);
});

for (const [mode, ...flags] of [
  ["gs_kept"],
  ["gs_back"],
  ["gs_kept", "--integrity", "normal"],
  ["gs_back", "--integrity", "normal"],
] as const) {
  // Under adaptive the witness may catch the program before the thread's ring is looked at.
  const whys = flags.length > 0 ? [OTHERS_GS] : [OTHERS_GS, DOUBTED];
  const how = [mode, ...flags].join(" ");
  test(`${how}: a thread that records in another's ring is told of, and its program is traced from then on`, async () => {
    const { run: ended, events } = await intrude(mode, flags);
    assert.is(ended.stdout, "taken\n");
    assert.equal(notices(events, "TAMPER"), ["a thread has recorded in the ring of another"]);
    const degraded = notices(events, "TIER_DEGRADED");
    assert.ok(
      degraded.length === 1 && whys.includes(degraded[0]!),
      `${degraded.join("; ")}, and not ${whys.join(" or ")}`,
    );
    const told = events.findIndex((event) => event["evt.arg.kind"] === "TIER_DEGRADED");
    const later = ofType(events.slice(told), "lseek").filter((event) => Number(event["evt.arg.fd"]) === 9200);
    assert.is(later.length, 100);
    assert.ok(later.every((event) => event["vedette.tier"] === "trace"));
  });
}

// As one would who has learned what attaches segments at an exec; here it is a process that nobody watches.
test("a process that attaches another's ring is told of, and that other is traced from then on", async () => {
  const path = join(keptFolder(), "intruder-attaches.jsonl");
  const [command, ...args] = [
    ...VEDETTE,
    "trace",
    "--json",
    "-o",
    path,
    "--",
    buildFixture("inline_intruder"),
    "waits",
  ];
  const host = spawn(command!, args, { cwd: scratch(), env: environment(), stdio: ["pipe", "pipe", "inherit"] });
  try {
    const ring = /ring (\d+)/.exec(await says(host, "\n"))![1]!;
    const reads = ["perl", "-e", 'shmread($ARGV[0], my $bytes, 0, 8) or die "$!"; print $$', ring];
    const { stdout: intruder, status } = await run(reads);
    assert.is(status, 0);
    for (const end = performance.now() + LOOKS_MS_MAX; performance.now() < end; await setTimeout(50))
      if (readFileSync(path, "utf8").includes("TIER_DEGRADED")) break;
    host.stdin!.end();
    await once(host, "exit");
    const events = readEvents(path);
    assert.equal(notices(events, "TAMPER"), [`process ${intruder} has attached the ring of this one`]);
    assert.equal(notices(events, "TIER_DEGRADED"), ["another process has attached its ring"]);
    const later = ofType(events, "lseek").filter((event) => Number(event["evt.arg.fd"]) === 9200);
    assert.is(later.length, 100);
    assert.ok(later.every((event) => event["vedette.tier"] === "trace"));
  } finally {
    host.kill("SIGKILL");
  }
});

test.run();
