// SPDX-License-Identifier: Apache-2.0
// An alert whole, as one Vedette tells it to another over a bus: what its store would keep of it. Falco's
// JSON has no finding, and OCSF's says less. Whoever reads it (host/fleet/said-alert.ts) believes nothing.
import type { Alert } from "./alert.js";
import { jsonOf } from "./numbers.js";

/** A line of JSON, in which bigints are texts, without what is about the host's own incidents and files. */
export function alertRecord(alert: Alert): string {
  const { rule, priority, tags, source, time, output, outputFields, hostname, policy, tenant, finding } = alert;
  return jsonOf({ rule, priority, tags, source, time, output, outputFields, hostname, policy, tenant, finding });
}
