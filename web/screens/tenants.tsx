// SPDX-License-Identifier: Apache-2.0
// Each tenant: what it sees, its limits, and how much of them it uses.
import type { TenantRow } from "../../host/control/shapes.js";
import { useAsked } from "../api.js";
import { Answer, Table } from "../parts.js";
import { count, visible } from "../words.js";

const HEAD = ["Tenant", "Scope", "#Policies", "#MiB", "#Alerts/min", "Runs in a", "Owner", "Loaders", "#Keys"];
const MIB = 1 << 20;

export function Tenants() {
  const asked = useAsked<readonly TenantRow[]>("/api/v1/tenants");
  return (
    <>
      <h1>Tenants</h1>
      <Answer asked={asked.value} isNone={(rows) => rows.length === 0} none="There are no tenants.">
        {(rows) => (
          <Table name="Tenants" head={HEAD}>
            {rows.map((one) => (
              <tr key={one.name}>
                <td>{visible(one.name)}</td>
                <td class="text">{scopeText(one)}</td>
                <td class="number">
                  {count(one.policies.used)} of {count(one.policies.most)}
                </td>
                <td class="number">
                  {(one.memoryBytes.used / MIB).toFixed(1)} of {(one.memoryBytes.most / MIB).toFixed(0)}
                </td>
                <td class="number">{count(one.alertsPerMinute)}</td>
                <td>{one.isolation}</td>
                <td>{one.owner ?? "nobody"}</td>
                <td>{one.loaders.join(", ")}</td>
                <td class="number">{count(one.keys.length)}</td>
              </tr>
            ))}
          </Table>
        )}
      </Answer>
    </>
  );
}

function scopeText({ scope }: TenantRow): string {
  const said = Object.entries(scope).filter(([, globs]) => globs.length > 0);
  return said.length === 0
    ? "everything"
    : said.map(([what, globs]) => `${what}: ${globs.map(String).map(visible).join(" ")}`).join("; ");
}
