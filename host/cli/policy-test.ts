// SPDX-License-Identifier: Apache-2.0
// `vedette policy test DIR`: runs tests.yaml of the policy in DIR, or of all below it, and shows what
// differs. A rule without a positive or a negative test fails too. With --coverage it says which branches of
// the code no test reaches, where all tests pass.
import { relative } from "node:path";
import { runTrials } from "../engine/trial.js";
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
}

/** Gives status 1 where a test fails or is missing. */
export async function testPolicies(path: string, { json, coverage }: TestFlags = {}): Promise<number> {
  const reports = await whileShowing("compiling and testing", () => reportsOf(path, coverage === true));
  const failed = reports.flatMap((one) => one.outcomes).filter((outcome) => outcome.differences.length > 0).length;
  const missing = reports.flatMap((one) => one.missing).length;
  if (json === true) printJson({ failed, missing, policies: reports });
  else print(lines(reports, failed, missing));
  return failed + missing > 0 ? 1 : 0;
}

async function reportsOf(path: string, asksForCoverage: boolean): Promise<Tested[]> {
  const compiler = new PolicyCompiler();
  const reports: Tested[] = [];
  try {
    for (const folder of findPolicies(path)) {
      const bundle = openBundle(folder);
      const policy = await loadPolicy(bundle, { compiler });
      const report = await runPolicyTests(policy, bundle, runTrials);
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
