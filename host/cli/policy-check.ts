// SPDX-License-Identifier: Apache-2.0
// `vedette policy check DIR`: everything that can be said without running a rule. Errors and warnings of the
// compiler and of the lint come with file, line, column and a caret; then the module is admitted and started
// as a sensor would, because top-level code runs at the start, and tests.yaml is read.
import { runTrials } from "../engine/trial.js";
import { explain, type VedetteError } from "../errors.js";
import { Progress } from "../output/progress.js";
import { openBundle } from "../policy/bundle.js";
import { PolicyCompiler, SOURCE_FILE } from "../policy/compile.js";
import { findPolicies } from "../policy/discover.js";
import { loadPolicy } from "../policy/load.js";
import { headOf, policyFileOf } from "../policy/policy-file.js";
import { readTests, TEST_FILE } from "../policy/test-file.js";
import { missingTests } from "../policy/test-run.js";
import { say, warn } from "./failure.js";
import { judgesOf } from "./judges.js";
import { print } from "./print.js";

/** As of VEDETTE_POLICY_INIT. */
const FAILS_AT_START = 2;

/** Checks the policy in `path`, or all below it. */
export async function checkPolicy(path: string): Promise<number> {
  const compiler = new PolicyCompiler();
  let status = 0;
  const progress = new Progress("compiling and checking");
  try {
    for (const folder of findPolicies(path)) status = Math.max(status, await checkFolder(folder, compiler));
  } finally {
    progress.close();
    compiler.close();
  }
  return status;
}

async function checkFolder(folder: string, compiler: PolicyCompiler): Promise<number> {
  const bundle = openBundle(folder);
  const file = policyFileOf(bundle);
  if (file !== null && bundle.has(SOURCE_FILE)) {
    const head = headOf(file);
    const { errors, warnings } = await compiler.check(bundle, head);
    for (const warning of warnings) warn(`warning: ${drawn(warning)}`);
    for (const error of errors) say(`error: ${drawn(error)}`, "error");
    if (errors.length > 0) return Math.max(...errors.map((error) => error.exit));
  }
  const policy = await loadPolicy(bundle, { compiler });
  const [started] = await runTrials([{ policy, batches: [] }]);
  if (started?.fault != null) {
    say(`error: ${started.fault}`, "error");
    return FAILS_AT_START;
  }
  const missing = bundle.has(TEST_FILE) ? missingTests(policy, readTests(bundle).tests) : [`There is no ${TEST_FILE}.`];
  for (const sentence of missing) warn(`warning: ${folder}: ${sentence}`);
  print([`${folder}: ${judgesOf(policy)}, nothing wrong`]);
  return 0;
}

/** The place, the sentence and the line with its caret. */
function drawn(error: VedetteError): string {
  return error.code === "VEDETTE_POLICY_COMPILE" ? `${error.message}\n${error.hint}` : explain(error);
}
