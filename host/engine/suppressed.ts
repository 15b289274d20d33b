// SPDX-License-Identifier: Apache-2.0
// The alert about alerts that a limit kept back, in the words that Falco uses of itself.
import type { Alert } from "../output/alert.js";
import { SUPPRESSED, type Suppressed } from "./limiter.js";
import type { LoadedPolicy } from "./policy.js";

/** `name`: of the rule. */
export function suppressedAlert(
  policy: LoadedPolicy,
  name: string,
  { container, count }: Suppressed,
  time: bigint,
): Alert {
  const where = container === "" ? "" : ` container=${container}`;
  return {
    rule: SUPPRESSED,
    priority: "Informational",
    tags: [],
    source: "internal",
    time,
    output: `${count} more alerts of the rule were not raised | rule=${name} policy=${policy.name}${where}`,
    outputFields: [
      ["rule", name],
      ["policy", policy.name],
      ["n_alerts", count],
      ...(container === "" ? [] : [["container.id", container] as const]),
    ],
    ...signatureOf(policy),
  };
}

/** Whose an alert is; the main thread knows the host. */
export function signatureOf({ tenancy, name }: LoadedPolicy): Pick<Alert, "hostname" | "policy" | "tenant"> {
  return { hostname: "", policy: name, ...(tenancy == null ? {} : { tenant: tenancy.tenant }) };
}
