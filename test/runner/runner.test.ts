// SPDX-License-Identifier: Apache-2.0
//
// The runner, run on small made-up test files: what it counts, what it calls a failure, what it looks names
// up in.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { run } from "../e2e/programs.js";
import { RunClock } from "./clock.js";
import { coverageOf, findJobs, type Job, narrow } from "./jobs.js";
import { Queue } from "./order.js";
import { failureLines, failureText, lastLine, longestLines, skipLines } from "./report.js";
import { idleProcessors, Room } from "./room.js";
import { COUNTERS, runJob } from "./run-job.js";

const made: string[] = [];
test.after(() => {
  for (const folder of made) rmSync(folder, { recursive: true });
});

function tree(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), "runner-"));
  made.push(root);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

function script(text: string, limitMs = 10_000): Job {
  return { path: "made.test.ts", command: ["bash", "-c", text], limitMs, alone: false, kind: "uvu", text: "", env: {} };
}

test("a file's head sets its time limit and whether it runs alone", () => {
  const root = tree({
    "test/a.test.ts": "// Time limit: 7 s.\n// Runs alone.\nconst x = 1;\n",
    "test/b.test.ts": "// Plain.\nconst x = 'Runs alone.';\n",
  });
  const [a, b] = findJobs(root, { withCheck: false });
  assert.equal([a!.limitMs, a!.alone, b!.limitMs, b!.alone], [7_000, true, 600_000, false]);
});

test("a file that asks for it runs once more in another environment, and is found by it", async () => {
  // Whoever breaks the comment's lines anew changes nothing.
  const head = "// What it tests. Time limit:\n// 7 s. Also\n// with: A=5.10\n// B=x. Also with: C=y.\n";
  const root = tree({ "test/a.test.ts": head });
  const [plain, both, third] = findJobs(root, { withCheck: false });
  assert.equal([plain!.env, both!.env, third!.env], [{}, { A: "5.10", B: "x" }, { C: "y" }]);
  assert.is(both!.path, "test/a.test.ts with A=5.10 B=x");
  assert.is(both!.limitMs, 7_000);
  assert.equal(narrow([plain!, both!, third!], ["B=x"]), [both]);
  const outcome = await runJob({ ...script("echo $A $B; exit 1"), env: both!.env }, []);
  assert.match(outcome.output, "5.10 x");
  assert.match(failureText({ ...outcome, job: both! }), 'again: npm test -- "test/a.test.ts with A=5.10 B=x"');
});

test("a file is not run twice in the environment that all run in", () => {
  const root = tree({
    "test/a.test.ts": "// Also with: VEDETTE_RUNNER_TEST=5.10.\n// Also with: VEDETTE_RUNNER_TEST=5.10 B=x.\n",
  });
  const paths = (): string[] =>
    findJobs(root, { withCheck: false }).map((job) => job.path.slice("test/a.test.ts".length));
  assert.equal(paths(), ["", " with VEDETTE_RUNNER_TEST=5.10", " with VEDETTE_RUNNER_TEST=5.10 B=x"]);
  process.env.VEDETTE_RUNNER_TEST = "5.10";
  try {
    assert.equal(paths(), ["", " with VEDETTE_RUNNER_TEST=5.10 B=x"]);
  } finally {
    delete process.env.VEDETTE_RUNNER_TEST;
  }
});

test("a name picks files by path, else by title or fixture", () => {
  const root = tree({
    "test/host/load.test.ts": "test('a policy loads')",
    "test/e2e/fixtures.test.ts": "import './fixtures.js'",
    "test/fixtures/open_relative.c": "",
  });
  const paths = (name: string): string[] => narrow(findJobs(root, { withCheck: false }), [name]).map((job) => job.path);
  assert.equal(paths("host/load"), ["test/host/load.test.ts"]);
  assert.equal(paths("a policy loads"), ["test/host/load.test.ts"]);
  assert.equal(paths("open_relative"), ["test/e2e/fixtures.test.ts"]);
  assert.equal(paths("nothing of the kind"), []);
});

