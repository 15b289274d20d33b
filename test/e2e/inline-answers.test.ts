// SPDX-License-Identifier: Apache-2.0
//
// Questions to the processor that the agent answers for it: new programs learn the same of it as without us.
// Also with: VEDETTE_ASSUME_KERNEL=5.10.
import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { buildFixture } from "./fixtures.js";
import { run, scratch } from "./programs.js";
import { ofType, trace } from "./traces.js";

const test = suite("inline answers");
const LINKER = "/lib64/ld-linux-x86-64.so.2";
const CPU_INFO = readFileSync("/proc/cpuinfo", "utf8");
// Enough for the agent to find it worth its while (inline/file.h).
const PROGRAMS = 12;

const loop = `i=0; while [ $i -lt ${PROGRAMS} ]; do "$@"; i=$((i+1)); done`;
const numbers = (line: string): number[] => line.split(" of ").map(Number);
const hasFlag = (name: string): boolean => new RegExp(`^flags\\s*:.* ${name}( |$)`, "m").test(CPU_INFO);

test("what the dynamic linker knows of the processor is the same, bit for bit", async () => {
  // On one processor: which one it is, stands in it.
  const program = ["taskset", "-c", "0", "sh", "-c", `${loop}; ${LINKER} --list-diagnostics`, "sh", "/bin/true"];
  const known = (text: string): string[] => text.split("\n").filter((line) => line.startsWith("x86.cpu_features."));
  const bare = known((await run(program, { cwd: scratch() })).stdout);
  const watched = await trace("answers-diagnostics", program, { cwd: scratch() });
  assert.ok(bare.length > 50, `${bare.length} lines`);
  assert.equal(known(watched.run.stdout), bare);
  assert.is(watched.run.status, 0);
});

test("in a virtual machine of equal processors its questions are led away, once enough programs have begun; elsewhere never", async () => {
  const program = ["sh", "-c", loop, "sh", buildFixture("linker_starts"), "questions"];
  const bare = (await run(program, { cwd: scratch() })).stdout.trim().split("\n");
  const watched = await trace("answers-questions", program, { cwd: scratch() });
  const counts = watched.run.stdout.trim().split("\n");
  assert.is(counts.length, PROGRAMS);
  assert.is(counts[0], bare[0]);
  const [ledAway, all] = numbers(counts.at(-1)!);
  const [fewByChance, asMany] = numbers(bare.at(-1)!);
  assert.is(all, asMany);
  if (hasFlag("hypervisor") && !hasFlag("hybrid_cpu"))
    assert.ok(ledAway! > all! / 2 && fewByChance! < all! / 8, `${bare.at(-1)}, ${counts.at(-1)}`);
  else assert.is(ledAway, fewByChance);
});

test("a signal at any moment of a program's begin changes nothing", async () => {
  const starts = 60;
  const program = [buildFixture("linker_starts"), "signalled", String(starts), "/bin/true"];
  const watched = await trace("answers-signals", program, { cwd: scratch() });
  assert.is(watched.run.stdout, `${starts} ended with 0\n`);
  assert.is(ofType(watched.events, "procexit").filter((event) => event["proc.name"] === "true").length, starts);
});

test.run();
