// SPDX-License-Identifier: Apache-2.0
// A tenant as the API shows it: its scope, its limits, and how much of them its policies use.
import type { PolicyStatus } from "../policy/status.js";
import type { Tenant } from "../policy/tenants.js";
import type { TenantRow } from "./shapes.js";

/** `policies`: of all tenants. */
export function tenantRow(tenant: Tenant, policies: readonly PolicyStatus[]): TenantRow {
  const { name, tenancy, owner, isApart, policiesMax, memoryBytesMax, loaders, keys } = tenant;
  const own = policies.filter((one) => one.tenant === name);
  const { containers, images, families, uids, executables } = tenancy.scope;
  return {
    ...{ name, owner, loaders: [...loaders], keys: keys.map(({ id }) => id) },
    isolation: isApart ? "process" : "thread",
    scope: {
      ...{ containers: [...containers], images: [...images], task_families: [...families] },
      ...{ uids: [...uids], executables: [...executables] },
    },
    policies: { used: own.length, most: policiesMax },
    memoryBytes: { used: own.reduce((all, { memoryBytes }) => all + memoryBytes, 0), most: memoryBytesMax },
    alertsPerMinute: tenancy.bounds?.alerts.perMinute ?? 0,
  };
}
