// SPDX-License-Identifier: Apache-2.0
// Lets a policy judge given batches, outside of a running engine: for tests.yaml, benchmarks and the
// self-test before a swap. The code is an author's and may never return, so it runs in a thread that is ended
// when one case takes too long.
import type { Worker } from "node:worker_threads";
import type { Alert } from "../output/alert.js";
import { startThread } from "../thread.js";
import type { Measured } from "../wasm/metrics-region.js";
import type { ContainerFacts } from "../wire/container.js";
import type { ExaminedPolicy, LoadedPolicy } from "./policy.js";

/** A batch as bytes, and what is known of the container that it came from. */
export interface TrialBatch {
  readonly bytes: Uint8Array;
  readonly container: ContainerFacts | null;
}
/** One policy and the batches that it is to judge, from a new state. */
export interface TrialCase<P extends ExaminedPolicy = LoadedPolicy> {
  readonly policy: P;
  readonly batches: readonly TrialBatch[];
  /** Judge them again and again for so long, and measure. */
  readonly measureMs?: number;
  /** Say what it has measured, too. */
  readonly isMetered?: boolean;
  /** In a process: say of alerts what a person looks at, and of many as many as it may say. */
  readonly isBrief?: boolean;
}
/** Of the policy's own code: alerts are not made. */
export interface TrialMeasure {
  /** Of the fastest pass over all batches. */
  readonly nsPerEvent: number;
  /** Of the batch that takes longest: the median of all passes, warm. */
  readonly worstBatchMs: number;
  /** Instructions of one pass, where the module counts them. */
  readonly fuel: bigint;
  readonly memoryBytes: number;
}
/** What the policy said to the batches. `fault` is null where all went well. */
export interface TrialResult {
  readonly alerts: readonly Alert[];
  /** Further alerts, which were left out; none where all are there. */
  readonly more?: number;
  readonly logs: readonly string[];
  /** What it has measured in all, where it was asked. */
  readonly measured: readonly Measured[];
  /** Why it failed: it trapped, could not start, or took too long. */
  readonly fault: string | null;
  readonly measure: TrialMeasure | null;
}

/** For made-up events: their container is not known. */
export const madeUp = (bytes: Uint8Array): TrialBatch => ({ bytes, container: null });

const CASE_MS_MAX = 5000;

/** Runs the cases in order; the result of each. */
export async function runTrials(cases: readonly TrialCase[], caseMs: number = CASE_MS_MAX): Promise<TrialResult[]> {
  const stage = new TrialStage();
  try {
    return await stage.run(cases, caseMs);
  } finally {
    stage.close();
  }
}

/** A thread that cases run in, one after the other; the next one when it had to be ended. */
export class TrialStage {
  #worker: Worker | null = null;
  #last: Promise<unknown> = Promise.resolve();

  /** Starts the thread before it is needed. */
  warm(): void {
    if (this.#worker !== null) return;
    const worker = startThread(import.meta.url, "./trial-worker", {});
    worker.unref();
    worker.once("exit", () => {
      if (this.#worker === worker) this.#worker = null;
    });
    this.#worker = worker;
  }

  /** Runs the cases in order, behind those that were there before; the result of each. */
  run(cases: readonly TrialCase[], caseMs: number = CASE_MS_MAX): Promise<TrialResult[]> {
    const results = this.#last.then(() => this.#runAll(cases, caseMs));
    this.#last = results.catch(() => undefined);
    return results;
  }

  close(): void {
    void this.#worker?.terminate();
    this.#worker = null;
  }

  async #runAll(cases: readonly TrialCase[], caseMs: number): Promise<TrialResult[]> {
    const results: TrialResult[] = [];
    for (const one of cases) results.push(await this.#runOne(one, caseMs));
    return results;
  }

  #runOne(one: TrialCase, caseMs: number): Promise<TrialResult> {
    this.warm();
    const worker = this.#worker as Worker;
    worker.ref();
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      let isReady = false;
      const end = (): void => {
        clearTimeout(timer);
        worker.off("message", onMessage).off("error", onError);
        worker.unref();
      };
      const fail = (fault: string): void => {
        end();
        this.close();
        resolve({ alerts: [], logs: [], measured: [], fault, measure: null });
      };
      // The time of a case begins when the thread has it. A slow start on a busy machine does not count.
      const onMessage = (said: TrialResult | "begun"): void => {
        isReady = true;
        if (said === "begun") {
          timer = setTimeout(() => fail(`it took longer than ${caseMs / 1000} s`), caseMs);
          return;
        }
        end();
        resolve(said);
      };
      const onError = (error: Error): void => {
        end();
        this.close();
        if (isReady) resolve({ alerts: [], logs: [], measured: [], fault: error.message, measure: null });
        else reject(error);
      };
      worker.on("message", onMessage).on("error", onError);
      worker.postMessage(one);
    });
  }
}
