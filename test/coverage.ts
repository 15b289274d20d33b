// SPDX-License-Identifier: Apache-2.0
//
// `npm run coverage [-- host | capture | quick | counted]`: which lines of host/ and capture/ the tests run.
// Not all tests: those of test/host, and of the others so many that every room is visited; so the figures are
// lower bounds.
//
//   host      V8 counts in each test of test/host and in the `vedette` commands that it starts
//   capture   gcov counts in the doctests, on the fake kernel, and in the agents that some tests of test/e2e start
//   quick     capture, by the tests alone that reach most in a minute: CI does this beside its other tests
//   counted   host, by what CI's run of test/host has counted: the tests' own processes
//
// `.ci/coverage` has put the agent that counts where the built one stands, for this process and those below
// it alone. A test that fails here, because what counts is slower, is named and does not count as a failure;
// a figure below its bar does.
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import {
  BARS,
  barred,
  COUNTS,
  coverageOf,
  type FileCoverage,
  freshCounts,
  type Side,
  tableOf,
} from "./runner/coverage.js";
import { gcovOf } from "./runner/gcov.js";
import { findJobs, type Job } from "./runner/jobs.js";
import { runJob } from "./runner/run-job.js";

const ROOT = process.cwd();
const COUNTING = join(ROOT, "build/coverage/capture");
/** Tests of the whole product that visit what test/host does not: a file name's part each. */
const OF_HOST = ["test/host/", "e2e/errors", "e2e/falco-commands", "e2e/outputs", "e2e/incidents", "e2e/terminal"];
const OF_CAPTURE = [
  "e2e/fixtures",
  "e2e/prevent.test",
  "e2e/lifecycles",
  "e2e/faults",
  "e2e/churn",
  "e2e/debuggers.test",
  "e2e/site-cache",
  "attacks/prevention",
  "attacks/stranger",
  "attacks/attached",
  "attacks/plaintext",
];

/** Of those, what reaches most in a minute. */
const QUICK = [
  "e2e/fixtures",
  "e2e/lifecycles",
  "attacks/prevention",
  "attacks/stranger",
  "attacks/attached",
  "attacks/plaintext",
];

/** What counts is slower. */
const SLOWER = 4;

const asked = process.argv.slice(2);
const wants = (side: string): boolean => asked.length === 0 || asked.includes(side);

if (wants("capture")) await ofCapture(OF_CAPTURE);
else if (wants("quick")) await ofCapture(QUICK);
if (wants("host")) await ofHost();
else if (wants("counted")) await sayHost(BARS.counted);

async function ofHost(): Promise<void> {
  freshCounts();
  await play(OF_HOST, { NODE_V8_COVERAGE: join(ROOT, COUNTS) });
  await sayHost(BARS.host);
}

async function sayHost(bar: number): Promise<void> {
  say("host", await coverageOf(ROOT, join(ROOT, COUNTS), join(ROOT, "build/coverage/host")), bar);
}

async function ofCapture(names: readonly string[]): Promise<void> {
  for (const name of readdirSync(COUNTING, { recursive: true, encoding: "utf8" }))
    if (name.endsWith(".gcda")) rmSync(join(COUNTING, name));
  const doctests = ["capture-test", "capture-model"].map((name) => doctest(join(COUNTING, name)));
  for (const job of doctests) await playOne(job);
  await play(names, {});
  const files = await gcovOf(ROOT, COUNTING);
  say("capture", files, BARS.capture);
}

function say(side: Side, files: readonly FileCoverage[], bar: number): void {
  const { line, holds } = barred(side, files, bar);
  for (const each of ["", ...tableOf(files), "", line]) console.log(each);
  if (!holds) process.exitCode = 1;
}

async function play(names: readonly string[], env: Record<string, string>): Promise<void> {
  const jobs = findJobs(ROOT, { withCheck: false }).filter(
    ({ kind, path }) => kind === "uvu" && !path.includes(" with ") && names.some((name) => path.includes(name)),
  );
  for (const job of jobs) await playOne({ ...job, env: { ...job.env, ...env } });
}

async function playOne(job: Job): Promise<void> {
  const { passed, failed, ms } = await runJob({ ...job, limitMs: SLOWER * job.limitMs }, []);
  console.log(`${job.path}: ${passed} passed, ${failed} failed, ${(ms / 1000).toFixed(1)} s`);
}

function doctest(program: string): Job {
  return { path: program, command: [program], limitMs: 600_000, alone: false, kind: "doctest", text: "", env: {} };
}
