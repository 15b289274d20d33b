// SPDX-License-Identifier: Apache-2.0
// `vedette policy bench DIR`: what an event costs, by type, and how far a batch of it is from the budget.
import { BUDGET_MS } from "../engine/engine.js";
import { whileShowing } from "../output/progress.js";
import { openBundle } from "../policy/bundle.js";
import { PolicyCompiler } from "../policy/compile.js";
import { loadPolicy, moduleBytes } from "../policy/load.js";
import { measurePolicy, type PolicyCost, type TypeCost } from "../policy/measure.js";
import { policyFileOf } from "../policy/policy-file.js";
import { print, printJson } from "./print.js";

/** Measures the policy in `folder` and prints a table or JSON. Gives status 0. */
export async function benchPolicy(folder: string, asJson: boolean): Promise<number> {
  const compiler = new PolicyCompiler();
  try {
    const bundle = openBundle(folder);
    const cost = await whileShowing("compiling and measuring", async () => {
      const policy = await loadPolicy(bundle, { compiler });
      const bytes = await moduleBytes(bundle, policyFileOf(bundle), compiler);
      return { policy: policy.name, ...(await measurePolicy(policy, bundle, bytes)) };
    });
    if (asJson) printJson(cost);
    else print(lines(cost));
    return 0;
  } finally {
    compiler.close();
  }
}

function lines(cost: PolicyCost): string[] {
  const row = ({ type, nsPerEvent, instructionsPerEvent, worstBatchMs }: TypeCost): string =>
    `${type.padEnd(20)} ${nsPerEvent.toFixed(1).padStart(12)} ${instructionsPerEvent.toFixed(1).padStart(12)} ${worstBatchMs.toFixed(2).padStart(16)}`;
  return [
    `${"event".padEnd(20)} ${"ns".padStart(12)} ${"instructions".padStart(12)} ${"a batch, ms".padStart(16)}`,
    ...cost.types.map(row),
    row({ ...cost.other, type: "any other" }),
    `batches of ${cost.batchEvents} events; a batch may take ${BUDGET_MS} ms; memory ${cost.memoryBytes / 1024} KiB`,
  ];
}
