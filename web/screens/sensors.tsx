// SPDX-License-Identifier: Apache-2.0
// Who watches: each container whose agents came, what came of them, and what was lost.
import type { SensorRow } from "../../host/control/shapes.js";
import { useAsked } from "../api.js";
import { Answer, Table, Time } from "../parts.js";
import { count, visible } from "../words.js";

const HEAD = ["Container", "Host", "Image", "#Agents", "Since", "Last", "#Delay", "#Events", "Lost"];

export function Sensors() {
  const asked = useAsked<readonly SensorRow[]>("/api/v1/sensors");
  return (
    <>
      <h1>Sensors</h1>
      <Answer asked={asked.value} isNone={(rows) => rows.length === 0} none="No agent has come so far.">
        {(rows) => (
          <Table name="Sensors" head={HEAD}>
            {rows.map((one) => (
              <tr key={one.name}>
                <td>{visible(one.container?.name ?? one.name)}</td>
                <td>{visible(one.hostname)}</td>
                <td>{visible(one.image ?? "")}</td>
                <td class="number">{one.agents === 0 ? "none" : count(one.agents)}</td>
                <td>{one.since !== null && <Time ns={one.since} />}</td>
                <td>{one.last !== null && <Time ns={one.last} />}</td>
                <td class="number">{one.delayMs === null ? "" : `${count(one.delayMs)} ms`}</td>
                <td class="number">{count(one.events)}</td>
                <td class={Object.keys(one.lost).length === 0 ? "" : "problem"}>{lostText(one)}</td>
              </tr>
            ))}
          </Table>
        )}
      </Answer>
    </>
  );
}

function lostText({ lost }: SensorRow): string {
  const reasons = Object.entries(lost);
  return reasons.length === 0 ? "nothing" : reasons.map(([why, times]) => `${why} ${count(times)}`).join(", ");
}
