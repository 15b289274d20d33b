// SPDX-License-Identifier: Apache-2.0
// The latest alerts, one by one, as Falco's users know them.
import type { FindingRow } from "../../host/control/shapes.js";
import { useAsked } from "../api.js";
import { Answer, Severity, Table } from "../parts.js";
import { visible } from "../words.js";

interface FindingPage {
  readonly items: readonly FindingRow[];
  readonly next: number | null;
}

export function Findings() {
  const asked = useAsked<FindingPage>("/api/v1/findings?limit=100");
  return (
    <>
      <h1>Findings</h1>
      <Answer asked={asked.value} isNone={({ items }) => items.length === 0} none="No finding so far.">
        {({ items }) => (
          <Table name="Findings" head={["Time", "Priority", "Rule", "Output"]}>
            {items.map(({ seq, alert }) => (
              <tr key={seq}>
                <td>{alert.time.slice(11, 23)}</td>
                <td>
                  <Severity of={alert.priority} />
                </td>
                <td>{visible(alert.rule)}</td>
                <td class="text">{visible(String(alert.output ?? ""))}</td>
              </tr>
            ))}
          </Table>
        )}
      </Answer>
    </>
  );
}