test("uvu's and doctest's counts are read from their last lines", () => {
  assert.equal(COUNTERS.uvu("\n  Total:     5\n  Passed:    3\n  Skipped:   1\n"), {
    passed: 3,
    failed: 2,
    skipped: 1,
  });
  const doctest =
    "[doctest] test cases:  12 |  11 passed | 1 failed | 0 skipped\n[doctest] assertions: 50 | 49 passed | 1 failed |";
  assert.equal(COUNTERS.doctest(doctest), { passed: 11, failed: 1, skipped: 0 });
});

test("a process that dies before it counts is a failure", async () => {
  const outcome = await runJob(script("echo hello; exit 3"), []);
  assert.is(outcome.failed, 1);
  assert.match(outcome.output, "ended with status 3");
});

test("a suite whose hook throws is a failure that says why, before its tests and behind them", async () => {
  const uvu = join(import.meta.dirname, "../../node_modules/uvu/dist/index.mjs");
  for (const [hook, passed] of [
    ["before", 0],
    ["before.each", 0],
    ["after", 1],
  ] as const) {
    const text = `import { suite } from "${uvu}"; const one = suite("one"); one("a", () => undefined);
      one.${hook}(() => { throw new Error("no room"); }); one.run();`;
    const root = tree({ "test/a.test.ts": text, "package.json": `{"type":"module"}` });
    const [job] = findJobs(root, { withCheck: false });
    const command = job!.command.with(-1, join(root, "test/a.test.ts"));
    const outcome = await runJob({ ...job!, command }, []);
    assert.equal([outcome.passed, outcome.failed], [passed, 1], outcome.output);
    assert.match(outcome.output, /FAIL.*\n +no room/, outcome.output);
  }
});

test("a timeout is a failure and ends what the test started", async () => {
  const outcome = await runJob(script("sleep 60 & echo $!; wait", 300), []);
  assert.is(outcome.failed, 1);
  assert.match(outcome.output, "timed out after 0.3 s");
  assert.not.ok(await isRunning(Number.parseInt(outcome.output, 10)));
});

test("a failure shows its output and the command that shows it again", async () => {
  const outcome = await runJob(script("echo got 1, expected 2; exit 1"), []);
  assert.match(failureText(outcome), "got 1, expected 2");
  assert.match(failureText(outcome), "again: npm test -- made.test.ts");
});

test("what failed stands once more at the end: where, and what was expected", async () => {
  const uvu = `printf '   FAIL  "one is two"\n    Expected:  (is)\n\n        ++2\n        --1\n    at assert (x.mjs:33:8)\n\n  Total:     1\n  Passed:    0\n  Skipped:   0\n'; exit 1`;
  const outcomes = [await runJob(script(uvu), []), await runJob(script("exit 3"), [])];
  assert.equal(failureLines(outcomes), [
    'failed: made.test.ts: FAIL  "one is two"\n    Expected:  (is)\n    ++2\n    --1',
    "failed: made.test.ts: it did not end as it should:\n    ended with status 3",
  ]);
});

test("of a job that was ended at its limit, its last lines stand at the end", async () => {
  const [line] = failureLines([await runJob(script("seq 100; sleep 60", 300), [])]);
  assert.match(line!, /^failed: made\.test\.ts: it did not end as it should:\n {4}82\n/);
  assert.match(line!, /\n {4}100\n {4}timed out after 0\.3 s$/);
});

test("a run whose time is over ends the job that runs, and fails by name those that have not begun", async () => {
  let now = 5_000;
  const clock = new RunClock(1_000, 4_500, () => now);
  assert.is(clock.leftMs(), 500);
  const running = await runJob(script("sleep 60"), [], clock.leftMs());
  now = 6_000;
  const waiting = await runJob(script("exit 0"), [], clock.leftMs());
  assert.equal(failureLines([running, waiting]), [
    "failed: made.test.ts: it did not end as it should:\n    timed out after 0.5 s, when the time of the whole run was over",
    "failed: made.test.ts: it did not end as it should:\n    not begun: the time of the whole run was over",
  ]);
});

