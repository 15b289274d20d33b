// SPDX-License-Identifier: Apache-2.0
//
// Runs the tests: every test/**/*.test.ts in a process of its own, two at once, and the C++ ones
// (build/capture-test). While processors idle, one more runs beside them (runner/room.ts).
//
//   npm test                     everything
//   npm test -- open_relative    the tests whose path, title or fixture holds the name
//   npm test -- falco --cases DIR   further cases of Falco's kinds: DIR/cases.json with its rules and captures,
//                                and suites (*.yaml with `tests:`)
//
// Prints what failed (its output and the one command that shows it again), what was skipped and why, and ends
// in one line: `N passed, N failed`, with `, N skipped` when there were any. In CI (CI=true) it also runs
// `npm run check` as a test, and prints a line for each file as it ends, so that a run that hangs shows
// where. A whole run in CI also says which lines of host/ and capture/ it ran, and fails below their bars. It
// says which jobs took most, and ends itself after 80 minutes (runner/clock.ts).
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { RunClock, WHOLE_MS } from "./runner/clock.js";
import { counted, freshCounts } from "./runner/coverage.js";
import { coverageOf, findJobs, type Job, narrow } from "./runner/jobs.js";
import { Queue } from "./runner/order.js";
import { failureLines, failureText, lastLine, longestLines, passedText, skipLines } from "./runner/report.js";
import { Room } from "./runner/room.js";
import { type Outcome, runJob } from "./runner/run-job.js";

const words = process.argv.slice(2);
const casesAt = words.indexOf("--cases");
const cases = casesAt < 0 ? undefined : words[casesAt + 1];
if (cases !== undefined) {
  process.env.VEDETTE_FALCO_CASES = resolve(cases);
  if (!existsSync(cases)) {
    process.stderr.write(`there is no folder ${cases}\n`);
    process.exit(1);
  }
}
// A test finds nothing of what an earlier one compiled.
process.env.VEDETTE_RULE_CACHE = "off";
/** The tests that read cases from a folder. */
const OF_CASES = ["falco/cases.test", "recording/captures.test", "e2e/falco-suites.test"];
const names = cases === undefined ? words : OF_CASES;
const inCi = process.env.CI === "true";

const isWhole = inCi && names.length === 0;
if (isWhole) freshCounts();
const found = narrow(findJobs(process.cwd(), { withCheck: inCi }), names);
const jobs = isWhole ? found.map(counted) : found;
if (jobs.length === 0) {
  process.stderr.write(`no test has ${names.join(" or ")} in its path, title or fixture\n`);
  process.exit(1);
}
const began = Number(process.env.VEDETTE_RUN_BEGAN ?? Date.now() / 1000);
const clock = new RunClock(isWhole ? WHOLE_MS : Number.POSITIVE_INFINITY, began * 1000);
const beside = jobs.filter((job) => !job.alone);
const coverage = isWhole ? coverageOf("host", "counted") : null;
const outcomes = [
  ...(await runAll(new Queue(beside, coverage), Math.min(2, availableParallelism()), { besides: true })),
  ...(await runAll(
    new Queue(
      jobs.filter((job) => job.alone),
      null,
    ),
    1,
    { besides: false },
  )),
];
const told = isWhole ? [...longestLines(outcomes), ...failureLines(outcomes)] : [];
for (const line of [...skipLines(outcomes), ...told]) console.log(line);
console.log(lastLine(outcomes));
process.exit(outcomes.some((outcome) => outcome.failed > 0) ? 1 : 0);

/** Runs `width` jobs at once; `besides`: and one more while the machine has room. */
async function runAll(queue: Queue, width: number, { besides }: { besides: boolean }): Promise<Outcome[]> {
  const done: Outcome[] = [];
  const room = new Room();
  const one = async (job: Job): Promise<void> => {
    const outcome = await runJob(job, names, clock.leftMs());
    queue.ended(job);
    report(outcome);
    done.push(outcome);
  };
  const worker = async (): Promise<void> => {
    for (let job = queue.next(); job !== undefined; job = queue.next()) await one(job);
  };
  const oneMore = async (): Promise<void> => {
    while (!queue.isEmpty()) {
      if (!(await room.isThere())) continue;
      const job = queue.next();
      if (job !== undefined) await one(job);
    }
  };
  await Promise.all([...Array.from({ length: width }, worker), besides ? oneMore() : undefined]);
  return done;
}

function report(outcome: Outcome): void {
  if (outcome.failed > 0) console.log(failureText(outcome));
  else if (inCi) console.log(passedText(outcome));
}
