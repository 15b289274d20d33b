// SPDX-License-Identifier: Apache-2.0
// `vedette policy test DIR`: runs tests.yaml of the policy in DIR, or of all below it, and shows what
// differs. A rule without a positive or a negative test fails too, unless --only chooses tests. With
// --coverage it says which branches of the code no test reaches, where all tests pass.
import { relative } from "node:path";
import { runTrials } from "../engine/trial.js";
import { VedetteError } from "../errors.js";
import { whileShowing } from "../output/progress.js";
import { openBundle } from "../policy/bundle.js";
import { PolicyCompiler, SOURCE_FILE } from "../policy/compile.js";
import { type Coverage, coverageOf } from "../policy/coverage.js";
import { findPolicies } from "../policy/discover.js";
import { loadPolicy } from "../policy/load.js";
import { runPolicyTests, type TestReport } from "../policy/test-run.js";
import { print, printJson } from "./print.js";

interface Tested extends TestReport {
  readonly folder: string;
  /** Null: there is no code, or a test fails. Undefined: nobody asked. */
  readonly coverage?: Coverage | null;
}

/** What is said of tests. */
export interface TestFlags {
  readonly json?: boolean;
  readonly coverage?: boolean;
  /** Only tests with this in their names. */
  readonly only?: string;
}

/** Gives status 1 where a test fails or is missing. */
export async function testPolicies(path: string, { json, coverage, only }: TestFlags = {}): Promise<number> {
  if (coverage === true && only !== undefined) throw usage("--coverage is of all tests: leave --only out.");
  const reports = await whileShowing("compiling and testing", () => reportsOf(path, coverage === true, only));
  if (only !== undefined && reports.every(({ outcomes }) => outcomes.length === 0))
    throw usage(`No test has "${only}" in its name.`);
  const failed = reports.flatMap((one) => one.outcomes).filter((outcome) => outcome.differences.length > 0).length;
  const missing = reports.flatMap((one) => one.missing).length;
  if (json === true) printJson({ failed, missing, policies: reports });
  else print(lines(reports, failed, missing));
  return failed + missing > 0 ? 1 : 0;
}

const usage = (problem: string): VedetteError => new VedetteError("VEDETTE_USAGE", { problem, command: "policy test" });

async function reportsOf(path: string, asksForCoverage: boolean, only?: string): Promise<Tested[]> {
  const compiler = new PolicyCompiler();
  const reports: Tested[] = [];
  try {
    for (const folder of findPolicies(path)) {
      const bundle = openBundle(folder);
      const policy = await loadPolicy(bundle, { compiler });
      const report = await runPolicyTests(policy, bundle, runTrials, only);
      if (only !== undefined && report.outcomes.length === 0) continue;
      const isRight = report.outcomes.every(({ differences }) => differences.length === 0);
      const isCovered = isRight && bundle.has(SOURCE_FILE);
      const coverage = asksForCoverage && isCovered ? await coverageOf(policy, bundle, compiler) : null;
      reports.push({ folder, ...report, ...(asksForCoverage ? { coverage } : {}) });
    }
  } finally {
    compiler.close();
  }
  return reports;
}

function lines(reports: readonly Tested[], failed: number, missing: number): string[] {
  const passed = reports.flatMap((one) => one.outcomes).length - failed;
  return [
    ...reports.flatMap(({ folder, outcomes, missing, coverage }) => [
      relative("", folder) || folder,
      ...outcomes.flatMap(({ name, differences, logs }) => [
        `  ${differences.length === 0 ? "ok  " : "FAIL"} ${name}`,
        ...differences.map((line) => `         ${line}`),
        ...(differences.length === 0 ? [] : logs.map((line) => `         log: ${line}`)),
      ]),
      ...missing.map((sentence) => `  FAIL ${sentence}`),
      ...(coverage === undefined ? [] : coverageLines(coverage)),
    ]),
    `${passed} passed, ${failed} failed${missing > 0 ? `, ${missing} missing` : ""}`,
  ];
}

const NEVER = { true: "was never true", false: "was never false", both: "was never reached" } as const;

function coverageLines(coverage: Coverage | null): string[] {
  if (coverage === null) return ["  coverage: not known without sources and passing tests"];
  const { branches, reached, missed } = coverage;
  return [
    `  coverage: tests reach ${reached} of ${branches} branches`,
    ...missed.map(({ at, text, never }) => `    ${at}  ${text}  ${NEVER[never]}`),
  ];
}
