// SPDX-License-Identifier: Apache-2.0
// The thread of trial.ts: a new instance for each case, so that no case sees what another left.
import { parentPort, workerData } from "node:worker_threads";
import { VedetteError } from "../errors.js";
import { openBatch } from "../wire/batch.js";
import { PolicyRunner } from "./runner.js";
import type { TrialCase, TrialResult } from "./trial.js";

parentPort?.postMessage("ready");
for (const one of workerData as readonly TrialCase[]) parentPort?.postMessage(runCase(one));

function runCase({ policy, batches }: TrialCase): TrialResult {
  const alerts: TrialResult["alerts"][number][] = [];
  const logs: string[] = [];
  try {
    const runner = new PolicyRunner(policy);
    for (const bytes of batches) {
      const batch = openBatch(bytes);
      const judgement = runner.judge(batch);
      alerts.push(...judgement.alerts);
      logs.push(...judgement.logs.map((line) => line.text));
      const fault = judgement.faults[0];
      if (fault !== undefined) return { alerts, logs, fault: `it failed at event ${fault.event}: ${fault.reason}` };
    }
    return { alerts, logs, fault: null };
  } catch (error) {
    if (!(error instanceof VedetteError)) throw error;
    return { alerts, logs, fault: error.message };
  }
}
