// SPDX-License-Identifier: Apache-2.0
// What Prometheus learns of what policies measure and could not be counted. The numbers are asked for when
// somebody scrapes.
import { Counter, type Registry } from "prom-client";
import type { Totals } from "../metric/totals.js";

/** Adds them to a registry. */
export function registerMeasures(registry: Registry, totals: Totals): void {
  const rows = [
    ["refused", "measurements of policies that are no numbers, would make a sum none, or had no room"],
    ["lost", "times that a worker was ended with at most a second's measurements of a policy"],
  ] as const;
  for (const [what, help] of rows)
    new Counter({
      name: `vedette_policy_measurements_${what}_total`,
      help,
      labelNames: ["tenant", "policy"],
      registers: [registry],
      collect(this: Counter<"tenant" | "policy">): void {
        this.reset();
        for (const { owner, [what]: count } of totals.troubles())
          this.inc({ tenant: owner.tenant ?? "", policy: owner.policy }, count);
      },
    });
}
