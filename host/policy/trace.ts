// SPDX-License-Identifier: Apache-2.0
// A policy's source, compiled so that it says its way to an answer (ways.ts). What comes of it is plain data:
// the process that judges by it is another one where the source is not the operator's own.
import type { ExaminedPolicy } from "../engine/policy.js";
import type { Bundle } from "./bundle.js";
import { type PolicyCompiler, SOURCE_FILE } from "./compile.js";
import { loadPolicy } from "./load.js";
import { parametersOf, readPolicyFile } from "./policy-file.js";
import { PolicyWays, type TracedPolicy } from "./ways.js";

/** The ways of a policy that is loaded for that. Throws what loading and compiling throw. */
export async function waysOf(bundle: Bundle, compiler: PolicyCompiler) {
  const policy = await loadPolicy(bundle, { compiler });
  return PolicyWays.start(policy, await traced(policy, bundle, compiler));
}

/**
 * Null: the bundle has no source, or it is not what this policy was compiled from. Throws what compiling
 * throws.
 */
export async function tracedAsLoaded(
  policy: ExaminedPolicy,
  bundle: Bundle,
  compiler: PolicyCompiler,
): Promise<TracedPolicy | null> {
  if (!bundle.has(SOURCE_FILE)) return null;
  const now = await compiler.compile(bundle, headOf(bundle));
  return Buffer.compare(now, policy.admitted.bytes) === 0 ? await traced(policy, bundle, compiler) : null;
}

async function traced(policy: ExaminedPolicy, bundle: Bundle, compiler: PolicyCompiler): Promise<TracedPolicy> {
  const { wasm, terms } = await compiler.trace(bundle, headOf(bundle));
  const { name, place, parameters, rules } = policy;
  return { policy: { name, place, parameters, rules }, wasm, terms };
}

function headOf(bundle: Bundle) {
  const file = readPolicyFile(bundle).value;
  return { name: file.name, version: file.version, parameters: parametersOf(file) };
}
