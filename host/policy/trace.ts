// SPDX-License-Identifier: Apache-2.0
// A policy's source, compiled so that it says its way to an answer (ways.ts). What comes of it is plain data:
// the process that judges by it is another one where the source is not the operator's own.
import type { ExaminedPolicy } from "../engine/policy.js";
import type { Bundle } from "./bundle.js";
import { type PolicyCompiler, SOURCE_FILE } from "./compile.js";
import { loadPolicy } from "./load.js";
import { headOf, readPolicyFile } from "./policy-file.js";
import { PolicyWays, type TracedPolicy } from "./ways.js";

/** The ways of a policy that is loaded for that. Throws what loading and compiling throw. */
export async function waysOf(bundle: Bundle, compiler: PolicyCompiler) {
  const policy = await loadPolicy(bundle, { compiler });
  return PolicyWays.start(policy, await traced(policy, bundle, compiler));
}

/**
 * Null: there is no source any more, or it is not what this policy was compiled from. `filesNow` may throw:
 * then there is none. Throws what compiling throws.
 */
export async function tracedAsLoaded(
  policy: ExaminedPolicy,
  filesNow: () => Bundle,
  compiler: PolicyCompiler,
): Promise<TracedPolicy | null> {
  const bundle = asLoaded(policy, filesNow, compiler);
  return bundle === null ? null : await traced(policy, bundle, compiler);
}

function asLoaded(policy: ExaminedPolicy, filesNow: () => Bundle, compiler: PolicyCompiler): Bundle | null {
  try {
    const bundle = filesNow();
    return bundle.has(SOURCE_FILE) && compiler.keyOf(bundle, headNow(bundle)) === policy.madeFrom ? bundle : null;
  } catch {
    return null; // its files are gone, are no plain files any more, or do not say what a policy is
  }
}

async function traced(policy: ExaminedPolicy, bundle: Bundle, compiler: PolicyCompiler): Promise<TracedPolicy> {
  const { wasm, terms } = await compiler.trace(bundle, headNow(bundle));
  const { name, place, parameters, rules } = policy;
  return { policy: { name, place, parameters, rules }, wasm, terms };
}

function headNow(bundle: Bundle) {
  return headOf(readPolicyFile(bundle).value);
}
