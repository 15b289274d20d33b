// SPDX-License-Identifier: Apache-2.0
// Lets a policy judge given batches, outside of a running engine: for tests.yaml, benchmarks and the self-test before a
// swap. The code is an author's and may never return, so it runs in a thread that is ended when one case takes too long.
import type { Alert } from "../output/alert.js";
import type { LoadedPolicy } from "./policy.js";
import { startThread } from "./thread.js";

export interface TrialCase {
  readonly policy: LoadedPolicy;
  /** Batches, as bytes. */
  readonly batches: readonly Uint8Array[];
  /** Judge them again and again for so long, and measure. */
  readonly measureMs?: number;
}
/** Of the policy's own code: alerts are not made. */
export interface TrialMeasure {
  /** Of the fastest pass over all batches. */
  readonly nsPerEvent: number;
  /** The longest that one batch took, warm. */
  readonly worstBatchMs: number;
  /** Instructions of one pass, where the module counts them. */
  readonly fuel: bigint;
  readonly memoryBytes: number;
}
export interface TrialResult {
  readonly alerts: readonly Alert[];
  readonly logs: readonly string[];
  /** Why it failed: it trapped, could not start, or took too long. */
  readonly fault: string | null;
  readonly measure: TrialMeasure | null;
}

const CASE_MS_MAX = 5000;

/** Runs the cases in order; the result of each. */
export async function runTrials(cases: readonly TrialCase[], caseMs: number = CASE_MS_MAX): Promise<TrialResult[]> {
  const results: TrialResult[] = [];
  while (results.length < cases.length) {
    await runSome(cases.slice(results.length), results, caseMs);
  }
  return results;
}

/** One thread's life: until all cases are done, or one has to be ended. */
function runSome(cases: readonly TrialCase[], results: TrialResult[], caseMs: number): Promise<void> {
  const worker = startThread("./trial-worker", { workerData: cases });
  const goal = results.length + cases.length;
  return new Promise((resolve, reject) => {
    const stop = (fault: string): void => {
      results.push({ alerts: [], logs: [], fault, measure: null });
      void worker.terminate();
    };
    const late = (): void => stop(`it took longer than ${caseMs / 1000} s`);
    let isReady = false;
    let timer: NodeJS.Timeout | undefined;
    worker.on("message", (result: TrialResult | "ready") => {
      clearTimeout(timer);
      if (result === "ready") isReady = true;
      else results.push(result);
      if (results.length < goal) timer = setTimeout(late, caseMs);
    });
    worker.on("error", (error) => {
      clearTimeout(timer);
      if (isReady) stop(error.message);
      else reject(error);
    });
    worker.on("exit", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