test("a run tells which jobs took most of the processor, and what all took", async () => {
  const busy = "for ((i = 0; i < 300000; i++)); do :; done";
  const outcomes = [await runJob(script("exit 0"), []), await runJob(script(`bash -c "${busy}"; true`), [])];
  assert.ok(outcomes[1]!.cpuMs >= 100, `${outcomes[1]!.cpuMs} ms`);
  const lines = longestLines([...outcomes, ...Array.from({ length: 20 }, () => outcomes[0]!)]);
  assert.is(lines.length, 11);
  assert.match(lines[0]!, `(${(outcomes[1]!.cpuMs / 1000).toFixed(1)} s of CPU)`);
  assert.match(lines[10]!, /^all jobs: \d+\.\d s \(\d+\.\d s of CPU\)$/);
});

test("the longest jobs begin first, then test/host, and its coverage when that has ended", () => {
  const job = (path: string): Job => ({ ...script(""), path });
  const paths = ["check", "test/e2e/a.test.ts", "test/host/a.test.ts", "test/web/a.test.ts", "coverage of capture"];
  const queue = new Queue(paths.map(job), coverageOf("host", "counted"));
  const next = (): string | undefined => queue.next()?.path;
  const begun = [next(), next(), next(), next()];
  assert.equal(begun, ["coverage of capture", "test/web/a.test.ts", "test/host/a.test.ts", "check"]);
  queue.ended(job("test/host/a.test.ts"));
  assert.equal([next(), next(), next()], ["coverage of host", "test/e2e/a.test.ts", undefined]);
});

test("there is room for one job more only while more than half a processor idles", async () => {
  const at = (idleMs: number, allMs: number) => ({ idleMs, allMs });
  assert.is(idleProcessors(at(100, 1_000), at(600, 2_000), 2), 1);
  assert.is(idleProcessors(at(100, 1_000), at(100, 1_000), 2), 0);
  let now = at(0, 0);
  const room = (idle: number): Promise<boolean> =>
    new Room(() => {
      const was = now;
      now = at(now.idleMs + idle * 1_000, now.allMs + cpus().length * 1_000);
      return was;
    }, 1).isThere();
  assert.equal([await room(0.5), await room(0.7)], [false, true]);
});

test("whoever would begin one job more stops when nothing is left to begin", () => {
  const job = (path: string): Job => ({ ...script(""), path });
  const queue = new Queue([job("test/host/a.test.ts")], coverageOf("host", "counted"));
  assert.not.ok(queue.isEmpty());
  queue.next();
  assert.ok(queue.isEmpty(), "the coverage waits for it");
  queue.ended(job("test/host/a.test.ts"));
  assert.not.ok(queue.isEmpty());
  queue.next();
  assert.ok(queue.isEmpty());
});

test("a skip says what is missing, and is counted in the last line", async () => {
  const outcome = await runJob(
    script("echo 'skip: a JVM: no java here'; printf '\\n  Total:     1\\n  Passed:    1\\n  Skipped:   1\\n'"),
    [],
  );
  assert.equal(skipLines([outcome]), ["skip: a JVM: no java here (made.test.ts)"]);
  assert.is(lastLine([outcome]), "1 passed, 0 failed, 1 skipped");
});

test("a shell that a test starts runs nobody's startup files", async () => {
  const home = tree({ ".bashrc": "echo started up" });
  const { stdout } = await run(["bash", "-c", "echo $HOME"], { env: { HOME: home } });
  assert.is(stdout, `${home}\n`);
});

// A killed process may stay for a moment, or as a zombie until its new parent looks.
async function isRunning(pid: number): Promise<boolean> {
  for (let tries = 0; tries < 50; tries++) {
    const status = existsSync(`/proc/${pid}/status`) ? readFileSync(`/proc/${pid}/status`, "utf8") : "State:\tZ";
    if (/State:\s+[ZX]/.test(status)) return false;
    await setTimeout(20);
  }
  return true;
}

test.run();
