// SPDX-License-Identifier: Apache-2.0
// `vedette policy test DIR`: runs tests.yaml of the policy in DIR, or of all below it, and shows what
// differs. A rule without a positive or a negative test fails too.
import { relative } from "node:path";
import { runTrials } from "../engine/trial.js";
import { whileShowing } from "../output/progress.js";
import { openBundle } from "../policy/bundle.js";
import { PolicyCompiler } from "../policy/compile.js";
import { findPolicies } from "../policy/discover.js";
import { loadPolicy } from "../policy/load.js";
import { runPolicyTests, type TestReport } from "../policy/test-run.js";
import { print, printJson } from "./print.js";

interface Tested extends TestReport {
  readonly folder: string;
}

/** Gives status 1 where a test fails or is missing. */
export async function testPolicies(path: string, asJson: boolean): Promise<number> {
  const reports = await whileShowing("compiling and testing", () => reportsOf(path));
  const failed = reports.flatMap((one) => one.outcomes).filter((outcome) => outcome.differences.length > 0).length;
  const missing = reports.flatMap((one) => one.missing).length;
  if (asJson) printJson({ failed, missing, policies: reports });
  else print(lines(reports, failed, missing));
  return failed + missing > 0 ? 1 : 0;
}

async function reportsOf(path: string): Promise<Tested[]> {
  const compiler = new PolicyCompiler();
  const reports: Tested[] = [];
  try {
    for (const folder of findPolicies(path)) {
      const bundle = openBundle(folder);
      const policy = await loadPolicy(bundle, { compiler });
      reports.push({ folder, ...(await runPolicyTests(policy, bundle, runTrials)) });
    }
  } finally {
    compiler.close();
  }
  return reports;
}

function lines(reports: readonly Tested[], failed: number, missing: number): string[] {
  const passed = reports.flatMap((one) => one.outcomes).length - failed;
  return [
    ...reports.flatMap(({ folder, outcomes, missing }) => [
      relative("", folder) || folder,
      ...outcomes.flatMap(({ name, differences, logs }) => [
        `  ${differences.length === 0 ? "ok  " : "FAIL"} ${name}`,
        ...differences.map((line) => `         ${line}`),
        ...(differences.length === 0 ? [] : logs.map((line) => `         log: ${line}`)),
      ]),
      ...missing.map((sentence) => `  FAIL ${sentence}`),
    ]),
    `${passed} passed, ${failed} failed${missing > 0 ? `, ${missing} missing` : ""}`,
  ];
}
