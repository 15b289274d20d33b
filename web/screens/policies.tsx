// SPDX-License-Identifier: Apache-2.0
// Each policy: whether it judges, what it raised, and what it costs.
import type { PolicyRow } from "../../host/control/shapes.js";
import { useAsked } from "../api.js";
import { Answer, Named, Table } from "../parts.js";
import { count, visible } from "../words.js";

const HEAD = [
  "Policy",
  "Version",
  "State",
  "#Rules",
  "#Events",
  "#Alerts",
  "#Held back",
  "#ns/event",
  "#MiB",
  "Last error",
];

export function Policies() {
  const asked = useAsked<readonly PolicyRow[]>("/api/v1/policies");
  return (
    <>
      <h1>Policies</h1>
      <Answer asked={asked.value} isNone={(rows) => rows.length === 0} none="No policy is loaded.">
        {(rows) => (
          <Table name="Policies" head={HEAD}>
            {rows.map((one) => (
              <tr key={`${one.tenant}/${one.policy}`}>
                <td>{visible(one.tenant === "" ? one.policy : `${one.tenant}/${one.policy}`)}</td>
                <td>{visible(one.version)}</td>
                <td class={one.state === "judging" ? "" : "problem"}>{one.state}</td>
                <td class="number">{count(one.rules)}</td>
                <td class="number">{count(one.events)}</td>
                <td class="number">{count(one.alerts)}</td>
                <td class="number">{count(one.suppressed)}</td>
                <td class="number">{one.nsPerEvent.toFixed(0)}</td>
                <td class="number">{(one.memoryBytes / 2 ** 20).toFixed(1)}</td>
                <td class="text">
                  <Named of={one.lastError ?? ""} />
                </td>
              </tr>
            ))}
          </Table>
        )}
      </Answer>
    </>
  );
}
