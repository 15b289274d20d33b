// SPDX-License-Identifier: Apache-2.0
// Alerts about the guard itself: an agent that is gone, silent, refused or in dispute, a sensor that is
// silent, a host that has stopped judging. No policy raises them, and no exception mutes them.
import type { Alert } from "./alert.js";

/** One alert of Vedette about itself, before it has a time. `hostname` is the host that it happened on. */
export interface GuardNews {
  readonly rule:
    | "Agent gone without a word"
    | "Agent refused"
    | "Agent silent"
    | "Sensor silent"
    | "Two agents for one container"
    | "Vedette stopped judging";
  readonly output: string;
  /** What they are about, under Falco's names where there are any. */
  readonly fields: Readonly<Record<string, string | number | null>>;
  readonly hostname: string;
}

/** Makes the alert, with priority Critical, source `internal` and the time of now. */
export function guardAlert({ rule, output, fields, hostname }: GuardNews): Alert {
  const shown = Object.entries(fields).map(([name, value]) => `${name.replace(/^.*\./, "")}=${value ?? "<NA>"}`);
  return {
    rule,
    priority: "Critical",
    tags: ["T1562.001", "TA0005"],
    source: "internal",
    time: BigInt(Date.now()) * 1_000_000n,
    output: `${output} | ${shown.join(" ")}`,
    outputFields: Object.entries(fields),
    hostname,
  };
}
