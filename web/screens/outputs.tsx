// SPDX-License-Identifier: Apache-2.0
// Where alerts go, the store among them: whether they get there, what waits, and what was lost.
import type { OutputRow } from "../../host/control/shapes.js";
import { useAsked } from "../api.js";
import { Answer, Named, Table } from "../parts.js";
import { count, visible } from "../words.js";

const HEAD = ["Output", "Kind", "State", "#Waiting", "#Oldest", "#Sent", "#Tried again", "#Dropped", "Last error"];

export function Outputs() {
  const asked = useAsked<readonly OutputRow[]>("/api/v1/outputs");
  return (
    <>
      <h1>Outputs</h1>
      <Answer asked={asked.value} isNone={(rows) => rows.length === 0} none="There is no output.">
        {(rows) => (
          <Table name="Outputs" head={HEAD}>
            {rows.map((one) => (
              <tr key={`${one.kind} ${one.name}`}>
                <td>{visible(one.name)}</td>
                <td>{one.kind}</td>
                <td class={one.state === "ok" ? "" : "problem"}>{one.state}</td>
                <td class="number">{count(one.queued)}</td>
                <td class="number">{one.queued === 0 ? "" : `${(one.oldestMs / 1000).toFixed(1)} s`}</td>
                <td class="number">{count(one.sent)}</td>
                <td class="number">{count(one.retries)}</td>
                <td class="number">{droppedText(one)}</td>
                <td class="text">
                  <Named of={one.lastError?.message ?? ""} />
                </td>
              </tr>
            ))}
          </Table>
        )}
      </Answer>
    </>
  );
}

/** `12 (full 10, closed 2)`. */
function droppedText({ dropped }: OutputRow): string {
  const there = Object.entries(dropped).filter(([, times]) => times > 0);
  const all = there.reduce((sum, [, times]) => sum + times, 0);
  return all === 0 ? "0" : `${count(all)} (${there.map(([why, times]) => `${why} ${count(times)}`).join(", ")})`;
}
