// SPDX-License-Identifier: Apache-2.0
// The processes that live, as a table by container and pid.
import type { ProcessRow } from "../../host/control/shapes.js";
import { useAsked } from "../api.js";
import { Answer, Table, Time } from "../parts.js";
import { visible } from "../words.js";

interface ProcessPage {
  readonly items: readonly ProcessRow[];
  readonly next: string | null;
}

const HEAD = ["Container", "#Pid", "#Parent", "User", "Program", "Command", "Since"];

export function Processes() {
  const asked = useAsked<ProcessPage>("/api/v1/processes?limit=500");
  return (
    <>
      <h1>Processes</h1>
      <Answer asked={asked.value} isNone={({ items }) => items.length === 0} none="No process has been seen so far.">
        {({ items, next }) => (
          <>
            <Table name="Processes" head={HEAD}>
              {items.map((one) => (
                <tr key={one.key}>
                  <td>{visible(one.container === null ? "host" : (one.container.name ?? one.container.id))}</td>
                  <td class="number">{one.pid}</td>
                  <td class="number">{one.ppid}</td>
                  <td>{visible(one.user ?? String(one.uid ?? ""))}</td>
                  <td>{visible(one.exepath ?? one.name ?? "")}</td>
                  <td class="text">{visible(one.cmdline ?? "")}</td>
                  <td>
                    <Time ns={one.start} />
                  </td>
                </tr>
              ))}
            </Table>
            {next !== null && <p class="quiet">The first {items.length}; there are more.</p>}
          </>
        )}
      </Answer>
    </>
  );
}
