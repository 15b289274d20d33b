// SPDX-License-Identifier: Apache-2.0
// Makes one agent's table of what to deny: the merged rows of all policies whose scope includes the agent's
// container. A condition about the container is decided here. A condition about a process goes into the row.
import type { ContainerFacts } from "../wire/container.js";
import type { LoadedPolicy } from "./policy.js";
import { ACTIONS, DENIABLE, type DenyRow, MODES } from "./prevent-row.js";
import { isScopeOf } from "./scope.js";

/** As the wire has it (docs/wire.md). */
export type WireRow = readonly [
  policy: string,
  rule: string,
  deny: number,
  action: number,
  mode: number,
  networks: readonly string[],
  ports: readonly number[],
  files: readonly string[],
  programs: readonly string[],
  uids: readonly number[],
  executables: readonly string[],
];

/** How events name the policy whose row it was: two tenants may have a policy of the same name. */
export function preventingName({ name, tenancy }: LoadedPolicy): string {
  return nameOfTenants(tenancy?.tenant ?? null, name);
}

/** The same of a policy by its name; `tenant` null: it is the operator's. */
export function nameOfTenants(tenant: string | null, policy: string): string {
  return tenant === null ? policy : `${tenant}/${policy}`;
}

/**
 * Rows for an agent whose container has these facts. Null facts: nobody knows the container yet, so a scope
 * that names containers does not hold.
 */
export function rowsFor(policies: readonly LoadedPolicy[], facts: ContainerFacts | null): WireRow[] {
  return policies.flatMap((policy) => {
    const scope = policy.tenancy?.scope ?? null;
    if (scope !== null && !isScopeOf(scope, facts)) return [];
    return (policy.prevent ?? []).map((row) => wireRow(preventingName(policy), row, scope ?? undefined));
  });
}

/** One row in the name of a policy; `scope`: whose calls it is about, if not everybody's. */
export function wireRow(
  policy: string,
  { name, deny, action, mode, networks, ports, files, programs }: DenyRow,
  scope?: { readonly uids: readonly number[]; readonly executables: readonly string[] },
): WireRow {
  const numbers = [DENIABLE.indexOf(deny), ACTIONS.indexOf(action), MODES.indexOf(mode)] as const;
  const whose = [scope?.uids ?? [], scope?.executables ?? []] as const;
  return [policy, name, ...numbers, networks, ports, files, programs, ...whose];
}
