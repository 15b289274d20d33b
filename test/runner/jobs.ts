// SPDX-License-Identifier: Apache-2.0
//
// A job is one process that holds tests: a TypeScript test file, the C++ test binary, or (in CI)
// `npm run check` and the coverage of capture/.
//
// A test file says in its opening comment what it needs of the runner:
//   `Time limit: 900 s.`   more than the usual ten minutes
//   `Also with: NAME=VALUE...`  once more with these in the environment, unless it has them anyway; such a line for each time more
//   `Runs alone.`          nothing beside it: it measures, or counts on the machine being quiet
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

export interface Job {
  path: string;
  command: string[];
  limitMs: number;
  alone: boolean;
  kind: "uvu" | "doctest" | "check" | "coverage";
  /** Where names are looked for beside the path: titles, and the fixtures that this file runs. */
  text: string;
  /** What this job's environment has beyond ours. */
  env: Record<string, string>;
}

/**
 * What ends a job that hangs. It is far above what any takes: on a busy machine each takes several times as
 * long, and one that is ended fails the whole run.
 */
const LIMIT_MS = 600_000;
/** What builds or reads everything. */
const OF_CI_LIMIT_MS = 1_200_000;
const FIXTURES = "test/fixtures";
const TOLD_HOOKS = join(import.meta.dirname, "told-hooks.mjs");
// The C++ tests, and the tracer on a fake kernel.
const CPP_TESTS = [
  { command: "build/capture-test", path: "test/capture", holds: (source: string) => source.endsWith("_test.cc") },
  {
    command: "build/capture-model",
    path: "test/capture/model",
    holds: (source: string) => source.startsWith("test/capture/model/"),
  },
];

export function findJobs(root: string, options: { withCheck: boolean }): Job[] {
  const jobs = listFiles(root, "test")
    .filter((path) => path.endsWith(".test.ts"))
    .flatMap((path) => testFile(root, path));
  if (existsSync(join(root, "test/capture"))) jobs.unshift(...cppTests(root));
  if (options.withCheck) jobs.unshift(check(), coverageOf("capture", "quick"));
  return jobs;
}

/** Path first, because a path says exactly which file is meant; then title and fixture. */
export function narrow(jobs: Job[], names: string[]): Job[] {
  if (names.length === 0) return jobs;
  const byPath = jobs.filter((job) => names.some((name) => job.path.includes(name)));
  return byPath.length > 0 ? byPath : jobs.filter((job) => names.some((name) => job.text.includes(name)));
}

function testFile(root: string, path: string): Job[] {
  const text = readFileSync(join(root, path), "utf8");
  // Lines of a comment may be broken anywhere, so they are read as one.
  const head = text.slice(0, text.search(/^(?!\/\/)/m)).replace(/\s*\n\/\/\s*/g, " ");
  const limit = /Time limit: (\d+) s\./.exec(head)?.[1];
  const job: Job = {
    path,
    command: [process.execPath, "--import", "tsx", "--import", TOLD_HOOKS, path],
    limitMs: limit === undefined ? LIMIT_MS : Number(limit) * 1000,
    alone: head.includes("Runs alone."),
    kind: "uvu",
    text: text.includes("fixtures.js") ? text + fixtureNames(root) : text,
    env: {},
  };
  const again = [...head.matchAll(/Also with: (\w+=\S+(?: \w+=\S+)*)\.(?=\s|$)/g)].map((match) => match[1]!);
  const others = again.map((words) => ({
    ...job,
    path: `${path} with ${words}`,
    env: Object.fromEntries(words.split(" ").map((word) => word.split("=") as [string, string])),
  }));
  return [job, ...others.filter(({ env }) => Object.keys(env).some((name) => process.env[name] !== env[name]))];
}

function cppTests(root: string): Job[] {
  const sources = listFiles(root, "test/capture");
  return CPP_TESTS.map(({ command, path, holds }) => ({
    path,
    command: [`./${command}`],
    limitMs: LIMIT_MS,
    alone: false,
    kind: "doctest",
    text: sources
      .filter(holds)
      .map((source) => `${source}\n${readFileSync(join(root, source), "utf8")}`)
      .join("\n"),
    env: {},
  }));
}

function check(): Job {
  return ofCi("check", "check", ["bash", ".ci/check"]);
}

/** What `npm run coverage -- WHICH` says of a side, as one test. */
export function coverageOf(side: string, which: string): Job {
  return ofCi("coverage", `coverage of ${side}`, ["bash", ".ci/coverage", which]);
}

function ofCi(kind: Job["kind"], path: string, command: string[]): Job {
  return { path, command, limitMs: OF_CI_LIMIT_MS, alone: false, kind, text: "", env: {} };
}

function fixtureNames(root: string): string {
  return listFiles(root, FIXTURES)
    .map((path) => basename(path).replace(/\.\w+$/, ""))
    .join("\n");
}

function listFiles(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort();
}
