// SPDX-License-Identifier: Apache-2.0
// Which branches of an author's code no test of tests.yaml reaches. The policy is compiled so that it says
// its way (rules-wasm/transform/trace.js), and judges the events of each test once more. A term has two
// branches, one for each answer. `return true` and `return false` have one. Conditions of loops are no
// terms.
import type { LoadedPolicy } from "../engine/policy.js";
import { VedetteError } from "../errors.js";
import { reasonOf } from "../reason.js";
import { examine } from "../wasm/admission.js";
import { type Step, TRACED_LIMITS, TracedInstance } from "../wasm/traced.js";
import { openBatch } from "../wire/batch.js";
import type { Bundle } from "./bundle.js";
import type { PolicyCompiler } from "./compile.js";
import { headOf, readPolicyFile } from "./policy-file.js";
import { testCases } from "./test-run.js";

/** A term or an end that some test should reach. */
export interface Missed {
  readonly text: string;
  /** Which answers it never gave; `both`: it was never asked, or the end never reached. */
  readonly never: "true" | "false" | "both";
  /** File and line. */
  readonly at: string;
}
/** What tests reach of a policy's code. */
export interface Coverage {
  readonly branches: number;
  readonly reached: number;
  /** In the order of the code. */
  readonly missed: readonly Missed[];
}

/**
 * Judges in this thread: ask for a policy whose tests end. Throws what compiling throws, and
 * VEDETTE_POLICY_INIT.
 */
export async function coverageOf(policy: LoadedPolicy, bundle: Bundle, compiler: PolicyCompiler): Promise<Coverage> {
  const file = readPolicyFile(bundle).value;
  const head = headOf(file);
  const { wasm, terms } = await compiler.trace(bundle, head);
  const examined = examine(wasm, policy.place, TRACED_LIMITS);
  const answers = new Map<number, Set<boolean>>(terms.map(({ id }) => [id, new Set()]));
  const note = (steps: readonly Step[]): void => {
    for (const { id, is } of steps) if (typeof is === "boolean") answers.get(id)?.add(is);
  };
  for (const { policy: one, batches } of testCases(policy, bundle)) {
    const instance = await started(examined, one);
    for (const { bytes, container } of batches) {
      const batch = openBatch(bytes);
      batch.container = container;
      for (const [index, offset] of batch.offsets.entries()) {
        const { ways, rest } = instance.look(batch, { index, offset });
        for (const { steps } of ways.values()) note(steps);
        note(rest);
      }
    }
  }
  const missed = terms.flatMap((term): (Missed & { readonly start: number; readonly file: string })[] => {
    const given = answers.get(term.id)!;
    if (given.size === 2 || (term.isEnd && given.size === 1)) return [];
    const never = given.size === 0 ? "both" : given.has(true) ? "false" : "true";
    return [{ text: term.text, never, at: `${term.file}:${term.line}`, start: term.start, file: term.file }];
  });
  const branches = terms.reduce((sum, { isEnd }) => sum + (isEnd ? 1 : 2), 0);
  const reached = [...answers.values()].reduce((sum, { size }) => sum + size, 0);
  missed.sort((a, b) => (a.file === b.file ? a.start - b.start : a.file < b.file ? -1 : 1));
  return { branches, reached, missed: missed.map(({ text, never, at }) => ({ text, never, at })) };
}

async function started(examined: ReturnType<typeof examine>, { name, parameters }: LoadedPolicy) {
  try {
    return await TracedInstance.start(examined, parameters);
  } catch (error) {
    if (error instanceof VedetteError) throw error;
    throw new VedetteError("VEDETTE_POLICY_INIT", { policy: name, reason: reasonOf(error) }, { cause: error });
  }
}
