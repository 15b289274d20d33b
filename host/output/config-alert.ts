// SPDX-License-Identifier: Apache-2.0
// Alerts about what Vedette judges with, where that changed while it runs: whoever may write those files
// decides what is found, so no change is silent. No policy raises them.
import type { VedetteError } from "../errors.js";
import type { Alert } from "./alert.js";

/** What became of files that changed. */
export interface ConfigNews {
  readonly paths: readonly string[];
  /** Why they were not taken; null: they were. */
  readonly error: VedetteError | null;
  readonly hostname: string;
}

/** Makes the alert, with source `internal` and the time of now. */
export function configAlert({ paths, error, hostname }: ConfigNews): Alert {
  const files = paths.join(", ");
  const isTaken = error === null;
  return {
    rule: `Vedette internal: configuration ${isTaken ? "taken" : "refused"}`,
    priority: isTaken ? "Notice" : "Warning",
    tags: ["T1562.001", "TA0005"],
    source: "internal",
    time: BigInt(Date.now()) * 1_000_000n,
    output: isTaken
      ? `Vedette goes on with what changed | files=${files}`
      : `Vedette goes on with what was before | files=${files} reason=${error.message} [${error.code}]`,
    outputFields: [["files", files], ...(isTaken ? [] : [["code", error.code] as const])],
    hostname,
  };
}
